"""What of a plan a budget allows for. Pure: from the recipe, the conversation and what was used so far.

Before the first layer it is asked whether that layer and the aggregator are affordable, with fewer proposers if need
be; after each layer, whether the next one is; and before the aggregator, whether it is. So a plan that looks too dear
at first goes on as far as what was really used allows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

from langgraph_moa.budget import BUDGET_EXCEEDED, Budget, BudgetDecision, BudgetLimit, LeftOut
from langgraph_moa.errors import BudgetError, ConfigurationError
from langgraph_moa.fitting import estimate_tokens
from langgraph_moa.mixture import Layer, Mixture, model_label
from langgraph_moa.mixture.planning import PlannedSeat, Planner
from langgraph_moa.mixture.seats import Seat, mixture_behind
from langgraph_moa.mixture.warming import WARM_UP
from langgraph_moa.proposal import CallRecord, Proposal, Usage, billed_usage, is_usable
from langgraph_moa.state import LayerRecord, all_proposals, layer_seconds, usable_texts
from langgraph_moa.usage import PlannedCall, PriceTable


class Amount(NamedTuple):
    """What calls take."""

    cost: float
    """US dollars."""
    tokens: int
    """Read and written."""

    def plus(self, other: Amount) -> Amount:
        """Add both."""
        return Amount(self.cost + other.cost, self.tokens + other.tokens)


NOTHING = Amount(0.0, 0)
_SHORTEST = 0.001
"""Seconds of a layer for which no time is left."""
_LEAST = 0.05
"""Seconds with less than which no stage is begun. A layer that was cut off has taken somewhat less than it might: the
time until its first slot began is not part of it."""


@dataclass(frozen=True, eq=False)
class Account:
    """A mixture's budget in one conversation."""

    mixture: Mixture
    budget: Budget
    prices: PriceTable
    """That hold in this run."""
    tokens: int
    """Of the conversation, estimated."""
    aside: int = 0
    """Of what the aggregator's request takes besides, estimated: tools, and a schema of its own."""
    answers: bool = True
    """Whether the mixture's aggregator is asked, and not its layers alone."""

    @cached_property
    def opening(self) -> BudgetDecision | None:
        """What is decided before the first call: see `opening`."""
        return opening(self)

    def plan(
        self,
        layers: Sequence[Layer],
        *,
        after: int = 0,
        written: Sequence[int] | None = None,
        without: Sequence[str] = (),
    ) -> Amount:
        """Return what the layers after some, and the aggregator, take at most: see `Planner.seats`."""
        seats = self._planner().seats(layers, self.mixture.merger, after=after, written=written, without=without)
        asked = (seat for seat in seats if self.answers or (seat.layer is not None and seat.name != WARM_UP))
        return _total(call for seat in asked for call in seat.calls)

    def seats(self) -> Iterator[PlannedSeat]:
        """Yield what every seat of the whole plan calls, that of the aggregator included."""
        return self._planner().seats(self.mixture.layers, self.mixture.merger)

    def passed(self, amount: Amount) -> BudgetLimit | None:
        """Return the first limit that an amount passes; `None` when it stays within all."""
        if self.budget.max_cost is not None and amount.cost > self.budget.max_cost:
            return "max_cost"
        if self.budget.max_tokens is not None and amount.tokens > self.budget.max_tokens:
            return "max_tokens"
        return None

    def counts(self, amount: Amount) -> bool:
        """Say whether an amount uses up anything that is limited."""
        dear = self.budget.max_cost is not None and amount.cost > 0
        return dear or (self.budget.max_tokens is not None and amount.tokens > 0)

    def error(self, limit: BudgetLimit, spent: Amount, needed: Amount, finished: Sequence[Proposal]) -> BudgetError:
        """Return the error for a plan that passes a limit."""
        return BudgetError(limit, self.allowed(limit), _of(limit, spent), _of(limit, needed), finished)

    def allowed(self, limit: BudgetLimit) -> float:
        """Return a limit of the budget."""
        return float(getattr(self.budget, limit))

    def _planner(self) -> Planner:
        return Planner(
            self.tokens,
            self.prices,
            answer_tokens=self.budget.answer_tokens,
            manner=self.mixture.manner,
            aside=self.aside,
        )


def opening(account: Account) -> BudgetDecision | None:
    """Decide, before any call, which proposers of the first layer are asked; `None`: all of them.

    Proposers are dropped in reverse order, those that cost nothing of what is limited after the others and `required`
    ones last: as few as it takes, and no more than the layer's quorum allows. The layers after it are then dropped too.

    Raises:
        BudgetError: Not even the least of the plan fits, or the whole does not and the policy is to raise.
        ConfigurationError: Dollars are limited, and a model has no price.
    """
    mixture, layers = account.mixture, account.mixture.layers
    _refuse_unpriced(account, mixture.seats if account.answers else mixture.seats[:-1])
    whole = account.plan(layers)
    limit = account.passed(whole)
    if limit is None:
        return None
    if account.budget.on_exceeded == "raise":
        raise account.error(limit, NOTHING, whole, ())
    order = _in_order_of_leaving(account)
    plans = range(len(order) + 1)
    dropped = bisect_left(plans, 1, key=lambda count: _fits(account, account.plan(layers[:1], without=order[:count])))
    if dropped not in plans:
        least = account.plan(layers[:1], without=order)
        raise account.error(account.passed(least) or limit, NOTHING, least, ())
    if dropped == 0:
        return None
    return BudgetDecision(
        limit=limit,
        allowed=account.allowed(limit),
        needed=_of(limit, whole),
        dropped_layers=list(range(2, len(mixture.layers) + 1)),
        dropped_slots=list(order[:dropped]),
    )


def continuing(account: Account, layers: Mapping[str, LayerRecord]) -> BudgetDecision | None:
    """Decide, after a layer, whether the next one is asked or the aggregator at once; `None`: as planned.

    A later layer is asked whole or not at all. What was left out before the first call stays left out, whatever the
    budget is by now: the proposals say so.

    Args:
        account: Of the run.
        layers: What the layers that were asked have left behind.

    Raises:
        BudgetError: The aggregator is not affordable, or the rest of the plan is not and the policy is to raise.
    """
    done, planned = len(layers), account.mixture.layers
    record = layers[str(done)]
    merged = record["synthesis"]
    refuse_answer(account, layers, usable_texts(record))
    spared = record["saved"]["layers"] if "saved" in record else ()
    later = [number for number in range(done + 1, len(planned) + 1) if number not in spared]
    is_late = is_over(account.budget, layers)
    is_cut_off = is_late and planned[done - 1].merger is not None and (merged is None or not is_usable(merged))
    unmerged = [f"layer_{done}_join"] if is_cut_off and merged is None else []
    opened = _opened(account, record, later, unmerged) if done == 1 else None
    if opened is not None or not (later or is_cut_off):
        return opened
    used, written = spent(account, layers), [estimate_tokens(text) for text in usable_texts(record)]
    whole = used.plus(account.plan(planned, after=done, written=written))
    limit: BudgetLimit | None = "max_seconds" if is_late else account.passed(whole)
    if limit is None:
        return None
    seconds = _seconds(layers)
    needed = seconds if is_late else _of(limit, whole)
    if account.budget.on_exceeded == "raise":
        before = seconds if is_late else _of(limit, used)
        raise BudgetError(limit, account.allowed(limit), before, needed - before, all_proposals(dict(layers)))
    if not is_late and _fits(account, used.plus(account.plan(planned[: done + 1], after=done, written=written))):
        return None
    return BudgetDecision(
        limit=limit, allowed=account.allowed(limit), needed=needed, dropped_layers=later, dropped_slots=unmerged
    )


def refuse_answer(account: Account, layers: Mapping[str, LayerRecord], references: Sequence[str]) -> None:
    """Refuse to ask the aggregator where its request, with these references, does not fit with what was used.

    Args:
        account: Of the run. Where its graph ends with the layers, nothing is refused.
        layers: What the layers that were asked have left behind; none where an earlier run has asked them.
        references: That it would read.

    Raises:
        BudgetError: The request passes a limit.
        ConfigurationError: Dollars are limited, and a model of the aggregator has no price.
    """
    if not account.answers:
        return
    _refuse_unpriced(account, (account.mixture.merger,))
    used = spent(account, layers)
    answering = account.plan((), written=list(map(estimate_tokens, references)))
    limit = account.passed(used.plus(answering))
    if limit is not None:
        raise account.error(limit, used, answering, all_proposals(dict(layers)))


def _opened(account: Account, record: LayerRecord, later: list[int], unmerged: Sequence[str]) -> BudgetDecision | None:
    """Return what was decided before the first call, as the proposals of the first layer say; `None`: nothing."""
    failures = {proposal["proposer"]: proposal["error"] for proposal in record["proposals"]}
    told = {
        slot.node: cast("LeftOut", error)
        for slot in account.mixture.layers[0].slots(1)
        if (error := failures.get(slot.name)) is not None and error["kind"] == BUDGET_EXCEEDED and "limit" in error
    }
    if not told:
        return None
    why = next(iter(told.values()))
    return BudgetDecision(
        limit=why["limit"],
        allowed=why["allowed"],
        needed=why["needed"],
        dropped_layers=later,
        dropped_slots=[*(node for node in _leaving(account) if node in told), *unmerged],
    )


def spent(account: Account, layers: Mapping[str, LayerRecord]) -> Amount:
    """Return what finished calls have used; what they do not tell counts as it was estimated.

    So does a request that failed, or was cut off, without telling its tokens: it may be billed.
    """
    estimates = {(seat.layer, seat.name): seat.longest for seat in account.seats()}
    total = NOTHING
    for number, record in layers.items():
        merged = [] if record["synthesis"] is None else [record["synthesis"]]
        warmed = [record["warm_up"]] if "warm_up" in record else []
        for proposal in (*record["proposals"], *merged, *warmed):
            planned = estimates.get((int(number), proposal["proposer"]), ())
            for call in proposal["calls"]:
                total = total.plus(_used(call, planned, account.prices))
    return total


def seconds_left(budget: Budget | None, layers: Mapping[str, LayerRecord]) -> float | None:
    """Return the seconds that a budget leaves after some layers, a moment at least; `None` where it limits none."""
    if budget is None or budget.max_seconds is None:
        return None
    return max(_SHORTEST, budget.max_seconds - _seconds(layers))


def is_over(budget: Budget | None, layers: Mapping[str, LayerRecord]) -> bool:
    """Say whether some layers have used up the seconds of a budget, but for a moment in which no model answers."""
    return budget is not None and budget.max_seconds is not None and budget.max_seconds - _seconds(layers) < _LEAST


def _seconds(layers: Mapping[str, LayerRecord]) -> float:
    return sum(map(layer_seconds, layers.values()))


def _used(call: CallRecord, planned: Sequence[PlannedCall], prices: PriceTable) -> Amount:
    """Return what a request has used.

    Args:
        call: The request.
        planned: The calls of its seat: what it does not tell counts as it was estimated there.
        prices: That hold in this run.
    """
    if call.get("cached"):
        return NOTHING
    estimated = _total(planned).cost
    usage = _filled(call, planned)
    tokens = (usage["input_tokens"] or 0) + (usage["output_tokens"] or 0)
    nested = call["nested"]
    if nested is None:
        cost = prices.cost(call["model"], usage)
        return Amount(estimated if cost is None else cost, tokens)
    known = nested["cost"] or 0.0
    return Amount(max(known, estimated) if nested["cost"] is None or nested["unpriced"] else known, tokens)


def _filled(call: CallRecord, planned: Sequence[PlannedCall]) -> Usage:
    """Return a request's billed tokens: as they were estimated where unknown, and no less where known in part."""
    estimated = Usage(
        input_tokens=sum(one.input_tokens or 0 for one in planned),
        output_tokens=sum(one.output_tokens or 0 for one in planned),
        total_tokens=None,
        cached_tokens=None,
        reasoning_tokens=None,
    )
    usage = billed_usage(call)
    if usage is None:
        return estimated
    counts = [_at_least(usage[name], estimated[name], call) for name in ("input_tokens", "output_tokens")]
    return {**usage, "input_tokens": counts[0], "output_tokens": counts[1]}


def _at_least(told: int | None, estimated: int | None, call: CallRecord) -> int | None:
    """Return a count of a request as it was told, or as it was estimated where not all of its calls have told it."""
    return estimated if told is None else max(told, (call.get("unreported") and estimated) or 0)


def _total(calls: Sequence[PlannedCall] | Iterator[PlannedCall]) -> Amount:
    total = NOTHING
    for call in calls:
        total = total.plus(Amount(call.cost or 0.0, (call.input_tokens or 0) + (call.output_tokens or 0)))
    return total


def _of(limit: BudgetLimit, amount: Amount) -> float:
    return amount.cost if limit == "max_cost" else amount.tokens


def _fits(account: Account, amount: Amount) -> bool:
    return account.passed(amount) is None


def _in_order_of_leaving(account: Account) -> list[str]:
    """Return the nodes of the first layer that may be dropped, the first to go first."""
    layer, going = account.mixture.layers[0], _leaving(account)
    least = len(going) if account.mixture.on_partial == "raise" else layer.quorum
    return going[: len(going) - least]


def _leaving(account: Account) -> list[str]:
    """Return all nodes of the first layer, the first to be dropped first."""
    free = {seat.name for seat in account.seats() if seat.layer == 1 and not account.counts(_total(seat.calls))}
    slots = account.mixture.layers[0].slots(1)
    going = sorted(slots, key=lambda slot: (slot.proposer.required, slot.name in free, -slot.index))
    return [slot.node for slot in going]


def _refuse_unpriced(account: Account, seats: Sequence[Seat]) -> None:
    unpriced = () if account.budget.max_cost is None else dict.fromkeys(_unpriced(seats, account.prices))
    if unpriced:
        raise ConfigurationError(
            f"Budget.max_cost needs a price for every model; there is none for {', '.join(unpriced)}. Give them in "
            "Mixture(prices=PriceTable(...)), or limit max_tokens in place of max_cost"
        )


def _unpriced(seats: Sequence[Seat], prices: PriceTable) -> Iterator[str]:
    """Yield every model without a price, those of nested mixtures by the table that holds there."""
    for seat in seats:
        for model in seat.models:
            inner = mixture_behind(model)
            if isinstance(inner, Mixture):
                yield from _unpriced(inner.seats, inner.prices or prices)
            elif not prices.knows(model_label(model)):
                yield model_label(model)
