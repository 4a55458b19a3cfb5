"""Judges: models that say how good an answer is, or which of two is better."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa.attempts import Terms
from langgraph_moa.calling import Outcome, SeatCaller
from langgraph_moa.checks import known_keys, text
from langgraph_moa.errors import ConfigurationError, JudgeError
from langgraph_moa.evaluation.scores import JudgeStamp
from langgraph_moa.limits import Limit, read_limits, write_limits
from langgraph_moa.mixture import Aggregator, Mixture, Model, Proposer, model_label
from langgraph_moa.mixture.reading import read_proposers
from langgraph_moa.mixture.recipe import models_of, models_within
from langgraph_moa.mixture.seats import Seat, as_proposer
from langgraph_moa.proposal import Place, billed_usage
from langgraph_moa.usage import PriceTable, packaged_prices, read_prices

TEMPERATURE = 0.0
"""Of a judge that is given by its name."""
SECONDS = 180.0
"""For one verdict, fallbacks and retries included, where the seat has no `timeout`."""
DRAW = 0.5
"""A preference for neither."""
_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)(?=$|-preview$)|-preview$")


def today() -> str:
    """Return the ISO date, in UTC."""
    return datetime.now(UTC).date().isoformat()


class Verdict(NamedTuple):
    """What a judge said, not read yet."""

    message: AIMessage
    cost: float | None
    """US dollars, those of failed attempts included as far as they are known; `None`: unknown."""


@dataclass(frozen=True)
class Judge:
    """A model that judges, asked as a seat is: limits, retries, fallbacks, redaction and tapes hold for it."""

    seat: Proposer | Model
    """A name stands for a `Proposer` at temperature 0; whatever else is given is taken as it is."""
    settings: str = ""
    """What else than the model and its temperature changes a verdict, such as the prompt and the orders asked."""
    date: str = field(default_factory=today)
    """ISO date of its verdicts."""
    limits: Mapping[str, int | Limit] = field(default_factory=dict)
    """As `Mixture.limits`, of which it shares the places."""
    prices: PriceTable | None = None
    """`None`: the table that comes with the package."""

    def __post_init__(self) -> None:
        """Check every field."""
        given = self.seat
        seat = Proposer(given, temperature=TEMPERATURE) if isinstance(given, str) else as_proposer(given)
        object.__setattr__(self, "seat", seat)
        text("Judge.settings", self.settings or None)
        try:
            date.fromisoformat(self.date)
        except (TypeError, ValueError):
            msg = f"Judge.date must be an ISO date such as '2026-01-31', got {self.date!r}"
            raise ConfigurationError(msg) from None
        object.__setattr__(self, "limits", read_limits("Judge.limits", self.limits))
        object.__setattr__(self, "prices", read_prices("Judge.prices", self.prices))

    @property
    def proposer(self) -> Proposer:
        """The seat, as a `Proposer`."""
        return as_proposer(self.seat)

    @property
    def stamp(self) -> JudgeStamp:
        """Who judged, when and how, for every table with its scores."""
        temperature = self.proposer.temperature
        told = [self.settings, "" if temperature is None else f"temperature {temperature:g}"]
        return JudgeStamp(self.proposer.label, self.date, ", ".join(filter(None, told)))

    async def ask(self, messages: Sequence[AnyMessage]) -> AIMessage:
        """Return what the judge says, whether or not it can be read.

        Raises:
            JudgeError: No model of the seat answered, or what it gave is no verdict: it is empty, or a refusal.
        """
        return (await self.consult(messages)).message

    async def consult(self, messages: Sequence[AnyMessage]) -> Verdict:
        """Do as `ask`, and tell the cost as well.

        Raises:
            JudgeError: As `ask`.
        """
        terms = Terms(self.proposer.timeout or SECONDS, limits=read_limits("Judge.limits", self.limits))
        config = RunnableConfig(run_name="moa.judge", metadata={"moa_role": "judge"})
        outcome = await self._caller.call(Place(1, 0, "judge"), messages, config, terms)
        if outcome.message is None or (outcome.proposal["status"] != "ok" and not _has_logprobs(outcome.message)):
            failure = outcome.proposal["error"]
            cause = outcome.proposal["status"] if failure is None else f"{failure['kind']}: {failure['message']}"
            raise JudgeError(self.proposer.label, cause)
        return Verdict(outcome.message, self._cost(outcome))

    def warnings(self, mixtures: Iterable[Mixture]) -> list[str]:
        """Say which of these mixtures the judge takes part in, nested ones included; dates in names do not count."""
        own = [model for _, model in models_of([self.proposer])]
        told = []
        for mixture in mixtures:
            roles = {_role(seat, mixture) for seat, model in models_within(mixture) if _is_among(model, own)}
            if roles:
                who = f"the judge {self.proposer.label} is also {' and '.join(sorted(roles))} of {mixture.name!r}"
                told.append(f"{who}: judges favour what they wrote themselves. Let another model judge")
        return told

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, keys left out; `from_dict` gives an equal judge back.

        Raises:
            ConfigurationError: A model is an object, which has no written form.
        """
        return {
            "seat": self.proposer.to_dict(),
            "settings": self.settings,
            "date": self.date,
            "limits": write_limits(read_limits("Judge.limits", self.limits)),
            "prices": None if self.prices is None else self.prices.to_dict(),
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Judge:
        """Build a judge from what `to_dict` gave.

        Raises:
            ConfigurationError: A field is unknown, missing or wrong.
        """
        given = known_keys("judge", table, ("seat", "settings", "date", "limits", "prices"), required=("seat",))
        [seat] = read_proposers("judge", [given.pop("seat")], Mixture.from_dict)
        return cls(seat, **given)

    @cached_property
    def _caller(self) -> SeatCaller:
        return SeatCaller(self.proposer, answers_user=False, streams=False)

    def _cost(self, outcome: Outcome) -> float | None:
        prices = self.prices or packaged_prices()
        costs = [
            0.0 if call.get("cached") else prices.cost(call["model"], billed_usage(call))
            for call in outcome.proposal["calls"]
        ]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class Preference:
    """Of a judge, for one of two answers to one sample."""

    sample: str
    """Id of the sample."""
    value: float | None
    """From 0 to 1: the candidate's share, 0.5 a draw; the mean where both orders were asked. `None`: unscored."""
    flipped: bool | None
    """Whether each order made another answer the better one; `None`: one order was asked, or one cannot be read."""
    orders: tuple[float | None, ...]
    """The candidate's share for each order asked."""
    why: str | None = None
    """Why there is no value."""
    cost: float | None = None
    """US dollars; `None`: unknown."""


async def prefer(
    judge: Judge,
    sample_id: str,
    candidate: str,
    baseline: str,
    *,
    ask: Callable[[str, str], Sequence[AnyMessage]],
    read: Callable[[AIMessage], float | None],
    both_orders: bool = True,
    candidate_first: bool = False,
) -> Preference:
    """Let a judge compare two answers, by default in both orders, since judges favour a place.

    Args:
        judge: Is asked.
        sample_id: Of what was answered.
        candidate: An answer.
        baseline: The answer that it is compared with.
        ask: Makes the request of the answer that is shown first and the one that is shown second.
        read: Returns the share of the answer that was shown *second*, from 0 to 1; `None`: the verdict cannot be read.
        both_orders: Whether to ask once more with the two changed round.
        candidate_first: Whether the candidate is shown first in the first order that is asked.

    Raises:
        JudgeError: No model of the judge answered.
    """
    shown_first = [candidate_first, not candidate_first] if both_orders else [candidate_first]
    shares: list[float | None] = []
    costs: list[float] = []
    for is_first in shown_first:
        verdict = await judge.consult(ask(candidate, baseline) if is_first else ask(baseline, candidate))
        share = read(verdict.message)
        shares.append(None if share is None else 1 - share if is_first else share)
        costs.extend([] if verdict.cost is None else [verdict.cost])
    return preference_of(sample_id, tuple(shares), cost=sum(costs) if costs else None)


def preference_of(sample_id: str, orders: tuple[float | None, ...], *, cost: float | None = None) -> Preference:
    """Return the preference that some verdicts come to. Pure.

    Args:
        sample_id: Of what was answered.
        orders: The candidate's share for each order asked.
        cost: US dollars.
    """
    known = [share for share in orders if share is not None]
    if len(known) < len(orders):
        unread = len(orders) - len(known)
        why = f"{unread} of {len(orders)} verdicts cannot be read"
        return Preference(sample_id, None, None, orders, why, cost)
    flipped = any((a - DRAW) * (b - DRAW) < 0 for a, b in product(known, known)) if len(known) > 1 else None
    return Preference(sample_id, sum(known) / len(known), flipped, orders, cost=cost)


def same_model(one: Model, other: Model) -> bool:
    """Say whether two models are of one name, whoever serves them; a date at the end of a name does not count."""
    if one is other:
        return True
    names = [_name(model) for model in (one, other)]
    return names[0] is not None and names[0] == names[1]


def _name(model: Model) -> str | None:
    """Return the name of a model without its provider, owner and date; `None` for an object that has none."""
    label = model_label(model)
    _, colon, name = label.partition(":")
    if not colon or label.startswith("mixture:"):
        return None
    return _DATE.sub("", _DATE.sub("", name.rpartition("/")[2].lower()))


def _is_among(model: Model, others: Sequence[Model]) -> bool:
    return any(same_model(model, other) for other in others)


def _has_logprobs(message: AIMessage) -> bool:
    """Say whether a verdict may stand in the probabilities, whatever the text is."""
    return bool(message.response_metadata.get("logprobs"))


def _role(seat: Seat, mixture: Mixture) -> str:
    if not isinstance(seat, Aggregator):
        return "a proposer"
    return "the aggregator" if seat is mixture.merger else "an aggregator"
