"""The summary in `response_metadata["moa"]`: who is missing and why, tokens, dollars, seconds."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langgraph_moa import Layer, Mixture, Proposer, create_moa
from langgraph_moa.budget import BudgetDecision
from langgraph_moa.proposal import CallRecord, NestedRun, Proposal, Usage
from langgraph_moa.state import LayerRecord
from langgraph_moa.summary import MoASummary, summarize
from langgraph_moa.usage import Price, PriceTable

PRICES = PriceTable(prices={"a:x": Price(2.0, 10.0, 0.5), "a:y": Price(1.0, 1.0)}, date="2026-01-31", source="by hand")
FAILURE = {"kind": "RateLimitError", "message": "slow down"}


def tokens(given: int, written: int, cached: int | None = None) -> Usage:
    """Return a usage as a provider reports it."""
    return Usage(
        input_tokens=given,
        output_tokens=written,
        total_tokens=given + written,
        cached_tokens=cached,
        reasoning_tokens=None,
    )


def proposal(name: str, **changes: Any) -> Proposal:
    """Return an answer of one second and ten tokens of each kind."""
    defaults = Proposal(
        layer=1,
        index=0,
        proposer=name,
        model="a:x",
        served_model=None,
        status="ok",
        text=f"answer of {name}",
        error=None,
        latency=1.0,
        waited=0.0,
        started_at=100.0,
        attempts=1,
        usage=tokens(10, 10),
        finish_reason="stop",
        calls=[],
        nested=None,
        shortened=0,
        edited=False,
    )
    made = {**defaults, **changes}
    calls = [request(made["model"], made["usage"])] if made["attempts"] else []
    return cast("Proposal", {**made, "calls": changes.get("calls", calls)})


def request(model: str, usage: Usage | None = None, *, fallback: int = 0) -> CallRecord:
    """Return one request."""
    return CallRecord(model=model, fallback=fallback, usage=usage, nested=None, error=None)


def failed(name: str, status: str = "error", **changes: Any) -> Proposal:
    """Return a proposal without an answer and without known tokens."""
    return proposal(name, **{"status": status, "text": "", "error": FAILURE, "usage": None, **changes})


def layer(*proposals: Proposal, synthesis: Proposal | None = None) -> LayerRecord:
    """Return what a layer leaves behind."""
    return LayerRecord(proposals=list(proposals), synthesis=synthesis, substitute=None)


FELL_BACK = [request("a:x"), request("a:y", tokens(10, 10), fallback=1)]
ANSWER = proposal("aggregator", layer=2, latency=2.0, started_at=101.0)


def summary(*layers: LayerRecord, answer: Proposal = ANSWER, first_token: float | None = None) -> MoASummary:
    """Sum up a run of the mixture `m`."""
    records = {str(number): record for number, record in enumerate(layers, start=1)}
    return summarize("m", records, answer, prices=PRICES, first_token=first_token)


def test_a_complete_run() -> None:
    """Where every proposal is there, nothing is missing, unknown or unpriced."""
    told = summary(layer(proposal("one"), proposal("two")), layer(proposal("three", layer=2)))
    assert (told["mixture"], told["depth"], told["degraded"]) == ("m", 3, False)
    assert (told["ok"], told["planned"], told["missing"]) == (3, 3, [])
    assert told["usage"]["total"] == tokens(40, 40)
    assert told["usage"]["unknown"] == []
    assert told["cost"] == {"total": pytest.approx(4 * 120e-6), "unpriced": [], "prices_date": "2026-01-31"}


@pytest.mark.parametrize("status", ["error", "timeout", "cancelled", "empty", "refused", "skipped"])
def test_a_missing_proposal_degrades_the_run(status: str) -> None:
    """Whatever a proposal is missing for, the run is degraded and says who and why."""
    told = summary(layer(proposal("one"), failed("two", status)))
    assert told["degraded"]
    assert (told["ok"], told["planned"]) == (1, 2)
    assert told["missing"] == [{"layer": 1, "proposer": "two", "model": "a:x", "status": status, "reason": "slow down"}]


def test_a_missing_proposal_without_a_reason() -> None:
    """A proposal that is missing without an error has no reason, rather than an invented one."""
    assert summary(layer(proposal("one"), failed("two", "empty", error=None)))["missing"][0]["reason"] is None


def test_a_fallback_degrades_the_run() -> None:
    """An answer by a fallback is ok, yet the run is degraded, and it is priced as the model that answered."""
    told = summary(layer(proposal("one"), proposal("two", calls=FELL_BACK, usage=tokens(10, 10))))
    assert told["degraded"]
    assert (told["ok"], told["missing"]) == (2, [])
    assert told["usage"]["slots"][1]["cost"] == pytest.approx(20e-6)


def test_a_fallback_of_the_aggregator_degrades_the_run() -> None:
    """The aggregator's own fallback counts as well."""
    assert summary(layer(proposal("one")), answer=proposal("aggregator", calls=FELL_BACK))["degraded"]


def test_a_degraded_nested_mixture_degrades_the_run() -> None:
    """A nested mixture that was degraded in any of a seat's requests, for a window of references too, makes it so."""
    run = NestedRun(mixture="inner", degraded=True, missing=["layer_1_x"], cost=0.5, unpriced=[])
    windows: list[CallRecord] = [
        {**request("inner"), "nested": run},
        {**request("inner"), "nested": {**run, "degraded": False}},
    ]
    assert summary(layer(proposal("one")), answer=proposal("aggregator", calls=windows))["degraded"]
    assert not summary(layer(proposal("one")), answer=proposal("aggregator", calls=windows[1:]))["degraded"]


def test_unknown_tokens_are_listed() -> None:
    """Seats that reported no tokens are listed by node name, and the total is that of the others."""
    told = summary(layer(proposal("one"), failed("two")), answer=proposal("aggregator", usage=None))
    assert told["usage"]["unknown"] == ["layer_1_two", "aggregator"]
    assert told["usage"]["total"] == tokens(10, 10)
    assert [slot["usage"] for slot in told["usage"]["slots"]] == [tokens(10, 10), None, None]


def test_partly_known_tokens_are_unknown() -> None:
    """A seat below which a call told nothing is listed, and its model as unpriced; what is known counts."""
    agent: CallRecord = {**request("a:x", tokens(10, 10)), "unreported": 1}
    run = NestedRun(mixture="inner", degraded=False, missing=[], cost=0.5, unpriced=[], unknown=["layer_1_x"])
    inner: CallRecord = {**request("mixture:inner", tokens(1, 1)), "nested": run}
    told = summary(layer(proposal("one", calls=[agent]), proposal("two", calls=[inner], usage=tokens(1, 1))))
    assert told["usage"]["unknown"] == ["layer_1_one", "layer_1_two"]
    assert told["cost"]["unpriced"] == ["a:x"]
    assert told["cost"]["total"] == pytest.approx(2 * 120e-6 + 0.5)


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        pytest.param({"cached": True, "billed": None}, 0.0, id="whole"),
        pytest.param({"cached": True, "billed": None, "usage": None}, 0.0, id="without-counts"),
        pytest.param({"cached": True, "billed": None, "model": "a:unpriced"}, 0.0, id="unpriced"),
        pytest.param({"cached": False, "billed": tokens(10, 0)}, 20e-6, id="a-part"),
    ],
)
def test_what_the_cache_answered_costs_nothing(changes: dict[str, Any], cost: float) -> None:
    """Of a request that LangChain's cache has answered, wholly or in part, only the rest costs; nothing is unknown."""
    call: Any = {**request("a:x", tokens(30, 30)), **changes}
    told = summary(layer(proposal("one", usage=tokens(30, 30), calls=[call])))
    assert told["usage"]["slots"][0]["cost"] == pytest.approx(cost)
    assert (told["usage"]["unknown"], told["cost"]["unpriced"]) == ([], [])
    assert told["usage"]["total"] == tokens(40, 40)


def test_seats_that_made_no_request_have_no_unknown_tokens() -> None:
    """A seat that was never asked used no token: it is not listed with those whose tokens are unknown."""
    idle = failed("two", "skipped", attempts=0, latency=None, started_at=None)
    told = summary(layer(proposal("one"), idle, failed("three", "cancelled")))
    assert told["usage"]["unknown"] == ["layer_1_three"]


def test_nothing_known_is_none() -> None:
    """Where no seat reported tokens, total and cost are `None`, never 0."""
    told = summary(layer(proposal("one", usage=None)), answer=proposal("aggregator", usage=None))
    assert told["usage"]["total"] is None
    assert told["cost"]["total"] is None
    assert told["cost"]["unpriced"] == ["a:x"]


def test_unpriced_models_are_listed() -> None:
    """A model without a price is listed once, and its cost is `None`, never 0."""
    told = summary(layer(proposal("one", model="a:z"), proposal("two", model="a:z"), proposal("three")))
    assert told["cost"]["unpriced"] == ["a:z"]
    assert told["cost"]["total"] == pytest.approx(2 * 120e-6)
    assert told["usage"]["slots"][0]["cost"] is None


LEFT_OUT: BudgetDecision = {
    "limit": "max_cost",
    "allowed": 0.1,
    "needed": 0.2,
    "dropped_layers": [2],
    "dropped_slots": [],
}


def test_what_a_budget_left_out_degrades_the_run() -> None:
    """A run that asked fewer layers than planned says so, though no proposal is missing."""
    record = layer(proposal("one"))
    record["budget"] = LEFT_OUT
    told = summary(record)
    assert (told["degraded"], told["budget"], told["missing"]) == (True, LEFT_OUT, [])
    assert summary(layer(proposal("one")))["budget"] is None


def test_cached_tokens_have_their_price() -> None:
    """Tokens read from the provider's cache are counted and priced as such."""
    told = summary(layer(proposal("one", usage=tokens(1000, 0, cached=600))))
    assert told["usage"]["slots"][0]["cost"] == pytest.approx((400 * 2.0 + 600 * 0.5) / 1e6)
    total = told["usage"]["total"]
    assert total is not None
    assert total["cached_tokens"] == 600


def test_a_layers_own_aggregator_is_a_seat() -> None:
    """What a layer's own aggregator used is counted, and so are its seconds."""
    synthesis = proposal("join", latency=0.5, started_at=101.0)
    told = summary(layer(proposal("one"), synthesis=synthesis))
    assert [(slot["layer"], slot["slot"]) for slot in told["usage"]["slots"]] == [
        (1, "one"),
        (1, "join"),
        (None, "aggregator"),
    ]
    assert told["planned"] == 1
    assert told["timing"]["layers"] == [pytest.approx(1.5)]


def test_seconds_are_those_of_the_wall_clock() -> None:
    """A layer lasts from its first call to its last answer, however its calls overlap."""
    first = layer(proposal("one", started_at=100.0, latency=3.0), proposal("two", started_at=101.0, latency=4.0))
    second = layer(proposal("three", layer=2, started_at=105.0, latency=1.0))
    timing = summary(first, second, first_token=0.25)["timing"]
    assert timing["layers"] == [pytest.approx(5.0), pytest.approx(1.0)]
    assert timing["aggregator"] == pytest.approx(2.0)
    assert timing["total"] == pytest.approx(8.0)
    assert timing["first_token"] == pytest.approx(6.25)


def test_an_answer_that_was_not_streamed_has_no_first_token() -> None:
    """The seconds to the first token are `None` where there was none."""
    assert summary(layer(proposal("one")))["timing"]["first_token"] is None


def test_the_time_until_a_layer_was_resumed_does_not_count() -> None:
    """A layer that was left half-way lasts as long as somebody was at work; no pause counts."""
    before, after = proposal("one", started_at=100.0), proposal("two", started_at=160.0)
    timing = summary(layer(before, after), answer=proposal("aggregator", started_at=900.0))["timing"]
    assert timing["layers"] == [pytest.approx(2.0)]
    assert timing["total"] == pytest.approx(3.0)


def test_calls_that_were_not_made_take_no_time() -> None:
    """A layer whose slots were all skipped lasts no second."""
    skipped = failed("one", "skipped", latency=None, started_at=None)
    assert summary(layer(skipped))["timing"]["layers"] == [0.0]


def test_the_summary_is_bounded_and_holds_no_answers() -> None:
    """A long reason is cut, no answer's text is repeated, and all of it can be written as JSON."""
    long = {"kind": "E", "message": "x" * 10_000}
    told = summary(layer(proposal("one", text="y" * 10_000), failed("two", error=long)))
    written = json.dumps(told)
    assert len(written) < 3000
    assert "yyy" not in written
    assert told["missing"][0]["reason"] == "x" * 200


HUGE = "m" * 1_000_000
HOSTILE: list[dict[str, Any]] = [
    {"model_name": HUGE, "finish_reason": HUGE, "stop_reason": HUGE},
    {"moa": {"mixture": 1, "degraded": "no", "missing": [], "cost": {"total": "1.5 $", "unpriced": None}}},
    {"moa": {"mixture": "x", "degraded": False, "missing": [], "cost": {"total": "1.5 $", "unpriced": ["y"]}}},
    {"moa": {"mixture": "x", "degraded": False, "missing": [], "usage": {"total": {"input_tokens": 1}}, "cost": 1}},
    {"moa": {"usage": {"total": 5}}},
    {"moa": {"mixture": HUGE, "degraded": True, "missing": 5, "cost": {"total": 1, "unpriced": [HUGE, 5]}}},
]


@pytest.mark.parametrize(
    "metadata", HOSTILE, ids=["long-names", "no-names", "no-dollars", "one-count", "no-counts", "long-lists"]
)
def test_metadata_of_any_shape_end_no_run(metadata: dict[str, Any]) -> None:
    """Whatever a proposer and an aggregator say of their answers, the run ends in the answer and a small summary."""
    remote: Any = RunnableLambda(lambda _: AIMessage("hello", response_metadata=metadata))
    answer = create_moa(Mixture([Layer([Proposer(remote, name="a")])], remote)).invoke({"messages": [("user", "why?")]})
    told = answer["messages"][-1].response_metadata["moa"]
    assert (answer["messages"][-1].content, told["ok"]) == ("hello", 1)
    assert len(json.dumps(told)) < 2 * 2_000
