"""Runs within a budget: what is not affordable is not called, and the answer says so."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, cast

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

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
    create_aggregation,
    create_moa,
)
from langgraph_moa.fitting import estimate_request
from langgraph_moa.summary import MoASummary
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from langgraph_moa.usage import Price
from tests.ways import FIRST, Output, Way, ask, every_way, sync_and_async, use_simulator

PRICE = Price(1.0, 10.0)
PRICES = PriceTable(
    prices={f"scriptedchatmodel:{name}": PRICE for name in ("a", "b", "c", "g")},
    date="2026-01-31",
    source="by hand",
)
LONG = 1000
"""Tokens that an answer may have, and has where a model uses all of them."""


def model(name: str, *, written: int | None = 10, **options: Any) -> Any:
    """Return a chat model that reports 10 tokens read and these written; `None`: it reports none."""
    usage = (
        None if written is None else UsageMetadata(input_tokens=10, output_tokens=written, total_tokens=10 + written)
    )
    return ScriptedChatModel(model_name=name, replies=f"{name} says so", usage=usage, **options)


class Cast:
    """Three proposers and an aggregator.

    Args:
        written: Tokens that each says it has written.
        proposers: Options of the proposers' models.
    """

    def __init__(self, *, written: int | None = 10, **proposers: Any) -> None:
        self.models = [model(name, written=written, **proposers) for name in "abc"]
        self.last = model("g")

    def mixture(self, *, depth: int = 3, **options: Any) -> Mixture:
        """Return a mixture of them."""
        seats = [Proposer(one, max_tokens=LONG, name=one.model_name) for one in self.models]
        given = {"prices": PRICES, "on_partial": "allow", **options}
        return Mixture.of(seats, Aggregator(self.last, max_tokens=LONG), depth=depth, **given)

    @property
    def calls(self) -> list[int]:
        """Calls of each proposer, and of the aggregator."""
        return [len(one.requests) for one in (*self.models, self.last)]


def summary_of(output: Output) -> MoASummary:
    """Return what an answer says of its run."""
    return cast("MoASummary", output["messages"][-1].response_metadata["moa"])


@every_way
def test_a_layer_that_is_not_affordable_is_not_called(way: Way) -> None:
    """After a layer that used too much, no further one is called, the aggregator answers, and the answer says so."""
    actors = Cast(written=LONG)
    graph = create_moa(actors.mixture(budget=Budget(max_tokens=8_000)))
    outputs = way(graph)
    runs = len(outputs)
    assert actors.calls == [runs, runs, runs, runs]
    for output in outputs.values():
        assert output["messages"][-1].text == "g says so"
        told = summary_of(output)
        assert told["degraded"]
        assert told["budget"] is not None
        assert (told["budget"]["limit"], told["budget"]["dropped_layers"]) == ("max_tokens", [2])
        assert (told["depth"], told["ok"], told["missing"]) == (2, 3, [])


@every_way
def test_a_proposer_that_is_not_affordable_is_not_called(way: Way) -> None:
    """Where not even the first layer fits, its last proposers are skipped, and the answer names them and the reason."""
    actors = Cast()
    graph = create_moa(actors.mixture(budget=Budget(max_cost=0.035)))
    outputs = way(graph)
    runs = len(outputs)
    assert actors.calls == [runs, runs, 0, runs]
    for output in outputs.values():
        skipped = output["proposals"][-1]
        assert (skipped["proposer"], skipped["status"], skipped["attempts"]) == ("c", "skipped", 0)
        assert skipped["error"]["kind"] == "BudgetExceeded"
        told = summary_of(output)
        assert told["degraded"]
        assert told["budget"] is not None
        assert told["budget"]["limit"] == "max_cost"
        assert (told["budget"]["dropped_slots"], told["budget"]["dropped_layers"]) == (["layer_1_c"], [2])
        assert [item["proposer"] for item in told["missing"]] == ["c"]


@sync_and_async
@pytest.mark.parametrize("limit", [{"max_cost": 0.001}, {"max_tokens": 1500}], ids=["dollars", "tokens"])
@pytest.mark.parametrize("policy", ["degrade", "raise"])
def test_nothing_is_called_when_nothing_is_affordable(way: Way, limit: dict[str, Any], policy: Any) -> None:
    """When the least of the plan passes the budget, the error comes before any call."""
    actors = Cast()
    graph = create_moa(actors.mixture(budget=Budget(**limit, on_exceeded=policy)))
    with pytest.raises(BudgetError) as caught:
        way(graph)
    assert actors.calls == [0, 0, 0, 0]
    assert (caught.value.spent, caught.value.proposals) == (0, [])
    assert caught.value.needed > caught.value.allowed == next(iter(limit.values()))


@sync_and_async
def test_the_policy_to_raise_ends_a_run_between_layers(way: Way) -> None:
    """With `on_exceeded="raise"`, a run that has used more than planned ends before the next layer, nothing lost."""
    actors = Cast(written=6 * LONG)
    graph = create_moa(actors.mixture(budget=Budget(max_tokens=21_000, on_exceeded="raise")))
    with pytest.raises(BudgetError) as caught:
        way(graph)
    assert actors.calls == [1, 1, 1, 0]
    assert [proposal["text"] for proposal in caught.value.proposals] == ["a says so", "b says so", "c says so"]
    assert caught.value.spent == 3 * (10 + 6 * LONG)


@sync_and_async
def test_the_aggregator_is_not_billed_beyond_the_budget(way: Way) -> None:
    """Proposers that used all there was leave nothing for the aggregator, which is not called."""
    actors = Cast(written=4 * LONG)
    graph = create_moa(actors.mixture(depth=2, budget=Budget(max_tokens=9_000)))
    with pytest.raises(BudgetError, match="12,030 tokens were used") as caught:
        way(graph)
    assert actors.calls == [1, 1, 1, 0]
    assert len(caught.value.proposals) == 3


@sync_and_async
def test_models_that_report_no_tokens_are_counted_as_planned(way: Way) -> None:
    """What a provider does not report is not taken for nothing: its estimate counts."""
    told, silent = Cast(written=10), Cast(written=None)
    for actors in (told, silent):
        way(create_moa(actors.mixture(budget=Budget(max_tokens=10_500))))
    assert told.calls == [2, 2, 2, 1]
    assert silent.calls == [1, 1, 1, 1]


@sync_and_async
def test_a_run_within_its_budget_is_whole(way: Way) -> None:
    """A budget that suffices changes nothing, and the answer says nothing of it."""
    actors = Cast()
    output = way(create_moa(actors.mixture(budget=Budget(max_cost=1, max_tokens=10**6, max_seconds=600))))[FIRST]
    assert actors.calls == [2, 2, 2, 1]
    assert (summary_of(output)["budget"], summary_of(output)["degraded"]) == (None, False)


@sync_and_async
def test_seconds_bound_a_layer_and_end_the_layers(way: Way) -> None:
    """No layer waits beyond the seconds of the budget; then the aggregator answers from what is there."""
    slow = model("b", delay=60)
    quick, last = model("a"), model("g")
    mixture = Mixture.of([quick, slow], last, depth=3, on_partial="allow", budget=Budget(max_seconds=0.3))
    output = way(create_moa(mixture))[FIRST]
    told = summary_of(output)
    assert [proposal["status"] for proposal in output["proposals"]] == ["ok", "timeout"]
    assert told["budget"] is not None
    assert (told["budget"]["limit"], told["budget"]["dropped_layers"]) == ("max_seconds", [2])
    assert told["timing"]["layers"][0] < 10 * 0.3
    assert (len(quick.requests), len(last.requests)) == (1, 1)


@sync_and_async
def test_a_model_without_a_price_ends_the_run_before_any_call(way: Way) -> None:
    """Dollars cannot be limited where a price is missing, and no call is made to find that out."""
    actors = Cast()
    with pytest.raises(ConfigurationError, match="none for scriptedchatmodel:a, scriptedchatmodel:b"):
        way(create_moa(actors.mixture(prices=None, budget=Budget(max_cost=1))))
    assert actors.calls == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        pytest.param(5_700, "goes on without layer_1_c, layer 2", id="proposers"),
        pytest.param(8_000, "goes on without layer 2", id="layers"),
    ],
)
def test_what_is_left_out_is_logged(tokens: int, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """A warning says what the budget has left out of a run."""
    actors = Cast(written=LONG)
    with caplog.at_level(logging.WARNING, "langgraph_moa"):
        create_moa(actors.mixture(budget=Budget(max_tokens=tokens))).invoke(ask("why?"))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith(said)
    assert f"max_tokens of {tokens}" in line


@sync_and_async
def test_a_nested_mixture_keeps_to_its_own_budget(way: Way) -> None:
    """A nested mixture leaves out what its budget does not allow for, and the mixture around it hears of that."""
    actors = Cast(written=LONG)
    inner = actors.mixture(name="inner", budget=Budget(max_tokens=8_000))
    last = model("g")
    output = way(create_moa(Mixture.of([Proposer(inner, name="inner")], last, on_partial="allow")))[FIRST]
    assert actors.calls == [1, 1, 1, 1]
    assert output["proposals"][0]["nested"]["degraded"]
    assert (summary_of(output)["degraded"], summary_of(output)["budget"]) == (True, None)


@sync_and_async
def test_a_nested_mixture_that_cannot_begin_is_a_failed_proposal(way: Way) -> None:
    """The budget of a nested mixture ends that mixture alone."""
    actors = Cast()
    inner = actors.mixture(name="inner", budget=Budget(max_tokens=100))
    mixture = Mixture.of([Proposer(inner, name="inner"), model("b")], model("g"), on_partial="allow")
    output = way(create_moa(mixture))[FIRST]
    assert [proposal["status"] for proposal in output["proposals"]] == ["error", "ok"]
    assert output["proposals"][0]["error"]["kind"] == "BudgetError"
    assert actors.calls == [0, 0, 0, 0]


@sync_and_async
def test_the_calls_of_a_nested_mixture_count(way: Way) -> None:
    """A budget holds for the calls of nested mixtures too: one that is too large is not begun."""
    actors = Cast()
    seats = [model("b"), Proposer(actors.mixture(name="inner"), name="inner")]
    mixture = Mixture.of(seats, model("g"), on_partial="allow", budget=Budget(max_tokens=9_000))
    output = way(create_moa(mixture))[FIRST]
    assert [proposal["status"] for proposal in output["proposals"]] == ["ok", "skipped"]
    assert actors.calls == [0, 0, 0, 0]


@sync_and_async
@pytest.mark.parametrize(("own", "cost"), [(None, 0.00011), (2.0, 0.00022)], ids=["of-the-outer", "of-its-own"])
def test_a_nested_mixture_has_the_prices_around_it_or_its_own(way: Way, own: float | None, cost: float) -> None:
    """A nested mixture without prices takes those of the mixture around it; one that has some keeps them."""
    table = None if own is None else replace(PRICES, prices=dict.fromkeys(PRICES.prices, Price(own, 10 * own)))
    inner = Mixture.of([model("a")], model("g"), name="inner", prices=table)
    mixture = Mixture.of([Proposer(inner, name="inner")], model("g"), prices=PRICES)
    told = summary_of(way(create_moa(mixture))[FIRST])
    assert told["cost"]["unpriced"] == []
    assert told["usage"]["slots"][0]["cost"] == pytest.approx(2 * cost)


@pytest.mark.parametrize(
    ("stop", "tokens", "asked", "dropped"),
    [
        pytest.param({"interrupt_after": ["layer_1_join"]}, 8_000, [1, 1, 1], [], id="after-the-layer"),
        pytest.param({"interrupt_before": ["layer_1_join"]}, 5_700, [1, 1, 0], ["layer_1_c"], id="before-its-join"),
    ],
)
def test_a_resumed_run_keeps_to_the_decision(
    stop: dict[str, Any], tokens: int, asked: list[int], dropped: list[str]
) -> None:
    """What a run has left out stays left out when it is resumed, under a larger budget too: the checkpoint says so."""
    actors, saver = Cast(written=LONG), InMemorySaver()
    config: Any = {"configurable": {"thread_id": "one"}}
    small, large = (actors.mixture(budget=Budget(max_tokens=limit)) for limit in (tokens, 10**9))
    create_moa(small, checkpointer=saver, **stop).invoke(ask("why?"), config)
    assert actors.calls == [*asked, 0]
    output = create_moa(large, checkpointer=saver).invoke(None, config)
    assert actors.calls == [*asked, 1]
    told = summary_of(output)["budget"]
    assert told is not None
    assert (told["limit"], told["allowed"]) == ("max_tokens", tokens)
    assert (told["dropped_layers"], told["dropped_slots"]) == ([2], dropped)


def test_a_smaller_budget_drops_nobody_who_has_answered() -> None:
    """A run that is resumed with less says what it really leaves out: no proposer that was asked."""
    actors, saver = Cast(), InMemorySaver()
    config: Any = {"configurable": {"thread_id": "one"}}
    large, small = (actors.mixture(budget=Budget(max_tokens=tokens)) for tokens in (10**9, 3_000))
    create_moa(large, checkpointer=saver, interrupt_before=["layer_1_join"]).invoke(ask("why?"), config)
    told = summary_of(create_moa(small, checkpointer=saver).invoke(None, config))["budget"]
    assert actors.calls == [1, 1, 1, 1]
    assert told is not None
    assert (told["dropped_layers"], told["dropped_slots"]) == ([2], [])


def test_what_a_person_writes_is_within_the_budget_too() -> None:
    """A text that a person has put in after the join counts before the aggregator is asked."""
    actors, saver = Cast(), InMemorySaver()
    config: Any = {"configurable": {"thread_id": "one"}}
    mixture = actors.mixture(depth=2, budget=Budget(max_tokens=9_000))
    graph = create_moa(mixture, checkpointer=saver, interrupt_before=["aggregator"])
    graph.invoke(ask("why?"), config)
    layers = graph.get_state(config).values["layers"]
    layers["1"]["proposals"][0]["text"] = "word " * 10_000
    graph.update_state(config, {"layers": layers}, as_node="layer_1_join")
    with pytest.raises(BudgetError):
        graph.invoke(None, config)
    assert actors.calls == [1, 1, 1, 0]


@sync_and_async
def test_the_aggregator_of_a_layer_keeps_to_the_seconds(way: Way) -> None:
    """A layer's own aggregator that does not answer within the seconds of the budget is replaced by a proposal."""
    slow, last = model("c", delay=60), model("g")
    layer = Layer([Proposer(model("a"), name="a")], aggregator=slow)
    output = way(create_moa(Mixture([layer, layer], last, budget=Budget(max_seconds=0.3))))[FIRST]
    told = summary_of(output)
    assert (len(slow.requests), len(last.requests)) == (1, 1)
    assert [(one["seat"], one["proposer"]) for one in told["substitutes"]] == [("layer_1_join", "a")]
    assert told["budget"] is not None
    assert (told["budget"]["limit"], told["budget"]["dropped_layers"]) == ("max_seconds", [2])
    assert told["timing"]["layers"][0] < 15


@sync_and_async
def test_the_aggregator_of_a_layer_is_not_asked_when_the_seconds_are_over(way: Way) -> None:
    """When a layer's proposers take all seconds, what they say goes on as it is, and the answer says so."""
    merger, last = model("c"), model("g")
    layer = Layer([Proposer(model("a"), name="a"), Proposer(model("b", delay=60), name="b")], aggregator=merger)
    output = way(create_moa(Mixture([layer], last, on_partial="allow", budget=Budget(max_seconds=0.3))))[FIRST]
    told = summary_of(output)
    assert (len(merger.requests), len(last.requests)) == (0, 1)
    assert told["budget"] is not None
    assert (told["budget"]["limit"], told["budget"]["dropped_slots"]) == ("max_seconds", ["layer_1_join"])
    assert "a says so" in last.requests[0][-1].text


@tool
def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word} " * 10_000


def test_the_further_steps_of_a_tool_loop_are_within_the_budget() -> None:
    """In a tool loop, the aggregator is not asked to read results that pass the budget of its call."""
    call = AIMessage("", tool_calls=[{"name": "look_up", "args": {"word": "sky"}, "id": "1"}])
    last = ScriptedChatModel(model_name="g", replies=[call, "done"])
    mixture = Mixture.of([Proposer(model("a"), max_tokens=20)], Aggregator(last, max_tokens=20))
    limited = ChatMoA(mixture=replace(mixture, budget=Budget(max_tokens=5_000)))
    with pytest.raises(BudgetError, match="0 tokens were used"):
        create_agent(limited, tools=[look_up]).invoke(cast("Any", ask("why?")))
    assert len(last.requests) == 1


@pytest.mark.parametrize("given", ["tools", "schema"])
def test_what_a_chat_model_is_given_counts(given: str) -> None:
    """Tools that are bound to a chat model, and a schema that it is to answer in, count before any call."""
    actors = Cast()
    chat = ChatMoA(mixture=actors.mixture(depth=2, budget=Budget(max_tokens=9_000)))
    words = "word " * 10_000
    parameters = {"type": "object", "properties": {"a": {"type": "string", "description": words}}, "required": ["a"]}
    asking = (
        chat.bind_tools([{"type": "function", "function": {"name": "one", "parameters": parameters}}])
        if given == "tools"
        else chat.with_structured_output({"title": "One", **parameters})
    )
    with pytest.raises(BudgetError):
        asking.invoke("why?")
    assert actors.calls == [0, 0, 0, 0]


def test_an_old_run_is_aggregated_again_within_a_budget() -> None:
    """An aggregation alone counts what it reads, and nothing of the run that made the proposals."""
    actors = Cast(written=LONG)
    output = create_moa(actors.mixture(depth=2)).invoke(ask("why?"))
    given: Any = {**ask("why?"), "proposals": output["proposals"]}
    for tokens, answers in ((2_000, True), (500, False)):
        again = create_aggregation(actors.mixture(depth=2, budget=Budget(max_tokens=tokens)))
        if answers:
            assert again.invoke(given)["messages"][-1].text == "g says so"
        else:
            with pytest.raises(BudgetError):
                again.invoke(given)


@sync_and_async
def test_windows_are_within_the_budget(way: Way) -> None:
    """A run whose aggregator would read in more windows than the budget allows for makes no call of it."""

    def reading(messages: list[BaseMessage]) -> AIMessage:
        return answer("sum " * 100, read=estimate_request(messages))

    def answer(text: str, *, read: int) -> AIMessage:
        usage = UsageMetadata(input_tokens=read, output_tokens=300, total_tokens=read + 300)
        return AIMessage(text, usage_metadata=usage)

    seats = [
        Proposer(ScriptedChatModel(model_name=name, replies=lambda _: answer("word " * 170, read=60)), max_tokens=300)
        for name in "abcdef"
    ]
    last = ScriptedChatModel(model_name="g", replies=reading)
    mixture = Mixture.of(seats, Aggregator(last, max_tokens=300, context_window=1600), on_overflow="windows")
    whole = way(create_moa(mixture))[FIRST]
    windows, taken = len(last.requests), whole["messages"][-1].usage_metadata["total_tokens"]
    assert windows > 1
    with pytest.raises(BudgetError):
        way(create_moa(replace(mixture, budget=Budget(max_tokens=taken - 1, on_exceeded="raise"))))
    assert len(last.requests) == windows


def test_every_turn_has_a_budget_of_its_own() -> None:
    """In a conversation that is kept, what earlier turns have used and decided does not count."""
    actors = Cast(written=LONG)
    graph = create_moa(actors.mixture(budget=Budget(max_tokens=8_000)), checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "one"}}
    for turn in (1, 2, 3):
        output = graph.invoke(ask(f"question {turn}"), config)
        assert actors.calls == [turn] * 4
        told = summary_of(output)["budget"]
        assert told is not None
        assert told["dropped_layers"] == [2]


def test_a_layers_own_aggregator_is_within_the_budget() -> None:
    """A layer's own aggregator counts as part of its layer."""
    actors = Cast(written=LONG)
    merger = model("c", written=5 * LONG)
    layer = Layer(
        [Proposer(actors.models[0], name="a", max_tokens=LONG)], aggregator=Aggregator(merger, max_tokens=LONG)
    )
    mixture = Mixture([layer, layer], Aggregator(actors.last, max_tokens=LONG), budget=Budget(max_tokens=9_500))
    told = summary_of(create_moa(mixture).invoke(ask("why?")))["budget"]
    assert told is not None
    assert told["dropped_layers"] == [2]
    assert (len(merger.requests), actors.calls) == (1, [1, 0, 0, 1])


def test_only_a_budget_draws_ways_past_a_layer() -> None:
    """Without a budget every edge is plain; with one, each later layer may be passed by."""
    plain, limited = (
        create_moa(Cast().mixture(budget=budget)).get_graph().edges for budget in (None, Budget(max_tokens=1))
    )
    assert not any(edge.conditional for edge in plain)
    assert {(edge.source, edge.target) for edge in limited if edge.conditional} == {
        ("layer_1_join", target) for target in ("layer_2_a", "layer_2_b", "layer_2_c", "aggregator")
    }
    assert {(edge.source, edge.target) for edge in plain} < {(edge.source, edge.target) for edge in limited}


@sync_and_async
@pytest.mark.parametrize(("dollars", "dropped"), [(0.0025, [2, 3]), (0.0035, [3]), (0.1, [])])
def test_a_budget_over_the_wire(way: Way, dollars: float, dropped: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """With real clients and the tokens that a server reports, the calls of a layer that is too dear never arrive."""
    table = PriceTable(
        prices={"openai:small": PRICE, "openai:large": PRICE},
        date="2026-01-31",
        source="by hand",
    )
    seats, last = [Proposer("openai:small", samples=2, max_tokens=50)], Aggregator("openai:large", max_tokens=50)
    mixture = Mixture.of(seats, last, depth=4, prices=table, budget=Budget(max_cost=dollars))
    with Simulator(Behaviour(reply="word " * 40)) as simulator:
        use_simulator(simulator, monkeypatch)
        told = summary_of(way(create_moa(mixture))[FIRST])
        asked = [request.model for request in simulator.requests]
    assert (told["budget"]["dropped_layers"] if told["budget"] else []) == dropped
    assert (asked.count("small"), asked.count("large")) == (2 * (3 - len(dropped)), 1)
    assert told["cost"]["total"] is not None
    assert told["cost"]["total"] <= dollars
