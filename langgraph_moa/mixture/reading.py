"""Tables, as read from TOML or JSON, as the parts of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture.layer import Layer
from langgraph_moa.mixture.seats import Aggregator, AnySeat, Model, NestedModel, Proposer
from langgraph_moa.serialization import read_fields

ReadNested = Callable[[Mapping[str, Any]], NestedModel]
"""Builds a mixture from its table, for a seat whose model is one."""


def read_proposers(what: str, tables: object, nested: ReadNested) -> list[Proposer]:
    """Read a list of proposers; a string stands for a proposer with that model alone."""
    return [
        _read_seat(Proposer, f"{what}[{index}]", table, nested)
        for index, table in enumerate(checks.listed(what, tables))
    ]


def read_aggregator(what: str, table: object, nested: ReadNested) -> Aggregator:
    """Read an aggregator; a string stands for one with that model alone."""
    return _read_seat(Aggregator, what, table, nested)


def read_layer(what: str, table: object, nested: ReadNested) -> Layer:
    """Read a layer with its proposers and its own aggregator, if it has one."""
    fields = read_fields(what, table, Layer)
    proposers = read_proposers(f"{what}.proposers", fields.pop("proposers"), nested)
    if fields.get("aggregator") is not None:
        fields["aggregator"] = read_aggregator(f"{what}.aggregator", fields["aggregator"], nested)
    return Layer(proposers, **fields)


def _read_seat(seat: type[AnySeat], what: str, table: object, nested: ReadNested) -> AnySeat:
    fields = {"model": table} if isinstance(table, str) else read_fields(what, table, seat)
    models = checks.listed(f"{what}.fallbacks", fields.pop("fallbacks", ()))
    try:
        fallbacks = [_read_model(model, nested) for model in models]
        return seat(_read_model(fields.pop("model", None), nested), fallbacks=fallbacks, **fields)
    except ConfigurationError as error:
        msg = f"{what}: {error}"
        raise ConfigurationError(msg) from error


def _read_model(value: Any, nested: ReadNested) -> Model:  # noqa: ANN401 - whatever the file holds
    return nested(value) if isinstance(value, Mapping) else value
