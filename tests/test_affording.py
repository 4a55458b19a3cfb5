"""What a budget allows for: decisions from a recipe, a conversation's length and what was used, with no call made."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langgraph_moa import (
    Aggregator,
    Budget,
    BudgetError,
    ChatMoA,
    ConfigurationError,
    Layer,
    Mixture,
    PriceTable,
    Proposer,
    create_moa,
)
from langgraph_moa.affording import Account, continuing, is_over, opening, refuse_answer, seconds_left, spent
from langgraph_moa.budget import BUDGET_EXCEEDED, BudgetDecision, LeftOut
from langgraph_moa.errors import ContextWindowError
from langgraph_moa.fitting import estimate_request, estimate_tokens
from langgraph_moa.prompts import with_references
from langgraph_moa.proposal import CallRecord, NestedRun, Place, Proposal, Usage, skipped
from langgraph_moa.room import Room
from langgraph_moa.state import LayerRecord
from langgraph_moa.usage import Price

PRICES = PriceTable(
    prices={"openai:a": Price(1.0, 10.0), "openai:b": Price(2.0, 20.0), "openai:c": Price(0.5, 4.0)},
    date="2026-01-31",
    source="by hand",
    free=frozenset({"offline"}),
)
UNLIMITED = Budget(max_cost=1e9, max_tokens=10**12)
QUESTION = 100
"""Tokens of the conversation."""


def mixture(*models: str, depth: int = 2, **options: Any) -> Mixture:
    """Return a mixture of these proposers in each layer, answering with 100 tokens each, and `openai:a` to merge."""
    proposers = [Proposer(model, name=f"p{number}", max_tokens=100) for number, model in enumerate(models)]
    return Mixture.of(proposers, Aggregator("openai:a", max_tokens=100), depth=depth, **options)


def account(recipe: Mixture, budget: Budget, tokens: int = QUESTION) -> Account:
    """Return the account of a run."""
    return Account(recipe, budget, PRICES, tokens)


def request(read: int | None, written: int | None, **changes: Any) -> CallRecord:
    """Return a request that reports these tokens; none if both are unknown."""
    usage = Usage(
        input_tokens=read, output_tokens=written, total_tokens=None, cached_tokens=None, reasoning_tokens=None
    )
    known = None if read is None and written is None else usage
    record = CallRecord(model="openai:a", fallback=0, usage=known, nested=None, error=None)
    return {**record, **changes}  # type: ignore[typeddict-item]


def answered(layer: int, slot: str, *calls: CallRecord, seconds: float = 1.0) -> Proposal:
    """Return a usable proposal that took these requests."""
    bare = skipped(Place(layer, 0, slot), "openai:a", {"kind": "", "message": ""})
    given = {"status": "ok", "text": "x" * 30, "error": None, "calls": list(calls), "attempts": len(calls)}
    return {**bare, **given, "latency": seconds, "started_at": 100.0}  # type: ignore[typeddict-item]


def left(*layers: list[Proposal]) -> dict[str, LayerRecord]:
    """Return what layers left behind."""
    return {
        str(number): LayerRecord(proposals=proposals, synthesis=None, substitute=None)
        for number, proposals in enumerate(layers, start=1)
    }


def first_layer(*slots: str, read: int | None = 100, written: int | None = 10, seconds: float = 1.0) -> list[Proposal]:
    """Return usable proposals of the first layer, each of one request."""
    return [answered(1, slot, request(read, written), seconds=seconds) for slot in slots]


def test_a_plan_within_the_budget_is_not_touched() -> None:
    """Where the whole plan fits, nothing is decided, before the first layer and after each."""
    recipe = mixture("openai:a", "openai:b", depth=3)
    assert opening(account(recipe, UNLIMITED)) is None
    assert continuing(account(recipe, UNLIMITED), left(first_layer("p0", "p1"))) is None


def test_proposers_go_from_the_last_to_the_first() -> None:
    """The last proposer in configured order goes first, then the one before, and with them the further layers."""
    recipe = mixture("openai:a", "openai:a", "openai:a", depth=3)
    plans = [account(recipe, UNLIMITED).plan(recipe.layers[:1], without=without).tokens for without in WITHOUT]
    decisions = [opening(account(recipe, Budget(max_tokens=tokens))) for tokens in plans]
    assert decisions[0] is None
    assert [decision and decision["dropped_slots"] for decision in decisions[1:]] == WITHOUT[1:]
    assert all(decision and decision["dropped_layers"] == [2] for decision in decisions[1:])


WITHOUT: list[list[str]] = [[], ["layer_1_p2"], ["layer_1_p2", "layer_1_p1"]]


def test_required_proposers_go_last() -> None:
    """A proposer that is required stays while another can go."""
    seats = [Proposer("openai:a", name=name, max_tokens=100, required=name == "c") for name in "abc"]
    recipe = Mixture.of(seats, Aggregator("openai:a", max_tokens=100))
    decision = opening(account(recipe, Budget(max_tokens=account(recipe, UNLIMITED).plan(recipe.layers).tokens - 1)))
    assert decision is not None
    assert decision["dropped_slots"] == ["layer_1_b"]


def test_proposers_that_cost_nothing_stay_while_others_can_go() -> None:
    """Dollars are not saved by dropping a model that nobody bills."""
    recipe = mixture("openai:b", "offline:bm25")
    least = account(recipe, UNLIMITED).plan(recipe.layers, without=["layer_1_p0"]).cost
    decision = opening(account(recipe, Budget(max_cost=least)))
    assert decision is not None
    assert decision["dropped_slots"] == ["layer_1_p0"]


@pytest.mark.parametrize("options", [{"quorum": 3}, {"on_partial": "raise"}], ids=["quorum", "on_partial"])
def test_the_quorum_is_kept(options: dict[str, Any]) -> None:
    """No proposer goes that the quorum needs; where none may be missing, none goes: the error comes instead."""
    recipe = mixture("openai:a", "openai:a", "openai:a", **options)
    whole = account(recipe, UNLIMITED).plan(recipe.layers).tokens
    with pytest.raises(BudgetError) as caught:
        opening(account(recipe, Budget(max_tokens=whole - 1)))
    assert (caught.value.limit, caught.value.allowed) == ("max_tokens", whole - 1)
    assert (caught.value.spent, caught.value.needed, caught.value.proposals) == (0, whole, [])


def test_the_error_tells_the_least_that_is_needed() -> None:
    """Where not even the smallest plan fits, the error tells what that takes; with the policy to raise, the whole."""
    recipe = mixture("openai:a", "openai:b", depth=3)
    least = account(recipe, UNLIMITED).plan(recipe.layers[:1], without=["layer_1_p1"])
    whole = account(recipe, UNLIMITED).plan(recipe.layers)
    with pytest.raises(BudgetError) as caught:
        opening(account(recipe, Budget(max_cost=least.cost * 0.99)))
    assert (caught.value.limit, caught.value.needed) == ("max_cost", least.cost)
    with pytest.raises(BudgetError) as caught:
        opening(account(recipe, Budget(max_cost=whole.cost * 0.99, on_exceeded="raise")))
    assert (caught.value.limit, caught.value.needed) == ("max_cost", whole.cost)


def test_a_long_conversation_costs_more() -> None:
    """The conversation is read by every call, and counts for each."""
    recipe = mixture("openai:a", "openai:a", depth=3)
    short, long = (account(recipe, UNLIMITED, tokens).plan(recipe.layers) for tokens in (0, 1000))
    assert long.tokens - short.tokens == 5 * 1000
    assert long.cost - short.cost == pytest.approx(5 * 1000 * 1.0 / 1e6)


def test_answers_of_unknown_length_count_as_the_budget_says() -> None:
    """Where no `max_tokens` bounds an answer, `answer_tokens` are counted, for the slots of nested mixtures too."""
    inner = Mixture.of(["openai:a"], "openai:a", name="inner")
    recipe = Mixture.of(["openai:a", inner], "openai:a")
    few, many = (
        account(recipe, Budget(max_tokens=1, answer_tokens=count)).plan(recipe.layers).tokens for count in (10, 11)
    )
    assert many - few == 4 + 1 + 2  # each of four answers, and those that the inner and the outer aggregator read


def test_the_length_that_a_model_was_built_with_counts() -> None:
    """An argument for a model's constructor bounds its answer as `max_tokens` does."""
    by_argument, by_seat = (
        Mixture.of([Proposer("openai:a", **options)], Aggregator("openai:a", max_tokens=9))
        for options in ({"model_kwargs": {"max_completion_tokens": 700}}, {"max_tokens": 700})
    )
    planned = [account(recipe, UNLIMITED).plan(recipe.layers) for recipe in (by_argument, by_seat)]
    assert planned[0] == planned[1]


def test_what_was_really_used_decides() -> None:
    """A layer that looked too dear before is asked after all when the one before has used less than it might."""
    recipe = mixture("openai:a", "openai:a", depth=3)
    budget = Budget(max_tokens=account(recipe, UNLIMITED).plan(recipe.layers).tokens - 1)
    assert opening(account(recipe, budget)) is None
    assert continuing(account(recipe, budget), left(first_layer("p0", "p1"))) is None
    decision = continuing(account(recipe, budget), left(first_layer("p0", "p1", written=400)))
    assert decision is not None
    assert (decision["dropped_layers"], decision["dropped_slots"]) == ([2], [])
    assert decision["needed"] > decision["allowed"] == budget.max_tokens


def test_later_layers_go_before_earlier_ones() -> None:
    """Of several layers to come, the next is asked as long as it and the aggregator fit."""
    recipe = mixture("openai:a", "openai:a", depth=4)
    asked = left(first_layer("p0", "p1"))
    used = spent(account(recipe, UNLIMITED), asked)
    next_alone = account(recipe, UNLIMITED).plan(recipe.layers[:2], after=1, written=[10, 10])
    fitting = used.plus(next_alone).tokens
    assert continuing(account(recipe, Budget(max_tokens=fitting)), asked) is None
    decision = continuing(account(recipe, Budget(max_tokens=fitting - 1)), asked)
    assert decision is not None
    assert decision["dropped_layers"] == [2, 3]


def test_an_aggregator_that_is_not_affordable_is_not_asked() -> None:
    """When the layers have used up what the aggregator needs, the error holds what they gave."""
    recipe = mixture("openai:a", "openai:a")
    asked = left(first_layer("p0", "p1", written=400))
    with pytest.raises(BudgetError) as caught:
        continuing(account(recipe, Budget(max_tokens=1000)), asked)
    assert caught.value.spent == 2 * 500
    assert caught.value.needed > 100
    assert caught.value.proposals == asked["1"]["proposals"]


def test_the_policy_to_raise_holds_after_every_layer() -> None:
    """With `on_exceeded="raise"`, a plan whose rest does not fit any more ends there, with what is finished."""
    recipe = mixture("openai:a", "openai:a", depth=3)
    whole = account(recipe, UNLIMITED).plan(recipe.layers).tokens
    budget = Budget(max_tokens=whole, on_exceeded="raise")
    assert opening(account(recipe, budget)) is None
    with pytest.raises(BudgetError) as caught:
        continuing(account(recipe, budget), left(first_layer("p0", "p1", written=900)))
    assert len(caught.value.proposals) == 2
    assert caught.value.spent == 2000


def test_seconds_end_the_layers() -> None:
    """When the seconds are over, no further layer is asked; the aggregator still answers. Or the error comes."""
    recipe = mixture("openai:a", depth=3)
    late, early = left(first_layer("p0", seconds=5.0)), left(first_layer("p0", seconds=4.9))
    decision = continuing(account(recipe, Budget(max_seconds=5)), late)
    assert decision == BudgetDecision(
        limit="max_seconds", allowed=5.0, needed=5.0, dropped_layers=[2], dropped_slots=[]
    )
    assert continuing(account(recipe, Budget(max_seconds=5)), early) is None
    with pytest.raises(BudgetError) as caught:
        continuing(account(recipe, Budget(max_seconds=5, on_exceeded="raise")), late)
    assert (caught.value.limit, caught.value.spent, caught.value.needed) == ("max_seconds", 5.0, 0.0)
    last = mixture("openai:a")
    assert continuing(account(last, Budget(max_seconds=5, on_exceeded="raise")), late) is None


def test_seconds_that_are_left() -> None:
    """A layer may take what the layers before have left of the seconds, and a moment at least."""
    asked = left(first_layer("p0", seconds=3.0))
    assert seconds_left(Budget(max_seconds=5), {}) == 5
    assert seconds_left(Budget(max_seconds=5), asked) == 2
    assert seconds_left(Budget(max_seconds=3), asked) == pytest.approx(0.001)
    assert seconds_left(Budget(max_tokens=3), asked) is None
    assert seconds_left(None, asked) is None


def test_a_layers_own_aggregator_without_seconds_is_left_out() -> None:
    """When the proposers took all seconds, their layer's aggregator is not asked, and the decision names it."""
    layer = Layer([Proposer("openai:a", name="p0")], aggregator="openai:a")
    recipe, asked = Mixture([layer], "openai:a"), left(first_layer("p0", seconds=5.0))
    assert is_over(Budget(max_seconds=5), asked)
    decision = continuing(account(recipe, Budget(max_seconds=5)), asked)
    assert decision == BudgetDecision(
        limit="max_seconds", allowed=5.0, needed=5.0, dropped_layers=[], dropped_slots=["layer_1_join"]
    )
    with pytest.raises(BudgetError):
        continuing(account(recipe, Budget(max_seconds=5, on_exceeded="raise")), asked)


def left_out(slot: str) -> Proposal:
    """Return what is written for a proposer of the first layer that a budget of 700 tokens did not allow for."""
    why = LeftOut(kind=BUDGET_EXCEEDED, message="", limit="max_tokens", allowed=700.0, needed=900.0)
    return skipped(Place(1, 0, slot), "openai:a", why)


@pytest.mark.parametrize("budget", [Budget(max_tokens=10**9), Budget(max_cost=9, on_exceeded="raise")])
def test_what_was_left_out_stays_left_out(budget: Budget) -> None:
    """What the proposals say was left out before the first call is the decision, whatever the budget is by now."""
    recipe = mixture("openai:a", "openai:a", "openai:a", depth=3)
    asked = left([*first_layer("p0"), left_out("p1"), left_out("p2")])
    assert continuing(account(recipe, budget), asked) == BudgetDecision(
        limit="max_tokens",
        allowed=700.0,
        needed=900.0,
        dropped_layers=[2],
        dropped_slots=["layer_1_p2", "layer_1_p1"],
    )


def test_what_was_not_left_out_is_not_said_to_be() -> None:
    """Proposers that were asked are none that a smaller budget has dropped; the further layers are."""
    recipe = mixture("openai:a", "openai:a", "openai:a", depth=3)
    asked = left(first_layer("p0", "p1", "p2"))
    used = spent(account(recipe, UNLIMITED), asked)
    least = used.plus(account(recipe, UNLIMITED).plan((), written=[10, 10, 10])).tokens
    small = account(recipe, Budget(max_tokens=least), tokens=QUESTION)
    opened = small.opening
    assert opened is not None
    assert opened["dropped_slots"]
    decision = continuing(small, asked)
    assert decision is not None
    assert (decision["dropped_layers"], decision["dropped_slots"]) == ([2], [])


def test_an_answer_that_is_not_affordable_is_refused() -> None:
    """The aggregator's request is refused as soon as it passes a limit, with what the layers have used."""
    recipe, references = mixture("openai:a"), ["x" * 300, "x" * 300]
    asked = left(first_layer("p0"))
    limited = account(recipe, UNLIMITED)
    needed = spent(limited, asked).plus(limited.plan((), written=[100, 100])).tokens
    refuse_answer(account(recipe, Budget(max_tokens=needed)), asked, references)
    with pytest.raises(BudgetError) as caught:
        refuse_answer(account(recipe, Budget(max_tokens=needed - 1)), asked, references)
    assert (caught.value.spent, caught.value.spent + caught.value.needed) == (110, needed)
    assert caught.value.proposals == asked["1"]["proposals"]


def test_what_the_aggregator_is_given_besides_counts_for_it_alone() -> None:
    """Tools and a schema of its own are read once, by the aggregator, whatever the layers."""
    recipe = mixture("openai:a", "openai:a", depth=3)
    plain, more = (Account(recipe, UNLIMITED, PRICES, QUESTION, aside=aside) for aside in (0, 500))
    assert more.plan(recipe.layers).tokens - plain.plan(recipe.layers).tokens == 500
    assert more.plan((), written=[1]).tokens - plain.plan((), written=[1]).tokens == 500


def test_an_aggregator_that_is_not_asked_takes_nothing() -> None:
    """Where a graph ends with the layers, the aggregator needs no price, is not planned, and is never too dear."""
    recipe = Mixture.of([Proposer("openai:a", name="p0", max_tokens=9)], Aggregator("openai:unknown", max_tokens=10**6))
    layers_alone = Account(recipe, Budget(max_cost=1, max_tokens=150), PRICES, QUESTION, answers=False)
    assert opening(layers_alone) is None
    assert layers_alone.plan(recipe.layers).tokens == QUESTION + 9
    assert continuing(layers_alone, left(first_layer("p0", written=10**4))) is None
    with pytest.raises(ConfigurationError, match="none for openai:unknown"):
        opening(replace(layers_alone, answers=True))


@pytest.mark.parametrize("form", [lambda inner: ChatMoA(mixture=inner), create_moa, lambda inner: inner])
def test_a_mixture_in_a_slot_counts_with_all_its_calls(form: Any) -> None:
    """A mixture in a slot is planned with all its calls in every form: the recipe, its graph, and its chat model."""
    inner = mixture("openai:a", "openai:b", depth=3, name="inner")
    recipe = Mixture.of([Proposer(form(inner), name="p0")], Aggregator("openai:a", max_tokens=100))
    limited = account(recipe, Budget(max_cost=1))
    assert opening(limited) is None
    (seat, _) = limited.seats()
    assert [call.slot for call in seat.calls] == ["p0/p0", "p0/p1", "p0/p0", "p0/p1", "p0/aggregator"]
    dear = mixture("openai:nobody-knows", name="inner")
    with pytest.raises(ConfigurationError, match="none for openai:nobody-knows"):
        opening(account(Mixture.of([form(dear)], "openai:a"), Budget(max_cost=1)))


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 900), min_size=1, max_size=8),
    window=st.integers(400, 6000),
    placement=st.sampled_from(["tail", "system"]),
    prompt=st.sampled_from([None, "judge " * 50]),
)
def test_windows_are_planned_as_they_are_read(
    lengths: list[int], window: int, placement: Any, prompt: str | None
) -> None:
    """An aggregator that reads in windows is planned with as many calls as it makes, each as long at least."""
    merger = Aggregator("openai:a", max_tokens=100, context_window=window, prompt=prompt)
    options: dict[str, Any] = {"reference_placement": placement, "on_overflow": "windows"}
    recipe = Mixture.of(["openai:a"], merger, **options)
    conversation = [HumanMessage("why? " * 20)]
    references = ["x" * 3 * length for length in lengths]
    room = Room(merger, "aggregator", instructions=prompt, placement=placement)
    try:
        shown = room.fit(conversation, references, "windows").windows
    except ContextWindowError:
        return
    planner = account(recipe, UNLIMITED, estimate_request(conversation))._planner()
    (seat,) = planner.seats((), merger, written=lengths)
    assert len(seat.calls) == len(shown)
    carried = [(), *([("x" * 3 * room.carried,)] * (len(shown) - 1))]
    for call, given_before, references_here in zip(seat.calls, carried, shown, strict=True):
        request = with_references(
            conversation, [*given_before, *references_here], instructions=prompt, placement=placement
        )
        texts = sum(map(estimate_tokens, references_here))  # instructions of a single request count a little less
        least = estimate_request(request) if len(shown) > 1 else texts
        assert call.input_tokens is not None
        assert call.input_tokens >= least
        assert len(shown) == 1 or call.input_tokens <= window - 100


def test_a_request_in_windows_that_tells_nothing_counts_as_the_longest() -> None:
    """Of a layer's aggregator that reads in windows, each request of unknown tokens counts once, not as all of them."""
    merger = Aggregator("openai:a", max_tokens=100, context_window=900)
    proposers = [Proposer("openai:a", name=f"p{number}", max_tokens=300) for number in range(4)]
    recipe = Mixture([Layer(proposers, aggregator=merger)], "openai:a", on_overflow="windows")
    limited = account(recipe, UNLIMITED)
    planned = next(seat for seat in limited.seats() if seat.name == "join")
    assert len(planned.calls) > 1
    asked = left(first_layer("p0", read=0, written=0))
    asked["1"]["synthesis"] = answered(1, "join", request(None, None))
    longest = max(call.input_tokens or 0 for call in planned.calls) + 100
    assert spent(limited, asked).tokens == longest


def test_the_schema_counts_in_every_request() -> None:
    """In a structured mixture, what says the schema is read in every call."""
    schema = {"title": "T", "type": "object", "properties": {"a": {"type": "integer", "description": "x" * 4000}}}
    plain, structured = (mixture("openai:a", "openai:a", depth=3, answer_schema=given) for given in (None, schema))
    more = [
        with_schema.calls[0].input_tokens - without.calls[0].input_tokens  # type: ignore[operator]
        for without, with_schema in zip(
            account(plain, UNLIMITED).seats(), account(structured, UNLIMITED).seats(), strict=True
        )
    ]
    assert len(more) == 5
    assert min(more) > 1000


@pytest.mark.parametrize(
    ("calls", "tokens"),
    [
        pytest.param([request(5, 7)], 12, id="known"),
        pytest.param([request(5, 7), request(5, 7)], 24, id="a-retry"),
        pytest.param([request(None, None)], 200, id="unknown"),
        pytest.param([request(5, None)], 105, id="half-known"),
        pytest.param([request(None, None, error={"kind": "E", "message": "m"}), request(5, 7)], 212, id="failed"),
        pytest.param([request(5, 7, unreported=1)], 200, id="known-in-part"),
        pytest.param([request(500, 7, unreported=1)], 600, id="known-in-part-and-more-than-planned"),
        pytest.param([request(5, 7, cached=False, billed=None)], 200, id="the-rest-of-the-cache-unknown"),
        pytest.param([request(500, 700, cached=False, billed=request(5, 7)["usage"])], 12, id="from-the-cache-in-part"),
        pytest.param([request(5, 7, cached=True, billed=None)], 0, id="from-the-cache"),
        pytest.param([request(None, None, cached=True, billed=None)], 0, id="unknown-from-the-cache"),
        pytest.param([], 0, id="never-asked"),
    ],
)
def test_what_is_unknown_counts_as_it_was_estimated(calls: list[CallRecord], tokens: int) -> None:
    """A request whose tokens are unknown counts as planned: 100 of the conversation and 100 of its answer.

    What LangChain's cache has answered counts as nothing.
    """
    recipe = mixture("openai:a")
    used = spent(account(recipe, UNLIMITED), left([answered(1, "p0", *calls)]))
    assert used.tokens == tokens
    assert (used.cost > 0) == (tokens > 0)


@pytest.mark.parametrize(
    ("cost", "unpriced", "counted"),
    [
        pytest.param(0.5, [], 0.5, id="known"),
        pytest.param(0.5, ["openai:z"], 0.5, id="more-known-than-estimated"),
        pytest.param(None, ["inner"], None, id="unknown"),
        pytest.param(1e-9, ["openai:z"], None, id="partly-known"),
    ],
)
def test_a_nested_mixture_counts_what_it_says(cost: float | None, unpriced: list[str], counted: float | None) -> None:
    """The dollars of a nested mixture are those that it tells, and its estimate at least where it does not know all."""
    inner = Mixture.of(["openai:a"], Aggregator("openai:a", max_tokens=9), name="inner")
    recipe = Mixture.of([Proposer(inner, name="p0")], "openai:a")
    nested = NestedRun(mixture="inner", degraded=False, missing=[], cost=cost, unpriced=unpriced)
    limited = account(recipe, UNLIMITED)
    used = spent(limited, left([answered(1, "p0", request(5, 7, nested=nested))]))
    estimate = sum(call.cost or 0 for seat in limited.seats() if seat.name == "p0" for call in seat.calls)
    assert used.cost == pytest.approx(estimate if counted is None else counted)
    assert used.tokens == 12


def test_a_layers_own_aggregator_counts() -> None:
    """What a layer's own aggregator used is spent, and is planned where it has not been asked."""
    layer = Layer([Proposer("openai:a", name="p0", max_tokens=100)], aggregator=Aggregator("openai:a", max_tokens=50))
    recipe = Mixture([layer], Aggregator("openai:a", max_tokens=100))
    asked = left(first_layer("p0"))
    asked["1"]["synthesis"] = answered(1, "join", request(None, 20))
    limited = account(recipe, UNLIMITED)
    planned = {seat.name: seat.calls[0].input_tokens for seat in limited.seats()}
    assert spent(limited, asked).tokens == 110 + 20 + (planned["join"] or 0)


def test_models_without_a_price_are_refused() -> None:
    """Dollars cannot be limited where a model has no price: all of them are listed, fallbacks and nested ones too."""
    inner = Mixture.of(["openai:z"], "openai:a", name="inner")
    recipe = Mixture.of([Proposer("openai:a", fallbacks=["openai:x", "openai:y"]), inner], "openai:a")
    with pytest.raises(
        ConfigurationError, match=r"none for openai:x, openai:y, openai:z\. Give them in Mixture\(prices"
    ):
        opening(account(recipe, Budget(max_cost=100)))
    assert opening(account(recipe, Budget(max_tokens=10**9))) is None
    table = PriceTable(prices={"openai:z": Price(1, 1), "openai:a": Price(1, 1)}, date="2026-01-31", source="own")
    priced = replace(recipe, layers=[Layer([replace(inner, prices=table)])])
    assert opening(account(priced, Budget(max_cost=100))) is None


MODELS = st.sampled_from(["openai:a", "openai:b", "openai:c", "offline:bm25"])
SEATS = st.builds(
    Proposer,
    MODELS,
    max_tokens=st.none() | st.integers(1, 3000),
    required=st.booleans(),
    system_prompt=st.sampled_from([None, "be brief"]),
)


@st.composite
def recipes(draw: st.DrawFn) -> Mixture:
    """Draw a mixture of one to three layers of priced models."""
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        seats = draw(st.lists(SEATS, min_size=1, max_size=4))
        merger = draw(st.none() | st.builds(Aggregator, MODELS, max_tokens=st.integers(1, 500)))
        layers.append(Layer(seats, quorum=draw(st.integers(1, len(seats))), aggregator=merger))
    return Mixture(layers, draw(st.builds(Aggregator, MODELS, max_tokens=st.none() | st.integers(1, 3000))))


BUDGETS = st.builds(Budget, max_cost=st.none() | st.floats(0, 0.3), max_tokens=st.integers(1, 60_000))


def decided(recipe: Mixture, budget: Budget, tokens: int) -> BudgetDecision | BudgetError | None:
    """Return the decision before the first layer, or the error."""
    try:
        return opening(account(recipe, budget, tokens))
    except BudgetError as error:
        return error


@settings(deadline=None)
@given(recipes(), BUDGETS, st.integers(0, 5000))
def test_no_decision_passes_the_budget(recipe: Mixture, budget: Budget, tokens: int) -> None:
    """The first layer that is asked, with the aggregator, is within every limit; an error comes only if none is."""
    limited = account(recipe, budget, tokens)
    decision = decided(recipe, budget, tokens)
    slots = recipe.slots[0]
    if isinstance(decision, BudgetError):
        leaving = sorted(slots, key=lambda slot: (slot.proposer.required, -slot.index))
        fewest = [slot.node for slot in leaving[: len(slots) - recipe.layers[0].quorum]]
        assert limited.passed(limited.plan(recipe.layers[:1], without=fewest)) == decision.limit
        assert decision.needed > decision.allowed
        return
    dropped = [] if decision is None else decision["dropped_slots"]
    assert limited.passed(limited.plan(recipe.layers[:1], without=dropped)) is None
    assert len(slots) - len(dropped) >= recipe.layers[0].quorum
    required = [slot.node for slot in slots if slot.proposer.required]
    optional = [slot.node for slot in slots if not slot.proposer.required]
    assert set(optional) <= set(dropped) or not set(required) & set(dropped)


@settings(deadline=None)
@given(recipes(), BUDGETS, st.integers(0, 5000))
def test_a_larger_budget_never_drops_more(recipe: Mixture, budget: Budget, tokens: int) -> None:
    """What a budget drops, a smaller one drops too; and where one allows for a run, a larger one does."""
    steps = [1, 1.5, 2, 4, 16]
    larger = [
        replace(
            budget,
            max_cost=None if budget.max_cost is None else budget.max_cost * step,
            max_tokens=int((budget.max_tokens or 0) * step),
        )
        for step in steps
    ]
    decisions = [decided(recipe, one, tokens) for one in larger]
    for small, large in pairwise(decisions):
        if not isinstance(small, BudgetError):
            assert not isinstance(large, BudgetError)
            assert set(large["dropped_slots"] if large else ()) <= set(small["dropped_slots"] if small else ())


@settings(deadline=None)
@given(recipes(), BUDGETS, st.integers(0, 5000), st.integers(0, 2000))
def test_what_goes_on_fits(recipe: Mixture, budget: Budget, tokens: int, written: int) -> None:
    """After a layer, what is asked next fits with what was used: the next layer and the aggregator, or it alone."""
    limited = account(recipe, budget, tokens)
    asked = left([answered(1, slot.name, request(tokens, written)) for slot in recipe.slots[0]])
    if isinstance(decided(recipe, budget, tokens), BudgetError):
        return
    used = spent(limited, asked)
    texts = [10] * len(recipe.slots[0])
    try:
        decision = continuing(limited, asked)
    except BudgetError:
        assert limited.passed(used.plus(limited.plan(recipe.layers[:1], after=1, written=texts))) is not None
        return
    goes_on = decision is None and len(recipe.layers) > 1
    rest = limited.plan(recipe.layers[: 2 if goes_on else 1], after=1, written=texts)
    assert limited.passed(used.plus(rest)) is None
