"""The preset `local`, made of the models that are on this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from langgraph_moa.discovery import Finding, LocalModel
from langgraph_moa.mixture import Aggregator, Mixture, Proposer

_PARAMETERS = re.compile(r"(?<![\d.a-z])(\d+(?:\.\d+)?)b(?![a-z])")
"""Such as `70b` in a name."""
_BYTES_OF_A_BILLION = 6e8
"""As models are usually quantised for a machine like this."""
_MOST_PROPOSERS = 3
_SAMPLES = 3
_DEADLINE = 600.0
_ANSWER, _PROPOSAL = 2048, 1024
"""Tokens at most."""
_SHARE = 4
"""An answer takes no more than one in so many of the tokens that its model can take."""


def local_mixture(finding: Finding) -> Mixture | None:
    """Return a mixture of what was found: the largest model merges, the next three propose.

    A single model proposes three times; of two, both propose. One request at a time is made of each server.

    Args:
        finding: What is on this machine.

    Returns:
        `None` where nothing was found.
    """
    ranked = sorted(_distinct(finding.models), key=_weight, reverse=True)
    if not ranked:
        return None
    merger, *others = ranked
    asked = others[:_MOST_PROPOSERS] if len(others) > 1 else ranked
    proposers = [_proposer(model, samples=_SAMPLES if len(asked) == 1 else 1) for model in asked]
    return Mixture.of(
        proposers,
        Aggregator(_named(merger), temperature=0.7, max_tokens=_length(merger, _ANSWER), model_kwargs=_server(merger)),
        name="local",
        deadline=_DEADLINE,
        limits={model.base_url or "ollama": 1 for model in (merger, *asked) if model.provider != "gguf"},
    )


def said_of(finding: Finding, mixture: Mixture | None) -> str:
    """Return in one line what was found, and what was made of it."""
    if mixture is None:
        advice = "start Ollama or another server, or name a folder of GGUF files in LANGGRAPH_MOA_GGUF_FOLDER"
        return f"{finding}; {advice}. Until then it is the recipe as it is written"
    *proposers, merger = (Path(seat.label).name for seat in mixture.seats)
    times = f"proposes {_SAMPLES} times" if len(proposers) == 1 else "propose"
    return f"{finding}; {', '.join(proposers)} {times}, {merger} merges"


def _weight(model: LocalModel) -> float:
    """Return a model's parameters in billions: as its name tells, or else by its size; 0 where neither is known."""
    named = _PARAMETERS.search(Path(model.name).name.lower())
    return float(named[1]) if named else (model.size or 0) / _BYTES_OF_A_BILLION


def _distinct(models: Sequence[LocalModel]) -> list[LocalModel]:
    """Return models with one of each name, the first of them; of files, whatever folder they are in."""
    kept: dict[str, LocalModel] = {}
    for model in models:
        kept.setdefault(Path(model.name).name if model.provider == "gguf" else model.name, model)
    return list(kept.values())


def _proposer(model: LocalModel, *, samples: int) -> Proposer:
    return Proposer(
        _named(model),
        temperature=0.7,
        max_tokens=_length(model, _PROPOSAL),
        samples=samples,
        model_kwargs=_server(model),
    )


def _length(model: LocalModel, usual: int) -> int:
    """Return the tokens of an answer: fewer than usual where the model was made for short texts."""
    return usual if model.context is None else max(1, min(usual, model.context // _SHARE))


def _named(model: LocalModel) -> str:
    return f"{model.provider}:{model.name}"


def _server(model: LocalModel) -> dict[str, str]:
    return {} if model.base_url is None else {"base_url": model.base_url, "api_key": "none"}
