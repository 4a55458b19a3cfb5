"""What the page asks for: a request as data, and the mixture that it makes of a named one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Mixture, model_label
from langgraph_moa.surrogates import well_formed

HOSTED = frozenset((
    "anthropic", "anthropic_bedrock", "azure_ai", "azure_openai", "baseten", "bedrock", "bedrock_converse", "cohere",
    "deepseek", "fireworks", "google_anthropic_vertex", "google_genai", "google_vertexai", "groq", "ibm", "mistralai",
    "nvidia", "offline", "ollama", "openai", "openrouter", "perplexity", "together", "upstage", "xai",
))  # fmt: skip
"""Providers of which a page may choose any model: a service is asked for it by its name, or it comes with the package.

Left out are those for which a name may make this process read a file or load weights: `gguf`, `huggingface`, and
`litellm`, which knows providers that do. Ollama is a service, which gives what it has.
"""
_LAYER_FIELDS = ("quorum", "deadline", "grace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question, and how it is to be answered."""

    question: str
    mixture: str
    """Name of a mixture that is served."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Other models, by slot, or for the `aggregator`, each `provider:model`."""
    layers: Mapping[str, Any] = field(default_factory=dict)
    """`quorum`, `deadline` and `grace` of every layer, as far as they are changed."""

    def __post_init__(self) -> None:
        """Check what `Layer` and `Mixture` do not."""
        for name, value in (("question", self.question), ("mixture", self.mixture)):
            if not isinstance(value, str) or not value.strip():
                raise ConfigurationError(f"{name} must be text, got {checks.shown(value)}. Write something there")
        for slot, model in checks.known_keys("models", self.models).items():
            if not isinstance(model, str):
                raise ConfigurationError(f"the model of {slot} must be 'provider:model', got {checks.shown(model)}")


def read_request(body: object) -> Request:
    """Return what a JSON body asks for.

    Raises:
        ConfigurationError: A key is unknown or missing, or a value is of a wrong kind.
    """
    own = ("question", "mixture", "models")
    table = checks.known_keys("the request", body, (*own, *_LAYER_FIELDS), required=("question", "mixture"))
    layers = {name: table[name] for name in _LAYER_FIELDS if name in table}
    return Request(layers=layers, **{name: _sendable(table[name]) for name in own if name in table})


def _sendable(value: object) -> Any:  # noqa: ANN401 - of the kind of the value
    """Return a text, or a table of texts, without halves of characters, which JSON can hold and nobody can send."""
    if isinstance(value, Mapping):
        return {_sendable(key): well_formed(text) if isinstance(text, str) else text for key, text in value.items()}
    return well_formed(value) if isinstance(value, str) else value


def changed(mixture: Mixture, request: Request) -> Mixture:
    """Return the mixture that answers a request.

    Raises:
        ConfigurationError: A slot or a provider does not exist, a value is out of its bounds, or a model is neither
            of a provider in `HOSTED` nor named by the mixture itself.
    """
    models = {slot: model.strip() for slot, model in request.models.items()}
    _refuse_what_is_not_hosted(mixture, models)
    asked = mixture.swap(models) if models else mixture
    if not request.layers:
        return asked
    layers = [replace(layer, **request.layers) for layer in asked.layers]
    return replace(asked, layers=layers, preset=None, preset_version=None)


def _refuse_what_is_not_hosted(mixture: Mixture, models: Mapping[str, str]) -> None:
    own = {model for seat in mixture.seats for model in seat.models if isinstance(model, str)}
    for slot, model in models.items():
        if model.partition(":")[0] not in HOSTED and model not in own:
            raise ConfigurationError(
                f"{slot} cannot be {model!r}: write 'provider:model' with one of the providers "
                f"{', '.join(sorted(HOSTED))}, or a model that the mixture names itself. What reads a file or loads "
                "weights on the server is chosen by whoever starts it, in a mixture file"
            )


def described(mixture: Mixture) -> dict[str, Any]:
    """Return what a page has to know of a mixture to draw it: every stage with its seats."""
    stages: list[dict[str, Any]] = []
    for number, (layer, slots) in enumerate(zip(mixture.layers, mixture.slots, strict=True), start=1):
        seats = [_seat(slot.name, slot.node, model_label(slot.proposer.model)) for slot in slots]
        if layer.merger is not None:
            seats.append(_seat("join", f"layer_{number}_join", layer.merger.label))
        told = {"quorum": layer.quorum, "deadline": layer.deadline, "grace": layer.grace}
        stages.append({"title": f"layer {number}", "layer": number, "seats": seats, **told})
    last = {"title": "aggregator", "layer": None, "seats": [_seat("aggregator", "aggregator", mixture.merger.label)]}
    return {"name": mixture.name, "stages": [*stages, last]}


def _seat(slot: str, node: str, model: str) -> dict[str, str]:
    return {"slot": slot, "node": node, "model": model}
