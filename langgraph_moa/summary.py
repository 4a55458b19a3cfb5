"""What the final message says of the run that made it, in `response_metadata["moa"]`: bounded, no answers' text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, cast

from typing_extensions import TypedDict

from langgraph_moa.agreement import FieldAgreement
from langgraph_moa.answering import Proposed
from langgraph_moa.budget import BudgetDecision
from langgraph_moa.proposal import CallRecord, Proposal, Status, Usage, billed_usage, is_usable, sum_usage
from langgraph_moa.savings import Saved, agreed_before, saved_in_all
from langgraph_moa.state import LayerRecord, all_proposals, layer_seconds, seconds_of
from langgraph_moa.strategies import Decision
from langgraph_moa.usage import PriceTable

_LONGEST_REASON = 200


class Missing(TypedDict):
    """A planned proposal that is not there."""

    layer: int
    proposer: str
    model: str
    status: Status
    reason: str | None


class Substitute(TypedDict):
    """A proposal that stands in for what an aggregator should have written, and why."""

    seat: str
    """Node of the aggregator that failed."""
    layer: int
    proposer: str
    model: str
    reason: str | None
    """Why the aggregator gave no answer."""


class SlotUsage(TypedDict):
    """Tokens and cost of one seat."""

    layer: int | None
    """`None` for the aggregator of the mixture."""
    slot: str
    model: str
    """The model that was asked for."""
    served_model: str | None
    usage: Usage | None
    cost: float | None
    """US dollars; `None` when the model has no price or the tokens are unknown."""


class UsageSummary(TypedDict):
    """Tokens of the whole run and of each seat.

    What LangChain's cache has answered counts with the tokens that it repeats, as in `get_usage_metadata_callback`, and
    costs nothing.
    """

    total: Usage | None
    """The sum of what is known."""
    slots: list[SlotUsage]
    unknown: list[str]
    """Seats below which a call was made that did not report its tokens, failed calls among them: also one turn of an
    agent, or one seat of a nested mixture."""


class CostSummary(TypedDict):
    """US dollars of the whole run."""

    total: float | None
    """The sum of what is known; `None` when nothing is."""
    unpriced: list[str]
    """Models that were called and whose cost is unknown."""
    prices_date: str
    """ISO date of the oldest price that was used."""


class Timing(TypedDict):
    """Seconds by the wall clock in which a seat was at work; no pause counts, within a layer or between stages."""

    total: float
    """Sum of the stages."""
    layers: list[float]
    aggregator: float
    first_token: float | None
    """From the start of the run; `None` when the answer was not streamed."""


class WarmUpSummary(TypedDict):
    """What was done for the aggregator while the last layer was at work. Its tokens and cost are among the others."""

    status: Status
    reason: str | None
    """Why it came to nothing: the layer had ended first, or the request failed."""
    seconds: float | None


class MoASummary(TypedDict):
    """The value of `response_metadata["moa"]`."""

    mixture: str
    depth: int
    degraded: bool
    """Whether a planned proposal or layer is missing, a fallback was asked, an aggregator failed, or a nested mixture
    is so."""
    ok: int
    planned: int
    missing: list[Missing]
    substitutes: list[Substitute]
    """Proposals that were given in place of an answer, where an aggregator failed."""
    decision: Decision | None
    """How the aggregator came to the answer; `None`: it was not asked, or failed."""
    shortened: list[str]
    """Seats that read references which were shortened to fit their context window."""
    budget: BudgetDecision | None
    """What was left out because of `Mixture.budget`; `None`: nothing."""
    usage: UsageSummary
    cost: CostSummary
    timing: Timing
    fields: NotRequired[dict[str, FieldAgreement] | None]
    """Of a structured mixture's answer, by the path of each field, the first 200; `None`: the answer is no value of the
    schema, as one that calls a tool. Other mixtures do not say it."""
    saved: NotRequired[Saved]
    """What was not asked because proposals agreed, which is no degradation; of mixtures with a `Layer.stop_when`."""
    warm_up: NotRequired[WarmUpSummary]
    """Of mixtures with `Aggregator.warm_up`; what came of it is no degradation."""
    recipe: NotRequired[str]
    """Beside `references`: `Mixture.fingerprint` of whose they are."""
    references: NotRequired[list[str]]
    """Of an answer that calls a tool: what its next call reads again, so that no proposer is asked twice in a turn."""
    proposed: NotRequired[list[Proposed]]
    """Beside `references`, where answers are structured or `on_failure="best_proposal"`: who has said what in the last
    layer, in configured order."""


def summarize(
    mixture: str,
    layers: dict[str, LayerRecord],
    answer: Proposal,
    *,
    prices: PriceTable,
    first_token: float | None = None,
    substitute: Proposal | None = None,
    decision: Decision | None = None,
) -> MoASummary:
    """Sum up a run.

    Args:
        mixture: Its name.
        layers: What every layer left behind.
        answer: The aggregator's call.
        prices: For the cost of each seat.
        first_token: Seconds from the aggregator's start to its first token.
        substitute: The proposal that was given in place of an answer.
        decision: How the aggregator came to the answer.
    """
    proposals = all_proposals(layers)
    usable = [proposal for proposal in proposals if is_usable(proposal)]
    asked = [proposal for proposal in proposals if agreed_before(proposal) is None]
    missing = [_missing(proposal) for proposal in asked if not is_usable(proposal)]
    warm_ups = [record["warm_up"] for record in layers.values() if "warm_up" in record]
    merges = [record["synthesis"] for record in layers.values() if record["synthesis"] is not None]
    calls = [*proposals, *(record for record in warm_ups if record["calls"]), *merges, answer]
    records = [record for _, record in sorted(layers.items(), key=lambda item: int(item[0]))]
    failed = [merge for merge in merges if not is_usable(merge)]
    budget = _left_out(layers)
    summary = MoASummary(
        mixture=mixture,
        depth=len(layers) + 1,
        degraded=bool(missing or failed or substitute or budget) or any(_is_degraded(call) for call in calls),
        ok=len(usable),
        planned=len(proposals),
        missing=missing,
        substitutes=_substitutes(layers, answer, substitute),
        decision=decision,
        shortened=[_seat_name(call, answer) for call in calls if call["shortened"]],
        budget=budget,
        usage=_usage_summary(calls, answer, prices),
        cost=_cost_summary(calls, prices),
        timing=_timing([layer_seconds(record) for record in records], seconds_of(answer), first_token),
    )
    saved = [record["saved"] for record in records if "saved" in record]
    if saved:
        summary["saved"] = saved_in_all(saved)
    if warm_ups:
        last = warm_ups[-1]
        summary["warm_up"] = WarmUpSummary(status=last["status"], reason=_why(last), seconds=last["latency"])
    return summary


def _usage_summary(calls: Sequence[Proposal], answer: Proposal, prices: PriceTable) -> UsageSummary:
    slots = [_slot_usage(call, prices, None if call is answer else call["layer"]) for call in calls]
    return UsageSummary(
        total=sum_usage([slot["usage"] for slot in slots]),
        slots=slots,
        unknown=[_seat_name(call, answer) for call in calls if not all(map(_tells_all_tokens, call["calls"]))],
    )


def _cost_summary(calls: Sequence[Proposal], prices: PriceTable) -> CostSummary:
    costs = [cost for call in calls if (cost := cost_of(call, prices)) is not None]
    return CostSummary(
        total=sum(costs) if costs else None,
        unpriced=list(dict.fromkeys(model for call in calls for model in _unpriced(call, prices))),
        prices_date=prices.oldest_date(one["model"] for call in calls for one in call["calls"]),
    )


def _timing(layers: list[float], aggregator: float, first_token: float | None) -> Timing:
    return Timing(
        total=sum(layers) + aggregator,
        layers=layers,
        aggregator=aggregator,
        first_token=None if first_token is None else sum(layers) + first_token,
    )


def _left_out(layers: dict[str, LayerRecord]) -> BudgetDecision | None:
    """Return what was left out because of the budget, as the last layer that was asked says."""
    return next((record["budget"] for record in layers.values() if "budget" in record), None)


def continued(summary: MoASummary, earlier: Mapping[str, Any]) -> MoASummary:
    """Return the summary of a further step of a turn: who was asked, and who is missing, is as its first step told.

    Args:
        summary: Of the step, in which no proposer was asked.
        earlier: `degraded`, `ok`, `planned`, `missing` and `depth` of the first step, as far as they are known.
    """
    degraded = summary["degraded"] or bool(earlier.get("degraded"))
    return cast("MoASummary", {**summary, **earlier, "degraded": degraded})


def _substitutes(layers: dict[str, LayerRecord], answer: Proposal, substitute: Proposal | None) -> list[Substitute]:
    within = [
        _substitute(f"layer_{number}_join", proposal, record["synthesis"])
        for number, record in layers.items()
        for proposal in record["proposals"]
        if record["synthesis"] is not None and proposal["proposer"] == record["substitute"]
    ]
    return within if substitute is None else [*within, _substitute("aggregator", substitute, answer)]


def _substitute(seat: str, proposal: Proposal, failed: Proposal) -> Substitute:
    return Substitute(
        seat=seat,
        layer=proposal["layer"],
        proposer=proposal["proposer"],
        model=proposal["model"],
        reason=_why(failed),
    )


def _why(proposal: Proposal) -> str | None:
    error = proposal["error"]
    return error["message"][:_LONGEST_REASON] if error else None


def _missing(proposal: Proposal) -> Missing:
    return Missing(
        layer=proposal["layer"],
        proposer=proposal["proposer"],
        model=proposal["model"],
        status=proposal["status"],
        reason=_why(proposal),
    )


def _slot_usage(call: Proposal, prices: PriceTable, layer: int | None) -> SlotUsage:
    return SlotUsage(
        layer=layer,
        slot=call["proposer"],
        model=call["model"],
        served_model=call["served_model"],
        usage=call["usage"],
        cost=cost_of(call, prices),
    )


def cost_of(call: Proposal, prices: PriceTable) -> float | None:
    """Return the known cost of all models that were asked; `None` when nothing is known of it."""
    known = [cost for one in call["calls"] if (cost := _cost_of(one, prices)) is not None]
    return sum(known) if known else None


def _cost_of(call: CallRecord, prices: PriceTable) -> float | None:
    if call.get("cached"):
        return 0.0
    nested = call["nested"]
    return prices.cost(call["model"], billed_usage(call)) if nested is None else nested["cost"]


def _unpriced(call: Proposal, prices: PriceTable) -> list[str]:
    return [model for one in call["calls"] for model in _unpriced_of(one, prices)]


def _unpriced_of(call: CallRecord, prices: PriceTable) -> list[str]:
    """Return the models of a request whose cost is unknown, or known in part only."""
    if call.get("cached"):
        return []
    if call["nested"] is not None:
        return call["nested"]["unpriced"]
    is_partly_unknown = call.get("unreported") and prices.cost(call["model"], None) is None
    return [call["model"]] if is_partly_unknown or _cost_of(call, prices) is None else []


def _tells_all_tokens(call: CallRecord) -> bool:
    """Say whether every call below a request has told its tokens, or cost nothing."""
    if call.get("cached"):
        return True
    nested = call["nested"]
    within = nested is None or not nested.get("unknown")
    return call["usage"] is not None and not call.get("unreported") and within


def _is_degraded(call: Proposal) -> bool:
    """Say whether a fallback was asked, or a nested mixture was degraded in one of the requests."""
    requests = call["calls"]
    return any(one["fallback"] or (one["nested"] is not None and one["nested"]["degraded"]) for one in requests)


def _seat_name(call: Proposal, answer: Proposal) -> str:
    return call["proposer"] if call is answer else f"layer_{call['layer']}_{call['proposer']}"
