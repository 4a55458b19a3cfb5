"""The recipe of a chat model, from whatever it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph_moa.checks import whole_number
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Aggregator, Mixture, Model, Proposer
from langgraph_moa.presets import load_preset


def recipe_of(
    mixture: Mixture | Mapping[str, Any] | None,
    preset: str | None,
    proposers: Sequence[Proposer | Model] | None,
    aggregator: Aggregator | Model | None,
    depth: int | None,
) -> Mixture:
    """Return the mixture that a chat model is made of: exactly one way of telling it must be used.

    Raises:
        ConfigurationError: None is used, or several are, or the recipe is wrong.
    """
    ways = {"mixture": mixture, "model": preset, "proposers": proposers}
    chosen = [name for name, value in ways.items() if value is not None]
    if len(chosen) != 1 or (aggregator is None) != (proposers is None):
        found = ", ".join([*chosen, *(["aggregator"] if aggregator is not None else [])]) or "none of them"
        msg = f"ChatMoA takes mixture, model (a preset), or proposers with an aggregator: exactly one; got {found}"
        raise ConfigurationError(msg)
    if depth is not None and proposers is None:
        msg = f"ChatMoA.depth goes with proposers; got {depth} beside {chosen[0]}, which has a depth of its own"
        raise ConfigurationError(msg)
    if preset is not None:
        _refuse_other_names(preset)
        return load_preset(preset)
    if proposers is not None and aggregator is not None:
        return Mixture.of(proposers, aggregator, depth=2 if depth is None else depth)
    return mixture if isinstance(mixture, Mixture) else Mixture.from_dict(mixture or {})


def _refuse_other_names(preset: str) -> None:
    """Refuse the name of a model, or of a file, where that of a preset belongs."""
    if preset.endswith((".toml", ".json")):
        msg = f"ChatMoA.model is the name of a preset, got the file {preset!r}: ChatMoA(mixture=Mixture.from_file(...))"
        raise ConfigurationError(msg)
    if ":" in preset:
        msg = (
            f"ChatMoA.model is the name of a preset, got the model {preset!r}: "
            f"ChatMoA(proposers=[{preset!r}, ...], aggregator={preset!r})"
        )
        raise ConfigurationError(msg)


def with_parameters(mixture: Mixture, *, max_retries: int | None = None, **sampling: float | None) -> Mixture:
    """Return a mixture whose aggregator has other parameters.

    Args:
        mixture: The recipe.
        max_retries: Of a model that is named by a string; `None` leaves it.
        sampling: Further fields of `Aggregator`; `None` leaves what the recipe says.

    Raises:
        ConfigurationError: A value is wrong, or retries are given for a model object.
    """
    merger = mixture.merger
    changed: dict[str, Any] = {name: value for name, value in sampling.items() if value is not None}
    if max_retries is not None:
        whole_number("ChatMoA.max_retries", max_retries, low=0)
        if not isinstance(merger.model, str):
            msg = "ChatMoA.max_retries goes with an aggregator that is a string: set max_retries on the model object"
            raise ConfigurationError(msg)
        changed["model_kwargs"] = {**merger.model_kwargs, "max_retries": max_retries}
    return replace(mixture, aggregator=replace(merger, **changed)) if changed else mixture
