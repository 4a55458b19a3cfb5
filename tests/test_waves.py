"""Claims about layers that ask their slots in waves and stop when the proposals agree."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from langgraph_moa import Budget, Layer, Mixture, Proposer, QuorumError, StopWhen, create_advisers, create_moa
from langgraph_moa.errors import SelfReferenceError
from langgraph_moa.savings import AGREED
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from langgraph_moa.waves import waves_of
from tests.ways import FIRST, Way, ask, every_way, invoke, sync_and_async, use_simulator

FOUR, FIVE, SIX = "The answer is 4.", "So it must be 5", "I get 6."


class Panel:
    """Scripted proposers, named a, b, c, ... in order, and a mixture of them."""

    def __init__(self, *said: Any, delays: Sequence[float] = ()) -> None:
        waits = [*delays, *[0.0] * len(said)]
        self.models = {
            name: ScriptedChatModel(replies=reply, delay=wait)
            for name, reply, wait in zip("abcdefgh", said, waits, strict=False)
        }
        self.aggregator = ScriptedChatModel(replies="the answer")

    def proposers(self, **options: Any) -> list[Proposer]:
        """Return the proposers; `options` gives further fields by name, such as `{"c": {"required": True}}`."""
        return [Proposer(model, name=name, **options.get(name, {})) for name, model in self.models.items()]

    def mixture(self, *, depth: int = 2, **options: Any) -> Mixture:
        """Return a mixture whose layers stop when the first two agree."""
        return Mixture.of(self.proposers(), self.aggregator, depth=depth, **{"stop_when": "answers", **options})

    @property
    def asked(self) -> dict[str, int]:
        """How often each was asked."""
        return {name: len(model.requests) for name, model in self.models.items() if model.requests}


def summary_of(out: dict[str, Any]) -> Any:
    """Return what the answer says of its run."""
    return out["messages"][-1].response_metadata["moa"]


def statuses(out: dict[str, Any], layer: int = 1) -> str:
    """Return the statuses of a layer, in one line."""
    return " ".join(f"{one['proposer']}:{one['status']}" for one in out["proposals"] if one["layer"] == layer)


@every_way
def test_agreement_ends_the_layer_and_skips_the_rest(way: Way) -> None:
    """When the first wave agrees, neither the rest of its layer nor the next layer is asked; the summary says so."""
    panel = Panel(FOUR, "4", FIVE, SIX)
    runs = way(create_moa(panel.mixture(depth=3)))
    assert panel.asked == {"a": len(runs), "b": len(runs)}
    for out in runs.values():
        assert statuses(out) == "a:ok b:ok c:skipped d:skipped"
        if way.__name__.startswith("in_"):
            assert {one["layer"] for one in out["proposals"]} == {1}
        summary = summary_of(out)
        assert summary["saved"] == {
            "calls": 6,
            "slots": ["layer_1_c", "layer_1_d"],
            "layers": [2],
            "why": "2 of 2 proposals give '4' (a, b)",
        }
        assert (summary["degraded"], summary["missing"], summary["ok"], summary["planned"]) == (False, [], 2, 4)


@sync_and_async
def test_no_request_is_sent_for_a_slot_that_is_not_needed(
    way: Way, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider hears of the slots that are asked and of the aggregator, and of nobody else."""
    use_simulator(simulator, monkeypatch)
    simulator.behaviour = Behaviour(reply=FOUR)
    way(create_moa(Mixture.of([f"openai:{name}" for name in "abcd"], "openai:z", depth=3, stop_when="answers")))
    assert sorted(request.model for request in simulator.requests) == ["a", "b", "z"]


@every_way
def test_without_agreement_everybody_is_asked(way: Way) -> None:
    """Where the waves disagree, every slot of every layer is asked once in a run, and nothing is saved."""
    panel = Panel(FOUR, FIVE, FOUR, SIX)
    runs = way(create_moa(panel.mixture(depth=3)))
    assert panel.asked == dict.fromkeys("abcd", 2 * len(runs))
    for out in runs.values():
        saved = summary_of(out)["saved"]
        assert (saved["calls"], saved["slots"], saved["layers"]) == (0, [], [])
        assert summary_of(out)["ok"] == 8


@every_way
@pytest.mark.parametrize("said", [[ValueError("broken"), FOUR, FOUR, FOUR], ["", FOUR, FOUR, FOUR]])
def test_a_wave_with_too_few_answers_is_followed_by_the_next(way: Way, said: list[Any]) -> None:
    """A wave with fewer usable proposals than `least` proves nothing: the next one is asked."""
    panel = Panel(*said)
    runs = way(create_moa(panel.mixture(stop_when=StopWhen(waves=[2, 1]), on_partial="allow")))
    assert set(panel.asked) == {"a", "b", "c"}
    for out in runs.values():
        assert summary_of(out)["saved"]["slots"] == ["layer_1_d"]
        assert [one["proposer"] for one in summary_of(out)["missing"]] == ["a"]


@sync_and_async
@pytest.mark.parametrize("names", ["abcdef", "zyxwvu"], ids=["in-order", "against-the-order-of-nodes"])
@pytest.mark.parametrize("places", [1, 2, 3, 5])
def test_too_few_places_stop_nobody(way: Way, names: str, places: int, caplog: pytest.LogCaptureFixture) -> None:
    """With `max_concurrency` below the layer's width a run ends, and says so where it asks a slot before its turn."""
    models = [ScriptedChatModel(replies=reply) for reply in (FOUR, FOUR, FIVE, FIVE, SIX, SIX)]
    proposers = [Proposer(model, name=name) for model, name in zip(models, names, strict=True)]
    layer = Layer(proposers, deadline=20, stop_when="answers")
    graph = create_moa(Mixture([layer], ScriptedChatModel())).with_config(max_concurrency=places)
    with caplog.at_level(logging.WARNING, "langgraph_moa.waiting"):
        out = way(graph)[FIRST]
    made = sum(len(model.requests) for model in models)
    assert len(out["proposals"]) == 6
    assert made + summary_of(out)["saved"]["calls"] == 6
    assert ("before its turn" in caplog.text) is (made > 2 or summary_of(out)["saved"]["calls"] == 0)
    assert made == 2 or names[0] == "z"


async def test_later_waves_begin_when_the_one_before_has_ended() -> None:
    """No slot of a wave is asked before the last of the one before has ended, and no wait counts as latency."""
    panel = Panel(FOUR, FIVE, SIX, FOUR, delays=[0.0, 0.4, 0.0, 0.0])
    graph = create_moa(panel.mixture(stop_when=StopWhen(waves=[1, 1])))
    out = await graph.ainvoke(ask(FIRST))
    a, b, c, d = out["proposals"]
    assert a["started_at"] + a["latency"] <= b["started_at"]
    assert b["started_at"] + b["latency"] <= min(c["started_at"], d["started_at"])
    assert max(c["latency"] + c["waited"], d["latency"] + d["waited"]) < 0.4


@sync_and_async
def test_a_wave_that_takes_all_the_time_leaves_none(way: Way) -> None:
    """The waiting of later waves counts in the layer's deadline: they end as timed out, soon after it, unasked."""
    panel = Panel(FOUR, FIVE, SIX, SIX, delays=[0.0, 30.0])
    started = time.monotonic()
    out = way(create_moa(panel.mixture(deadline=0.3, on_partial="allow")))[FIRST]
    assert statuses(out) == "a:ok b:timeout c:timeout d:timeout"
    assert time.monotonic() - started < 10
    assert set(panel.asked) == {"a", "b"}


@sync_and_async
def test_a_slot_that_times_out_lets_the_next_wave_begin(way: Way) -> None:
    """A proposer's own timeout ends its wave; the next wave has what is left of the layer's time."""
    panel = Panel(FOUR, FIVE, FOUR, SIX, delays=[0.0, 30.0])
    layer = Layer(panel.proposers(b={"timeout": 0.1}), deadline=20, stop_when=StopWhen(waves=[2, 1]))
    out = way(create_moa(Mixture([layer], panel.aggregator, on_partial="allow")))[FIRST]
    assert statuses(out) == "a:ok b:timeout c:ok d:skipped"


@sync_and_async
def test_a_grace_counts_for_each_wave(way: Way) -> None:
    """Stragglers of every wave are given up when the quorum is there and one of that wave has answered."""
    panel = Panel(FOUR, FIVE, FIVE, SIX, SIX, delays=[0.0, 30.0, 0.0, 30.0, 0.0])
    rule = StopWhen(waves=[2, 2])
    out = way(create_moa(panel.mixture(stop_when=rule, quorum=1, grace=0.1, deadline=20, on_partial="allow")))[FIRST]
    assert statuses(out) == "a:ok b:cancelled c:ok d:cancelled e:ok"


@sync_and_async
def test_nothing_is_judged_below_the_quorum(way: Way) -> None:
    """Two that agree are not enough where the layer needs three."""
    panel = Panel(FOUR, FOUR, FOUR, FIVE)
    out = way(create_moa(panel.mixture(quorum=3, stop_when=StopWhen(waves=[2, 1]))))[FIRST]
    assert statuses(out) == "a:ok b:ok c:ok d:skipped"


@sync_and_async
def test_required_slots_are_always_asked(way: Way) -> None:
    """A required slot is asked with the first wave wherever it stands, and has its say."""
    for said, expected in ((FOUR, "a:ok b:ok c:skipped d:ok"), (FIVE, "a:ok b:ok c:ok d:ok")):
        panel = Panel(FOUR, FOUR, SIX, said)
        layer = Layer(panel.proposers(d={"required": True}), stop_when="answers")
        assert statuses(way(create_moa(Mixture([layer], panel.aggregator)))[FIRST]) == expected


@pytest.mark.parametrize("policy", ["warn", "raise"])
def test_a_skip_is_no_partial_result(policy: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Slots that were not needed trip no `on_partial`; one that failed beside them does."""
    with caplog.at_level(logging.WARNING):
        create_moa(Panel(FOUR, FOUR, FIVE, SIX).mixture(on_partial=policy)).invoke(ask(FIRST))
    assert caplog.text == ""
    panel, rule = Panel(FOUR, FOUR, ValueError("broken"), SIX), StopWhen(waves=[3])
    graph = create_moa(panel.mixture(on_partial=policy, stop_when=rule))
    if policy == "raise":
        with pytest.raises(QuorumError):
            graph.invoke(ask(FIRST))
    else:
        graph.invoke(ask(FIRST))
        assert "goes on with 2 of 3 proposals (c: error)" in caplog.text


def test_the_rest_of_a_layer_alone_can_be_skipped() -> None:
    """With `skips="slots"` the next layer is asked, in waves of its own, and both layers' savings add up."""
    panel = Panel(FOUR, FOUR, FIVE)
    out = create_moa(panel.mixture(depth=3, stop_when=StopWhen(skips="slots"))).invoke(ask(FIRST))
    assert panel.asked == {"a": 2, "b": 2}
    saved = summary_of(out)["saved"]
    assert (saved["calls"], saved["slots"], saved["layers"]) == (2, ["layer_1_c", "layer_2_c"], [])


def test_agreement_of_a_whole_layer_skips_the_layers_that_follow() -> None:
    """Where the last wave brings the agreement, the later layers and their own aggregators are saved all the same."""
    panel = Panel(FOUR, FIVE, FOUR)
    first = Layer(panel.proposers(), stop_when=StopWhen(share=0.6))
    second = Layer(panel.proposers(), aggregator=ScriptedChatModel())
    out = create_moa(Mixture([first, second, second], panel.aggregator)).invoke(ask(FIRST))
    saved = summary_of(out)["saved"]
    assert (saved["calls"], saved["slots"], saved["layers"]) == (8, [], [2, 3])
    assert saved["why"] == "2 of 3 proposals give '4' (a, c)"


def test_advisers_stop_too() -> None:
    """Layers without an aggregator end at once when their proposals agree."""
    panel = Panel(FOUR, FOUR, FIVE)
    out = create_advisers(panel.mixture(depth=4)).invoke(ask(FIRST))
    assert list(out["layers"]) == ["1"]
    assert panel.asked == {"a": 1, "b": 1}


def test_a_conditional_edge_is_drawn_only_where_a_layer_may_end_the_run() -> None:
    """The graph shows a way past later layers behind a rule that skips layers, and nowhere else."""
    panel = Panel(FOUR, FOUR, FIVE)
    layers = [Layer(panel.proposers(), stop_when=rule) for rule in (None, StopWhen(skips="slots"), "answers", None)]
    drawing = create_moa(Mixture(layers, panel.aggregator)).get_graph()
    assert {edge.source for edge in drawing.edges if edge.conditional} == {"layer_3_join"}


class Sum(BaseModel):
    """An answer."""

    value: int


def test_structured_answers_agree_by_value() -> None:
    """With an answer schema the JSON values are compared."""
    panel = Panel('{"value": 4}', '{ "value":4 }', '{"value": 5}')
    panel.aggregator = ScriptedChatModel(replies='{"value": 4}')
    out = create_moa(panel.mixture(answer_schema=Sum)).invoke(ask(FIRST))
    assert statuses(out) == "a:ok b:ok c:skipped"


def test_a_nested_mixture_counts_with_all_its_calls() -> None:
    """A mixture in a slot that is not asked saves all the calls that it plans."""
    panel, inner = Panel(FOUR, FOUR), Panel(FOUR, FIVE, SIX)
    seats = [*panel.proposers(), Proposer(inner.mixture(stop_when=None), name="inner")]
    out = create_moa(Mixture([Layer(seats, stop_when="answers")], panel.aggregator)).invoke(ask(FIRST))
    assert summary_of(out)["saved"]["calls"] == 4
    assert inner.asked == {}


@sync_and_async
def test_a_nested_mixture_stops_by_itself(way: Way) -> None:
    """Waves within a slot's mixture are its own, whatever wave the slot is in."""
    inner = Panel(FOUR, FOUR, SIX)
    inner.aggregator = ScriptedChatModel(replies=FIVE)
    outer = Panel(FOUR, FIVE)
    seats = [*outer.proposers(), Proposer(inner.mixture(), name="inner")]
    out = way(create_moa(Mixture([Layer(seats, stop_when="answers")], outer.aggregator)))[FIRST]
    assert statuses(out) == "a:ok b:ok inner:ok"
    assert inner.asked == {"a": 1, "b": 1}


def test_what_the_budget_left_out_is_not_saved() -> None:
    """Slots and layers that the budget has dropped are told by the budget alone; agreement saves what it left."""
    panel = Panel(FOUR, FOUR, FIVE, SIX)
    mixture = panel.mixture(depth=3, budget=Budget(max_tokens=1050, answer_tokens=100), on_partial="allow")
    summary = summary_of(create_moa(mixture).invoke(ask(FIRST)))
    assert summary["budget"]["dropped_layers"] == [2]
    assert summary["budget"]["dropped_slots"] == ["layer_1_d"]
    assert (summary["saved"]["slots"], summary["saved"]["layers"]) == (["layer_1_c"], [])


def test_saved_layers_are_not_the_budgets() -> None:
    """With a budget that allows for everything, what agreement skips is no decision of the budget."""
    panel = Panel(FOUR, FOUR, FIVE)
    summary = summary_of(create_moa(panel.mixture(depth=4, budget=Budget(max_tokens=10**9))).invoke(ask(FIRST)))
    assert (summary["budget"], summary["saved"]["layers"], summary["degraded"]) == (None, [2, 3], False)


def test_a_slot_that_is_not_needed_never_starts() -> None:
    """Events tell of a spared slot once, as skipped because the others agreed, and never that it has started."""
    graph = create_moa(Panel(FOUR, FOUR, FIVE).mixture())
    events = [told for told in graph.stream(ask(FIRST), stream_mode="custom") if told["slot"] == "c"]
    assert [(told["event"], told["status"], told["error"]["kind"]) for told in events] == [
        ("failed", "skipped", AGREED)
    ]


def asking_a_person(_: Any) -> AIMessage:
    """Return what a person says."""
    return AIMessage(str(interrupt("which?")))


@sync_and_async
@pytest.mark.parametrize(("said", "expected"), [(FOUR, "a:ok b:ok c:skipped d:skipped"), (FIVE, "a:ok b:ok c:ok d:ok")])
def test_a_question_to_a_person_holds_back_the_later_waves(way: Way, said: str, expected: str) -> None:
    """While a slot of a wave waits for a person nobody after it is asked; what was answered counts when it goes on."""
    panel = Panel("unused", FOUR, FIVE, SIX)
    person = Proposer(RunnableLambda(asking_a_person), name="a")
    layer = Layer([person, *panel.proposers()[1:]], deadline=20, stop_when="answers")
    graph = create_moa(Mixture([layer], panel.aggregator), checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}

    def step(given: Any) -> Any:
        return graph.invoke(given, config) if way is invoke else asyncio.run(graph.ainvoke(given, config))

    assert [one.value for one in step(ask(FIRST))["__interrupt__"]] == ["which?"]
    assert set(panel.asked) == {"b"}
    assert statuses(step(Command(resume=said))) == expected
    assert panel.asked["b"] == 1


def is_written(saver: InMemorySaver) -> bool:
    """Say whether a proposal is in the checkpoint."""
    return any(entry[1] == "proposals" for kept in list(saver.writes.values()) for entry in list(kept.values()))


class Crash(BaseException):
    """The process ends."""


@sync_and_async
@pytest.mark.parametrize(("second", "asked"), [(FOUR, {"a", "b"}), (FIVE, {"a", "b", "c", "d"})])
def test_a_resumed_layer_judges_what_was_answered_before(way: Way, second: str, asked: set[str]) -> None:
    """After a crash in the first wave the texts of before count, and nobody is asked twice."""
    panel = Panel(FOUR, second, FIVE, SIX)
    crashes, saver = [Crash()], InMemorySaver()

    def crash_once(given: Any) -> Any:
        if crashes:
            while not is_written(saver):
                time.sleep(0.001)
            raise crashes.pop()
        return panel.models["b"].invoke(given)

    seats = panel.proposers()
    seats[1] = Proposer(RunnableLambda(crash_once), name="b")
    mixture = Mixture([Layer(seats, deadline=20, stop_when="answers")], panel.aggregator)
    graph = create_moa(mixture, checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "1"}}

    def step(given: Any) -> Any:
        return graph.invoke(given, config) if way is invoke else asyncio.run(graph.ainvoke(given, config))

    with pytest.raises(Crash):
        step(ask(FIRST))
    out = step(None)
    assert panel.asked == dict.fromkeys(sorted(asked), 1)
    assert len(out["proposals"]) == 4


def test_the_decision_survives_a_stop_before_the_aggregator() -> None:
    """A run that is resumed after the join goes straight to the aggregator, and tells the same savings."""
    panel = Panel(FOUR, FOUR, FIVE)
    mixture, saver = panel.mixture(depth=3), InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}}
    create_moa(mixture, checkpointer=saver, interrupt_before=["aggregator"]).invoke(ask(FIRST), config)
    out = create_moa(mixture, checkpointer=saver).invoke(None, config)
    assert summary_of(out)["saved"]["calls"] == 4
    assert panel.asked == {"a": 1, "b": 1}


def test_waves_divide_the_slots_in_order() -> None:
    """Every slot is in one wave: in configured order, draws counted one by one, required ones in the first."""
    a, b = Proposer("openai:a", samples=3), Proposer("openai:b", required=True)
    layer = Layer([a, b, Proposer("openai:c")], stop_when=StopWhen(waves=[2, 2]))
    assert waves_of(layer) == [["a-1", "a-2", "b"], ["a-3"], ["c"]]
    assert waves_of(Layer([a, b])) == [["a-1", "a-2", "a-3", "b"]]


@st.composite
def layers(draw: st.DrawFn) -> tuple[list[Any], StopWhen, int]:
    """Draw what slots say, a rule for them, and places."""
    said = draw(st.lists(st.sampled_from([FOUR, FIVE, "", ValueError("broken")]), min_size=2, max_size=6))
    waves = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3).filter(lambda sizes: sum(sizes) <= len(said)))
    least = draw(st.integers(2, len(said)))
    return said, StopWhen(share=draw(st.sampled_from([1.0, 0.6])), least=least, waves=waves), draw(st.integers(1, 8))


@given(drawn=layers())
@settings(max_examples=30, deadline=None)
async def test_what_was_asked_and_what_was_saved_is_the_plan(drawn: tuple[list[Any], StopWhen, int]) -> None:
    """For any waves, answers, failures and places, every slot writes one proposal, and calls made and saved add up."""
    said, rule, places = drawn
    panel = Panel(*said)
    mixture = Mixture.of(panel.proposers(), panel.aggregator, depth=3, stop_when=rule, on_partial="allow")
    try:
        out = await create_moa(mixture).ainvoke(ask(FIRST), {"max_concurrency": places})
    except QuorumError as error:
        failed: int = len(error.proposals)
        event(f"{failed} proposals, too few of them usable")
        return
    written = [(one["layer"], one["index"]) for one in out["proposals"]]
    assert len(set(written)) == len(written)
    asked = {layer for layer, _ in written}
    assert len(written) == len(said) * len(asked)
    made = sum(panel.asked.values()) + len(panel.aggregator.requests)
    assert made + summary_of(out)["saved"]["calls"] == mixture.plan(ask(FIRST)["messages"]).calls
    spared = [one for one in out["proposals"] if one["error"] is not None and one["error"]["kind"] == AGREED]
    assert len(spared) == len(summary_of(out)["saved"]["slots"])


def test_an_error_of_the_run_ends_it_at_once() -> None:
    """Where a slot ends the run by an error, no slot of a later wave waits for it or is asked, however late it is."""

    def call_itself(_: object) -> str:
        msg = "the mixture called itself"
        raise SelfReferenceError(msg)

    for _ in range(8):
        panel = Panel("4", "4", "4", "4")
        layer = Layer([Proposer(RunnableLambda(call_itself), name="z"), *panel.proposers()], stop_when="answers")
        started = time.monotonic()
        with pytest.raises(SelfReferenceError):
            create_moa(Mixture([layer], panel.aggregator)).invoke(ask("How many?"))
        assert time.monotonic() - started < 5
        assert set(panel.asked) <= {"a"}
