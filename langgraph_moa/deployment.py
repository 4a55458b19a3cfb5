"""A mixture on a LangGraph server: each assistant's configuration says which, and every proposer is a node.

`langgraph.json` names the factory, here or in a project of one's own:

    {"dependencies": ["."], "graphs": {"moa": "langgraph_moa.deployment:mixture_graph"}}

A configuration holds names of models and numbers, never a key: keys stand in the server's environment.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

from langchain_core.runnables import RunnableConfig
from pydantic import Field, JsonValue, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from langgraph_moa.checks import shown
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Layer, Mixture, Proposer
from langgraph_moa.mixture.naming import limit_names
from langgraph_moa.mixture.recipe import models_of
from langgraph_moa.mixture.seats import Seat
from langgraph_moa.presets import LOCAL, list_presets, load_preset
from langgraph_moa.redaction import redact

PRESET_VARIABLE = "LANGGRAPH_MOA_PRESET"
"""Names the mixture of assistants that name no preset: a preset, or a mixture's .toml or .json file."""
DEFAULT_PRESET = "offline"
"""Where that variable is not set either: what needs no key and no network."""
_KEPT_GRAPHS = 64
"""Compiled graphs that are kept, so that their models, connections and limits serve one run after the other."""
_LIKENESS = 0.8
"""From which a key counts as one of ours misspelt: a server, and graphs around, put keys of their own beside them."""
_PRESETS: list[JsonValue] = [*list_presets()]
"""Listed once: a server reads the schema in its event loop, where no folder may be."""
_MODEL = r"^[^:\s]+:\S.*$"
_MODEL_RULE = "A model is named as provider:model, such as openai:gpt-4o"

ModelName = Annotated[str, Field(pattern=_MODEL, examples=["openai:gpt-4o-mini"])]


class MixtureConfiguration(TypedDict, total=False):
    """What an assistant says of its mixture. What is left out, or empty, stays as the preset has it."""

    preset: Annotated[
        str,
        Field(
            title="Preset",
            description="The recipe to begin with. Empty: the one that the server was started with.",
            json_schema_extra={"enum": _PRESETS},
        ),
    ]
    proposers: Annotated[
        list[ModelName],
        Field(title="Proposers", description="Models that propose in every layer, each as provider:model."),
    ]
    aggregator: Annotated[
        ModelName, Field(title="Aggregator", description="The model that writes the answer, as provider:model.")
    ]
    depth: Annotated[
        int, Field(title="Depth", ge=2, le=64, description="Stages of model calls, the aggregator included.")
    ]
    quorum: Annotated[int, Field(title="Quorum", ge=1, description="Usable proposals that every layer needs.")]
    grace: Annotated[
        float, Field(title="Grace", ge=0, description="Seconds to go on waiting once the quorum is reached.")
    ]
    deadline: Annotated[float, Field(title="Deadline", gt=0, description="Seconds for every layer.")]
    swaps: Annotated[
        dict[str, ModelName],
        Field(
            title="Swaps",
            description="Other models in single seats, by the seat's name, its model, or aggregator.",
            examples=[{"aggregator": "openai:gpt-4o"}],
        ),
    ]


_CONFIGURATION = TypeAdapter(MixtureConfiguration)


class _Start(NamedTuple):
    """What a configuration without a preset begins with, and of a file how it stood."""

    name: str
    changed_at: int | None = None
    """Nanoseconds since 1970."""
    size: int | None = None
    """Bytes."""


async def mixture_graph(config: RunnableConfig) -> MoAGraph:
    """Return the mixture that an assistant's configuration describes, for a LangGraph server.

    Args:
        config: `configurable` may hold every key of `MixtureConfiguration`; a server puts more beside them.

    Raises:
        ConfigurationError: A value is wrong, or a key is one of ours misspelt.
    """
    return await asyncio.to_thread(_graph_of, config.get("configurable") or {})


def configured_mixture(configuration: MixtureConfiguration) -> Mixture:
    """Return the preset, or the mixture file, that a configuration begins with, changed as it says.

    Raises:
        ConfigurationError: The preset or the file is wrong, or what it is changed to.
    """
    mixture = load_preset(configuration["preset"]) if "preset" in configuration else _default()
    layers = [_changed_layer(layer, configuration) for layer in _of_depth(mixture.layers, configuration.get("depth"))]
    if layers != list(mixture.layers):
        mixture = _with_layers(mixture, layers)
    if "aggregator" in configuration:
        mixture = mixture.swap({"aggregator": configuration["aggregator"]})
    return mixture.swap(configuration["swaps"]) if "swaps" in configuration else mixture


def read_configuration(configurable: Mapping[str, Any]) -> MixtureConfiguration:
    """Return what of a run's `configurable` concerns the mixture; empty values, as forms leave them, are left out.

    Raises:
        ConfigurationError: A value is wrong, or a key is one of ours misspelt.
    """
    ours = MixtureConfiguration.__annotations__
    for key in configurable:
        if key not in ours and (meant := difflib.get_close_matches(key, ours, n=1, cutoff=_LIKENESS)):
            raise ConfigurationError(f"configurable.{key} is unknown. Did you mean {meant[0]!r}?")
    given = {key: configurable[key] for key in ours if configurable.get(key) not in (None, "", [], {})}
    try:
        return _CONFIGURATION.validate_python(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(["configurable", *map(str, wrong["loc"])])
        rule = _MODEL_RULE if wrong["type"] == "string_pattern_mismatch" else wrong["msg"]
        raise ConfigurationError(f"{where}: {rule}; got {redact(shown(wrong['input']))}") from None


def _graph_of(configurable: Mapping[str, Any]) -> MoAGraph:
    configuration = read_configuration(configurable)
    start = None if "preset" in configuration else _stamp(_default_name())
    compile_anew = _compiled.__wrapped__ if _looks_around(configuration) else _compiled
    return compile_anew(json.dumps(configuration, sort_keys=True), start)


def _looks_around(configuration: MixtureConfiguration) -> bool:
    """Say whether a mixture is made of what is on this machine at the moment."""
    return configuration.get("preset", _default_name()) == LOCAL


@lru_cache(maxsize=_KEPT_GRAPHS)
def _compiled(configuration: str, start: _Start | None) -> MoAGraph:  # noqa: ARG001 - another one is to be read anew
    mixture = configured_mixture(cast("MixtureConfiguration", json.loads(configuration)))
    return create_moa(mixture).copy({"context_schema": MixtureConfiguration})


def _default_name() -> str:
    return os.environ.get(PRESET_VARIABLE, "").strip() or DEFAULT_PRESET


def _default() -> Mixture:
    name = _default_name()
    return Mixture.from_file(name) if _is_file(name) else load_preset(name)


def _is_file(name: str) -> bool:
    return name.endswith((".toml", ".json")) or os.sep in name


def _stamp(name: str) -> _Start:
    if not _is_file(name) or not Path(name).exists():
        return _Start(name)
    status = Path(name).stat()
    return _Start(name, status.st_mtime_ns, status.st_size)


def _of_depth(layers: Sequence[Layer], depth: int | None) -> list[Layer]:
    """Return the layers of a mixture of another depth: its last one is repeated, or its last ones are left out."""
    wanted = len(layers) if depth is None else depth - 1
    return [*layers[:wanted], *[layers[-1]] * (wanted - len(layers))]


def _changed_layer(layer: Layer, configuration: MixtureConfiguration) -> Layer:
    changed: dict[str, Any] = {
        key: value for key, value in configuration.items() if key in ("quorum", "grace", "deadline")
    }
    if "proposers" in configuration:
        changed["proposers"] = [Proposer(model) for model in configuration["proposers"]]
    return replace(layer, **changed)


def _with_layers(mixture: Mixture, layers: Sequence[Layer]) -> Mixture:
    """Return a mixture with other layers; limits that concern none of its models are left out, as in `Mixture.swap`."""
    seats: list[Seat] = [seat for layer in layers for seat in (*layer.seats, layer.merger) if seat is not None]
    names = {name for _, model in models_of([*seats, mixture.merger]) for name in limit_names(model)}
    limits = {key: limit for key, limit in mixture.limits.items() if key in names or "://" in key}
    return replace(mixture, layers=layers, limits=limits, preset=None, preset_version=None)
