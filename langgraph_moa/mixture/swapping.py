"""Another model in a seat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph_moa.mixture.seats import AnySeat, Model, Seat, model_label
from langgraph_moa.parameters import Parameters
from langgraph_moa.providers import parse_model_name


def swapped(seat: AnySeat, names: Sequence[str], models: Mapping[str, Model], used: set[str]) -> AnySeat:
    """Put another model in a seat if one is named for it, and note the name that was used."""
    for key in (*names, *([] if seat.model is None else [model_label(seat.model)])):
        if key in models:
            used.add(key)
            return replace(seat, model=models[key], model_kwargs=_kwargs_for(models[key], seat))
    return seat


def _kwargs_for(model: Model, seat: Seat) -> Mapping[str, Any]:
    """Return what of a seat's constructor arguments another model may get: no key of another provider."""
    if not isinstance(model, str) or not isinstance(seat.model, str) or not isinstance(seat.model_kwargs, Parameters):
        return {}
    same = parse_model_name(model).provider == parse_model_name(seat.model).provider
    return seat.model_kwargs if same or "base_url" in seat.model_kwargs else seat.model_kwargs.without_secrets()
