"""What of a plan a budget allows for. Pure: from the recipe, the conversation and what was used so far.

Before the first layer it is asked whether that layer and the aggregator are affordable, with fewer proposers if need
be; after each layer, whether the next one is. So a plan that looks too dear at first goes on as far as what was really
used allows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from langgraph_moa.budget import Budget, BudgetDecision, BudgetLimit
from langgraph_moa.errors import BudgetError, ConfigurationError
from langgraph_moa.fitting import estimate_tokens
from langgraph_moa.mixture import Layer, Mixture, model_label
from langgraph_moa.mixture.planning import PlannedSeat, Planner
from langgraph_moa.mixture.seats import nested_mixture
from langgraph_moa.proposal import CallRecord, Proposal, Usage
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


@dataclass(frozen=True, eq=False)
class Account:
    """A mixture's budget in one conversation."""

    mixture: Mixture
    budget: Budget
    prices: PriceTable
    """That hold in this run."""
    tokens: int
    """Of the conversation, estimated."""

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
        return _total(call for seat in seats for call in seat.calls)

    def seats(self) -> Iterator[PlannedSeat]:
        """Yield what every seat of the whole plan calls."""
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
        return Planner(self.tokens, self.prices, answer_tokens=self.budget.answer_tokens)


def opening(account: Account) -> BudgetDecision | None:
    """Decide, before any call, which proposers of the first layer are asked; `None`: all of them.

    Proposers are dropped in reverse order, those that cost nothing of what is limited after the others and `required`
    ones last: as few as it takes, and no more than the layer's quorum allows. The layers after it are then dropped too.

    Raises:
        BudgetError: Not even the least of the plan fits, or the whole does not and the policy is to raise.
        ConfigurationError: Dollars are limited, and a model has no price.
    """
    _refuse_unpriced(account)
    mixture, layers = account.mixture, account.mixture.layers
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

    A later layer is asked whole or not at all.

    Args:
        account: Of the run.
        layers: What the layers that were asked have left behind.

    Raises:
        BudgetError: The aggregator is not affordable, or the rest of the plan is not and the policy is to raise.
    """
    done = len(layers)
    planned = account.mixture.layers
    used = spent(account, layers)
    written = [estimate_tokens(text) for text in usable_texts(layers[str(done)])]
    finished = all_proposals(dict(layers))
    answering = account.plan(planned[:done], after=done, written=written)
    too_much = account.passed(used.plus(answering))
    if too_much is not None:
        raise account.error(too_much, used, answering, finished)
    opened = account.opening if done == 1 and account.budget.on_exceeded == "degrade" else None
    if opened is not None or done == len(planned):
        return opened
    rest = account.plan(planned, after=done, written=written)
    seconds = sum(map(layer_seconds, layers.values()))
    late = account.budget.max_seconds is not None and seconds >= account.budget.max_seconds
    limit: BudgetLimit | None = "max_seconds" if late else account.passed(used.plus(rest))
    if limit is None:
        return None
    needed = seconds if late else _of(limit, used.plus(rest))
    if account.budget.on_exceeded == "raise":
        used_of_it = seconds if late else _of(limit, used)
        raise BudgetError(limit, account.allowed(limit), used_of_it, needed - used_of_it, finished)
    if not late and _fits(account, used.plus(account.plan(planned[: done + 1], after=done, written=written))):
        return None
    return BudgetDecision(
        limit=limit,
        allowed=account.allowed(limit),
        needed=needed,
        dropped_layers=list(range(done + 1, len(planned) + 1)),
        dropped_slots=[],
    )


def spent(account: Account, layers: Mapping[str, LayerRecord]) -> Amount:
    """Return what finished calls have used; what they do not tell counts as it was estimated.

    So does a request that failed, or was cut off, without telling its tokens: it may be billed.
    """
    estimates = {(seat.layer, seat.name): seat.calls for seat in account.seats()}
    total = NOTHING
    for number, record in layers.items():
        merged = [] if record["synthesis"] is None else [record["synthesis"]]
        for proposal in (*record["proposals"], *merged):
            planned = estimates.get((int(number), proposal["proposer"]), ())
            for call in proposal["calls"]:
                total = total.plus(_used(call, planned, account.prices))
    return total


def seconds_left(budget: Budget | None, layers: Mapping[str, LayerRecord]) -> float | None:
    """Return the seconds that a budget leaves after some layers, a moment at least; `None` where it limits none."""
    if budget is None or budget.max_seconds is None:
        return None
    return max(_SHORTEST, budget.max_seconds - sum(map(layer_seconds, layers.values())))


def _used(call: CallRecord, planned: Sequence[PlannedCall], prices: PriceTable) -> Amount:
    """Return what a request has used.

    Args:
        call: The request.
        planned: The calls of its seat: what it does not tell counts as it was estimated there.
        prices: That hold in this run.
    """
    estimated = _total(planned).cost
    usage = _filled(call["usage"], planned)
    tokens = (usage["input_tokens"] or 0) + (usage["output_tokens"] or 0)
    nested = call["nested"]
    if nested is None:
        cost = prices.cost(call["model"], usage)
        return Amount(estimated if cost is None else cost, tokens)
    known = nested["cost"] or 0.0
    return Amount(max(known, estimated) if nested["cost"] is None or nested["unpriced"] else known, tokens)


def _filled(usage: Usage | None, planned: Sequence[PlannedCall]) -> Usage:
    """Return a request's tokens, those that are unknown as they were estimated."""
    read = None if usage is None else usage["input_tokens"]
    written = None if usage is None else usage["output_tokens"]
    return Usage(
        input_tokens=sum(one.input_tokens or 0 for one in planned) if read is None else read,
        output_tokens=sum(one.output_tokens or 0 for one in planned) if written is None else written,
        total_tokens=None,
        cached_tokens=None if usage is None else usage["cached_tokens"],
        reasoning_tokens=None,
    )


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
    layer = account.mixture.layers[0]
    slots = layer.slots(1)
    free = {seat.name for seat in account.seats() if seat.layer == 1 and not account.counts(_total(seat.calls))}
    going = sorted(slots, key=lambda slot: (slot.proposer.required, slot.name in free, -slot.index))
    least = len(slots) if account.mixture.on_partial == "raise" else layer.quorum
    return [slot.node for slot in going[: len(slots) - least]]


def _refuse_unpriced(account: Account) -> None:
    unpriced = () if account.budget.max_cost is None else dict.fromkeys(_unpriced(account.mixture, account.prices))
    if unpriced:
        raise ConfigurationError(
            f"Budget.max_cost needs a price for every model; there is none for {', '.join(unpriced)}. Give them in "
            "Mixture(prices=PriceTable(...)), or limit max_tokens in place of max_cost"
        )


def _unpriced(mixture: Mixture, prices: PriceTable) -> Iterator[str]:
    """Yield every model without a price, those of nested mixtures by the table that holds there."""
    for seat in mixture.seats:
        for model in (seat.model, *seat.fallbacks):
            inner = nested_mixture(model)
            if isinstance(inner, Mixture):
                yield from _unpriced(inner, inner.prices or prices)
            elif not prices.knows(model_label(model)):
                yield model_label(model)
