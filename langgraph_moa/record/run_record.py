"""The record of one run as data, in memory and as JSON.

Every time is in seconds since the run began. What is unknown is `None`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from langgraph_moa.checks import shown
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.proposal import Failure, Status, Usage
from langgraph_moa.summary import CostSummary, Missing, Timing

FORMAT = 1
"""Of the written form. A reader of this version takes no other."""
Outcome = Literal["ok", "error", "cancelled"]


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a conversation, as text."""

    role: str
    """`system`, `user`, `assistant` or `tool`; another word where a provider has one."""
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model: of the seat's own, of an agent in it, or of a mixture that sits in it."""

    model: str
    started: float | None
    first_token: float | None
    """Known where the answer was streamed."""
    finished: float | None
    outcome: Outcome | None
    """`cancelled`: nobody waited for it any more. `None`: it had not ended when the record was made, or is not told."""
    error: str | None
    saw: tuple[Said, ...]
    """The request. Empty where a seat does not tell its calls, as a function that is no Runnable."""
    said: str
    """Tool calls included; empty where there is no answer."""
    attempt: int | None = None
    """Which request of its seat it belongs to, counted from 1: from the second on a retry, a fallback, a hedge, a
    repair, or a further question of the aggregator's strategy."""
    fallback: int | None = None
    """0 for the seat's own model, from 1 on for its fallbacks."""
    hedge: bool = False
    """Whether it was made beside another one that took long."""
    within: str | None = None
    """Where in a mixture that sits in the seat it was made."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One place in a layer, or the aggregator."""

    slot: str
    layer: int | None
    """Counted from 1; `None` for the aggregator of the mixture."""
    model: str
    served_model: str | None
    status: Status | None
    """`None`: it had not ended when the run did."""
    text: str
    """Visible text, empty unless `status` is `ok`."""
    error: Failure | None
    started: float | None
    first_token: float | None
    finished: float | None
    usage: Usage | None
    cost: float | None
    """US dollars."""
    attempts: int | None
    """Requests that were made, retries and fallbacks included."""
    calls: tuple[Call, ...]
    """In the order in which they began."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Seats that were asked side by side, and a layer's own aggregator (`join`) behind them."""

    title: str
    """`layer 1`, `layer 2`, ..., or `aggregator`."""
    layer: int | None
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of a mixture."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, allow_inf_nan=False)

    mixture: str
    started_at: float
    """Unix time, in seconds."""
    seconds: float | None
    """`None`: it had not ended."""
    messages: tuple[Said, ...]
    """The conversation that the mixture was asked to go on with."""
    answer: str | None
    """`None` where the run failed, waits for a person, or asks proposers alone."""
    error: Failure | None
    """Why the run failed."""
    degraded: bool | None
    missing: tuple[Missing, ...]
    """Planned proposals that are not there, and why."""
    usage: Usage | None
    """Of all calls, as far as it is known."""
    cost: CostSummary | None
    timing: Timing | None
    """As in `response_metadata["moa"]`: a replay tells what was recorded, whereas the times of calls are its own."""
    stages: tuple[Stage, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold."""
        return {"format": FORMAT, **_adapter().dump_python(self, mode="json")}

    def to_json(self) -> str:
        """Return the record as JSON, ending with a newline."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Return the record as Markdown; what models said stands in fences that they cannot close."""
        from langgraph_moa.record.markdown import markdown

        return markdown(self)

    def to_html(self) -> str:
        """Return the record as one HTML page that needs no network and runs no script."""
        from langgraph_moa.record.page import page

        return page(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunRecord:
        """Return the record that `to_dict` has written.

        Raises:
            ConfigurationError: It is no record, or one of another format.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, Mapping) else data
            msg = f"no record of a run: its format must be {FORMAT}, got {shown(found)}. Read what to_dict has written"
            raise ConfigurationError(msg)
        try:
            return _adapter().validate_json(json.dumps(data))
        except (ValidationError, TypeError, ValueError) as wrong:
            raise ConfigurationError(f"no record of a run: {_why(wrong)}. Read what to_dict has written") from None

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Return the record that `to_json` has written.

        Raises:
            ConfigurationError: It is no JSON, no record, or one of another format.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as wrong:
            raise ConfigurationError(f"no record of a run: {wrong}. Read what to_json has written") from None
        return cls.from_dict(data)


@cache
def _adapter() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)


def _why(wrong: ValidationError | TypeError | ValueError) -> str:
    """Say what is wrong, without what may be a secret in the data."""
    if not isinstance(wrong, ValidationError):
        return f"it is not plain data ({type(wrong).__name__})"
    first = wrong.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
