"""What tells one run from another: a log is continued only by the run that began it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Mixture, model_label
from langgraph_moa.mixture.seats import Seat
from langgraph_moa.serialization import plain_table

_CHANGES_NO_ANSWER = ("prices", "limits")


@dataclass(frozen=True, slots=True)
class Identity:
    """Of a run."""

    kind: str
    """What its results are, such as `answers` or `judgments`."""
    name: str
    """For people: of the mixture, the benchmark or the study."""
    fingerprint: str
    """Of all that results depend on; runs of equal fingerprints may share a log."""

    def __str__(self) -> str:
        return f"{self.kind} of {self.name!r}, fingerprint {self.fingerprint}"


def fingerprint_of(plain_data: Any) -> str:  # noqa: ANN401 - any plain data
    """Return 16 hexadecimal digits: equal for equal JSON data, whatever the order of its keys.

    Raises:
        ConfigurationError: It holds something that JSON does not know.
    """
    try:
        written = json.dumps(plain_data, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        msg = f"a fingerprint is made of plain data alone: {error}. Leave objects out, or write them as text"
        raise ConfigurationError(msg) from None
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def mixture_identity(mixture: Mixture, *, kind: str = "answers", **more: Any) -> Identity:  # noqa: ANN401 - plain data
    """Return the identity of a run of one mixture.

    Prices, rate limits and keys do not count: they change no answer. A model object counts by the name that it is
    recorded under, and so does a schema or a strategy that is code.

    Args:
        mixture: Who answers.
        kind: What the results are.
        more: What else they depend on, as plain data, such as a system prompt.
    """
    return Identity(kind, mixture.name, fingerprint_of({"mixture": _written(mixture), "more": more}))


def _written(mixture: Mixture) -> dict[str, Any]:
    try:
        table = mixture.to_dict()
    except ConfigurationError:
        table = _outline(mixture)
    return {name: value for name, value in table.items() if name not in _CHANGES_NO_ANSWER}


def _outline(mixture: Mixture) -> dict[str, Any]:
    """Describe a mixture of which some part has no written form."""
    layers = [plain_table(layer, proposers=None, aggregator=None, stop_when=layer.stopping) for layer in mixture.layers]
    own = plain_table(mixture, layers=None, aggregator=None)
    return {
        **_all_described(own),
        "shape": mixture.fingerprint,
        "layers": [_all_described(layer) for layer in layers],
        "seats": [_seat(seat) for seat in mixture.seats],
    }


def _seat(seat: Seat) -> dict[str, Any]:
    try:
        return seat.to_dict()
    except ConfigurationError:
        pass
    model = None if seat.model is None else model_label(seat.model)
    table = plain_table(seat, model=model, fallbacks=[model_label(each) for each in seat.fallbacks])
    return _all_described({name: value for name, value in table.items() if name != "model_kwargs"})


def _all_described(table: Mapping[str, Any]) -> dict[str, str]:
    return {name: _described(value) for name, value in table.items()}


def _described(value: object) -> str:
    if type(value).__module__ == "builtins" or is_dataclass(value):
        return getattr(value, "__qualname__", repr(value))
    return type(value).__qualname__
