"""Records of runs that end in every way."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_moa import (
    Aggregator,
    AggregatorError,
    ChatMoA,
    Layer,
    Mixture,
    PriceTable,
    Proposer,
    QuorumError,
    RunRecord,
    RunRecorder,
    create_advisers,
    create_aggregation,
    create_moa,
)
from langgraph_moa.record import cleaning
from langgraph_moa.testing import ScriptedChatModel
from tests.record.runs import answering_after, mixture_of, recorded, scripted, seats
from tests.ways import ask


def test_a_plain_run_is_told_whole() -> None:
    """A record says who was asked what, when, what each said, what it took, and what came of it."""
    usage: Any = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
    record = recorded(mixture_of(Proposer(scripted("a", usage=usage), name="a"), Proposer(scripted("b"), name="b")))
    assert [(said.role, said.text) for said in record.messages] == [("user", "Why?")]
    assert (record.mixture, record.answer, record.error, record.degraded) == ("moa", "merge says so", None, False)
    assert [(stage.title, stage.layer) for stage in record.stages] == [("layer 1", 1), ("aggregator", None)]
    seat = seats(record)["a"]
    assert (seat.status, seat.text, seat.attempts, seat.served_model) == ("ok", "a says so", 1, "a")
    assert record.usage is not None
    assert seat.usage is not None
    assert (seat.usage["total_tokens"], record.usage["total_tokens"]) == (8, 8)
    assert record.cost is not None
    assert (record.cost["total"], seat.cost) == (None, None)
    (call,) = seats(record)["aggregator"].calls
    assert "a says so" in call.saw[-1].text
    assert (call.said, call.outcome, call.attempt) == ("merge says so", "ok", 1)


def test_times_are_in_order() -> None:
    """Every call lies within its seat, every seat within the run, and the aggregator behind the proposers."""
    record = recorded(mixture_of(Proposer(scripted("a", delay=0.01), name="a"), Proposer(scripted("b"), name="b")))
    for seat in seats(record).values():
        (call,) = seat.calls
        moments = [0.0, seat.started, call.started, call.finished, seat.finished, record.seconds]
        assert moments == sorted(moments, key=lambda moment: moment or 0.0)
    ends = [seat.finished or 0.0 for seat in record.stages[0].seats]
    assert max(ends) <= (record.stages[1].seats[0].started or 0.0)


def test_a_run_without_quorum_has_every_proposal() -> None:
    """A failed run is recorded with its error, every proposal, what those took, and no answer."""
    usage: Any = {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000}
    priced = ScriptedChatModel(model_name="p", usage=usage)
    mixture = mixture_of(
        Proposer(priced, name="good"), Proposer(scripted("bad", replies=ValueError("no")), name="bad"), quorum=2
    )
    price = {"scriptedchatmodel:p": {"input": 2.0, "output": 1.0}}
    prices = PriceTable.from_dict({"date": "2026-01-01", "source": "a test", "models": price})
    recorder = RunRecorder(prices)
    with pytest.raises(QuorumError):
        create_moa(mixture).invoke(ask("Why?"), {"callbacks": [recorder]})
    record = recorder.result()
    assert record.error is not None
    assert record.error["kind"] == "QuorumError"
    assert (record.answer, record.degraded, record.timing) == (None, None, None)
    assert {slot: seat.status for slot, seat in seats(record).items()} == {"good": "ok", "bad": "error"}
    assert seats(record)["good"].cost == 2.0
    assert record.cost is not None
    assert record.cost["total"] == 2.0
    assert record.seconds is not None


def test_an_aggregator_that_fails_is_a_seat() -> None:
    """Where the aggregator fails, its seat says why and when it ended, and its cost counts as unknown."""
    mixture = Mixture([Layer([Proposer(scripted("a"), name="a")])], Aggregator(scripted("m", replies=ValueError("no"))))
    recorder = RunRecorder()
    with pytest.raises(AggregatorError):
        create_moa(mixture).invoke(ask("Why?"), {"callbacks": [recorder]})
    seat = seats(recorder.result())["aggregator"]
    assert seat.error is not None
    assert seat.finished is not None
    assert (seat.status, [call.error for call in seat.calls]) == ("error", ["ValueError: no"])
    assert recorder.result().cost == {
        "total": None,
        "unpriced": ["scriptedchatmodel:a", "scriptedchatmodel:m"],
        "prices_date": recorder.result().cost["prices_date"],  # type: ignore[index]
    }


def test_an_own_aggregator_of_a_layer_is_a_seat() -> None:
    """The join of a layer that synthesises stands behind its proposers, with its text and its times."""
    layer = Layer([Proposer(scripted("a"), name="a")], aggregator=Aggregator(scripted("j")))
    record = recorded(Mixture([layer], Aggregator(scripted("m"))))
    assert [seat.slot for seat in record.stages[0].seats] == ["a", "join"]
    join = seats(record)["join"]
    assert (join.text, join.status, join.layer, len(join.calls)) == ("j says so", "ok", 1, 1)
    assert join.started is not None
    assert join.finished is not None


def test_advisers_and_aggregations_are_runs() -> None:
    """Layers alone give a record without an answer; an aggregator alone gives one with the old proposals."""
    mixture = mixture_of(Proposer(scripted("a"), name="a"))
    recorder = RunRecorder()
    create_advisers(mixture).invoke(ask("Why?"), {"callbacks": [recorder]})
    advice = recorder.result()
    assert (advice.answer, advice.degraded, advice.error) == (None, False, None)
    out = create_moa(mixture).invoke(ask("Why?"))
    again = {"messages": out["messages"][:-1], "proposals": out["proposals"]}
    create_aggregation(mixture).invoke(again, {"callbacks": [recorder]})
    assert seats(recorder.result())["a"].text == "a says so"
    assert seats(recorder.result())["a"].started is None
    assert recorder.result().answer == "merge says so"


def test_what_only_says_half_a_character_is_shown() -> None:
    """Half a character in a question, an answer or an error becomes one that every encoder takes."""
    broken = scripted("a", replies=["x\ud800y"])
    recorder = RunRecorder()
    mixture = mixture_of(Proposer(broken, name="a"), Proposer(scripted("b", replies=ValueError("\udc00")), name="b"))
    create_moa(mixture).invoke(ask("W\ud83dhy?"), {"callbacks": [recorder]})
    record = recorder.result()
    assert RunRecord.from_json(record.to_json()) == record
    for text in (record.to_html(), record.to_json(), record.to_markdown()):
        assert text.encode()


def test_an_answer_that_calls_a_tool_is_told() -> None:
    """The steps of an agent whose model is a mixture are records each: one that calls a tool, and one that answers."""

    def add(one: int, other: int) -> int:
        """Add two numbers."""
        return one + other

    calling = AIMessage("", tool_calls=[{"name": "add", "args": {"one": 1, "other": 2}, "id": "1"}])
    mixture = Mixture(
        [Layer([Proposer(scripted("a"), name="a")])], Aggregator(scripted("m", replies=[calling, "three"]))
    )
    recorder = RunRecorder()
    agent = create_agent(ChatMoA(mixture=mixture), tools=[add])
    agent.invoke({"messages": [HumanMessage("What is 1 + 2?")]}, {"callbacks": [recorder]})
    first, second = recorder.results()
    assert (first.answer, second.answer) == ('[calls add({"one": 1, "other": 2})]', "three")
    assert [said.role for said in second.messages] == ["user", "assistant", "tool"]
    assert [stage.title for stage in second.stages] == ["aggregator"]


def test_a_run_that_waits_for_a_person_has_no_answer_yet() -> None:
    """An interrupted run is recorded without answer and error; the resumed one has proposals without calls' times."""
    graph = create_moa(
        mixture_of(Proposer(scripted("a"), name="a")), checkpointer=InMemorySaver(), interrupt_before=["aggregator"]
    )
    recorder = RunRecorder()
    config = RunnableConfig(configurable={"thread_id": "1"}, callbacks=[recorder])
    graph.invoke(ask("Why?"), config)
    graph.invoke(None, config)
    waiting, resumed = recorder.results()
    assert (waiting.answer, waiting.error, len(waiting.stages)) == (None, None, 1)
    assert (resumed.answer, seats(resumed)["a"].text, seats(resumed)["a"].started) == (
        "merge says so",
        "a says so",
        None,
    )


def test_a_cancelled_run_says_who_had_not_ended() -> None:
    """Where the caller goes away, the calls under way end as cancelled, and their seats as not ended."""
    slow = scripted("slow", delay=5.0)
    graph = create_moa(mixture_of(answering_after(slow, "q"), Proposer(slow, name="slow")))
    recorder = RunRecorder()
    stream = graph.stream(ask("Why?"), {"callbacks": [recorder]}, stream_mode="custom")
    while next(stream)["event"] != "finished":
        pass
    stream.close()
    record = recorder.result()
    assert (record.answer, record.degraded) == (None, None)
    assert record.error is not None
    assert {slot: seat.status for slot, seat in seats(record).items()} == {"q": "ok", "slow": None}
    assert [call.outcome for call in seats(record)["slow"].calls] == ["cancelled"]


def test_an_aggregator_that_is_cancelled_has_not_failed() -> None:
    """Where the caller goes away while the aggregator is at work, its seat has not ended, and its call is cancelled."""
    graph = create_moa(Mixture([Layer([Proposer(scripted("a"), name="a")])], Aggregator(scripted("m", delay=5.0))))
    recorder = RunRecorder()
    stream = graph.stream(ask("Why?"), {"callbacks": [recorder]}, stream_mode="custom")
    while next(stream)["event"] != "aggregating":
        pass
    stream.close()
    record = recorder.result()
    assert seats(record)["aggregator"].status is None
    assert "The run was cancelled." in record.to_markdown()


def test_a_text_that_many_read_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What sixteen seats were asked alike is searched for keys once."""
    searched: list[str] = []

    def search(text: str, _: object) -> str:
        searched.append(text)
        return text

    monkeypatch.setattr(cleaning, "redact", search)
    names = [f"p{number}" for number in range(16)]
    layers = [Layer([Proposer(scripted(name), name=name) for name in names]) for _ in range(2)]
    recorded(Mixture(layers, Aggregator(scripted("m"))))
    assert sum("p15 says so" in text and "p0 says so" in text for text in searched) == 1
