"""What the page asks for: a request as data, and the mixture that it makes of a named one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Mixture, model_label

FILE_PROVIDERS = ("gguf",)
"""Providers whose models are paths on this machine, which a page does not get to choose."""
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
    return Request(layers=layers, **{name: table[name] for name in own if name in table})


def changed(mixture: Mixture, request: Request) -> Mixture:
    """Return the mixture that answers a request.

    Raises:
        ConfigurationError: A slot or a provider does not exist, a value is out of its bounds, or a model is a file
            that the mixture does not name itself.
    """
    models = {slot: model.strip() for slot, model in request.models.items()}
    _refuse_files(mixture, models)
    asked = mixture.swap(models) if models else mixture
    if not request.layers:
        return asked
    layers = [replace(layer, **request.layers) for layer in asked.layers]
    return replace(asked, layers=layers, preset=None, preset_version=None)


def _refuse_files(mixture: Mixture, models: Mapping[str, str]) -> None:
    own = {model_label(model) for seat in mixture.seats for model in seat.models}
    for slot, model in models.items():
        if model.partition(":")[0].lower() in FILE_PROVIDERS and model not in own:
            raise ConfigurationError(
                f"{slot} cannot be {model!r}: a file on the server is chosen by whoever starts the server. Name it in "
                "a mixture file, or take a model of another provider"
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
