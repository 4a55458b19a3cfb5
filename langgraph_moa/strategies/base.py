"""What every strategy is: a coroutine of pure steps that says what to ask, is told the reply, and decides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, NotRequired

from typing_extensions import TypedDict

from langgraph_moa.schemas import AnswerSchema


class Source(NamedTuple):
    """One of the references, and whose it is: a strategy may count on whom it trusts, a model is never shown it."""

    text: str
    slot: str
    """Name of the slot, or of the node of a layer's own aggregator."""
    model: str
    """The model that was asked for."""
    position: int = 0
    """Of the slot in its layer, counted from 0, whatever the order in which references are shown."""


class Ballot(TypedDict):
    """One answer of a vote."""

    answer: str
    weight: float
    """Of all who gave it."""
    slots: list[str]


class Decision(TypedDict):
    """How an answer came about, in `response_metadata["moa"]["decision"]`. Bounded, plain data."""

    strategy: str
    why: str
    """In one sentence."""
    chosen: str | None
    """Slot whose proposal is the answer, word for word; `None`: a model wrote it."""
    ballots: NotRequired[list[Ballot]]
    """Of a vote, the winner first."""
    tie: NotRequired[bool]
    """Of a vote: whether another answer had as much weight, and the earlier one won."""
    windows: NotRequired[int]
    """Of `sequential`: how many requests there were."""
    review: NotRequired[dict[str, Any] | None]
    """Of `council`: agreements, contradictions and unique points; `None`: the model gave no readable review."""


class Case(NamedTuple):
    """What there is to decide on."""

    sources: Sequence[Source]
    """At least one, in the order in which they are shown."""
    is_structured: bool = False
    """Whether every text is a JSON value of one schema."""

    @property
    def in_configured_order(self) -> list[Source]:
        """The sources for who shows them to no model: a shuffle is to decide no tie."""
        return sorted(self.sources, key=lambda source: source.position)


class Ask(NamedTuple):
    """A request to the seat's model."""

    references: Sequence[str]
    """Shown behind the conversation, numbered from 1."""
    instructions: str | None = None
    """What to do with them; `None`: the seat's own, which ask for an answer."""
    note: str | None = None
    """What follows the seat's own instructions."""
    schema: AnswerSchema | None = None
    """Of the reply; `None`: that of the answer, or prose."""
    gives_answer: bool = False
    """Whether the reply is the answer: it streams, may call tools, and nothing is asked after it."""


class Ruling(NamedTuple):
    """The end of a strategy's steps."""

    text: str | None
    """The answer, where it is one of the references; `None`: the last reply is."""
    decision: Decision


Steps = Generator[Ask, str | None, Ruling | None]
"""Yields what to ask, is sent the text of the reply or `None` where the model gave none, and returns the ruling.

`None` returned: it cannot go on without the reply that it has not got.
"""


@dataclass(frozen=True, slots=True)
class Strategy(ABC):
    """How references become one answer."""

    name: ClassVar[str]
    """In recipes, such as `Aggregator(strategy="vote")`."""
    asks_model: ClassVar[bool] = True
    """Whether the seat needs a model."""
    writes_answer: ClassVar[bool] = True
    """Whether a model writes the answer; if not, it is one of the references, word for word."""

    @abstractmethod
    def decide(self, case: Case) -> Steps:
        """Go through the steps. Pure: the same replies lead to the same ruling."""

    def requests(self, references: int) -> int:
        """Return how many requests a decision on so many references takes at most, without repairs and retries."""
        return int(self.asks_model and references > 0)

    def check_slots(self, slots: Sequence[tuple[str, str]]) -> None:  # noqa: B027 - most have no such settings
        """Refuse settings that do not fit the slots, each a name and a model, whose answers are decided on."""
