"""A run as events."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import Aggregator, Layer, Mixture, Proposer, RunRecord, RunRecorder
from langgraph_moa.playground import running
from langgraph_moa.playground.earlier_runs import EarlierRuns
from langgraph_moa.playground.running import prepared, run_events
from langgraph_moa.playground.telling import Teller, run_status
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.playground.pages import mixtures, saying, trouble


async def events_of(mixture: Mixture, runs: EarlierRuns | None = None) -> list[dict[str, Any]]:
    """Return what a page is told of a run, as it reads it."""
    events = run_events(prepared(mixture), mixture, "Is it **warm**?", runs or EarlierRuns())
    return [json.loads(json.dumps(event)) async for event in events]


def piece(identifier: str, text: str) -> dict[str, Any]:
    """Return a part of a stream."""
    message = AIMessageChunk(content=text, id=identifier)
    return {"type": "messages", "data": (message, {"langgraph_node": "layer_1_a"}), "ns": ()}


def texts(teller: Teller, *pieces: tuple[str, str]) -> list[tuple[str, bool]]:
    """Return the texts that a page is told, each with whether it begins an answer."""
    parts = [event for identifier, text in pieces for event in teller.take(piece(identifier, text))]
    return [(event["text"], event["begins"]) for event in parts]


async def test_every_seat_tells_how_it_ended() -> None:
    """Of each kind of end there is one event, with time, tokens, dollars and a reason as far as they are known."""
    events = await events_of(trouble())
    seats = {event["node"]: event for event in events if event["type"] == "seat"}
    assert {node: seat["status"] for node, seat in seats.items()} == {
        "layer_1_quick": "ok",
        "layer_1_second": "ok",
        "layer_1_broken": "error",
        "layer_1_late": "timeout",
        "layer_1_slow": "cancelled",
    }
    quick = seats["layer_1_quick"]
    assert "<strong>warm</strong>" in quick["html"]
    assert quick["usage"]["input_tokens"] == 40
    assert quick["cost"] == pytest.approx((40 + 2 * quick["usage"]["output_tokens"]) / 1e6)
    assert seats["layer_1_broken"]["error"] == {"kind": "RuntimeError", "message": "the provider is out of order"}
    assert seats["layer_1_late"]["cost"] is None


async def test_events_come_in_order() -> None:
    """`begin` comes first, a seat is asked before its pieces and ends after them, and `end` holds the whole run."""
    events = await events_of(trouble())
    kinds = [event["type"] for event in events if event.get("node", "layer_1_quick") == "layer_1_quick"]
    assert kinds == ["begin", "asked", *["piece"] * kinds.count("piece"), "seat", "end"]
    pieces = [event["text"] for event in events if event["type"] == "piece" and event["node"] == "aggregator"]
    assert "".join(pieces) == "It is **warm**, all in all."
    run = events[-1]["run"]
    assert (run["status"], run["question"]) == ("degraded", "Is it **warm**?")
    assert run["html"] == "<p>It is <strong>warm</strong>, all in all.</p>\n"
    told = {event["node"]: (event["status"], event["html"]) for event in events if event["type"] == "seat"}
    drawn = {seat["node"]: (seat["status"], seat["html"]) for stage in run["stages"][:-1] for seat in stage["seats"]}
    assert drawn == told


async def test_a_failed_run_tells_why() -> None:
    """A run without an answer ends with the error in words, and is kept as failed."""
    runs = EarlierRuns()
    last = (await events_of(mixtures()["doomed"], runs))[-1]
    assert last["error"]["kind"] == "QuorumError"
    assert "out of order" in last["error"]["message"]
    assert (last["run"]["status"], last["run"]["html"]) == ("failed", None)
    assert [identifier for identifier, _ in runs.listed()] == [last["run"]["id"]]


async def test_a_run_that_nobody_reads_is_stopped() -> None:
    """Closing the events cancels every call; the run is kept as stopped, with what was said until then."""
    silent = ScriptedChatModel(delay=30)
    mixture = Mixture.of([Proposer(silent, name="silent"), Proposer(saying("quick"), name="quick")], saying("never"))
    runs = EarlierRuns()
    events = run_events(prepared(mixture), mixture, "Is it?", runs)
    async for event in events:
        if event["type"] == "seat":
            break
    await events.aclose()
    assert silent.cancelled == 1
    ((_, record),) = runs.listed()
    assert run_status(record) == "stopped"
    assert "quick" in [seat.text for stage in record.stages for seat in stage.seats]


async def test_a_layers_own_aggregator_is_a_seat() -> None:
    """What a layer's aggregator wrote is told as the end of its seat."""
    layer = Layer([Proposer(saying("a"), name="a")], aggregator=saying("merged"))
    events = await events_of(Mixture([layer], saying("done")))
    assert [event["html"] for event in events if event["type"] == "seat" and event["node"] == "layer_1_join"] == [
        "<p>merged</p>\n"
    ]


async def test_a_slot_that_is_not_needed_says_so() -> None:
    """A slot that was not asked because the others agreed is spared, not failed."""
    proposers = [Proposer(saying("42"), name=name) for name in ("a", "b", "c")]
    events = await events_of(Mixture([Layer(proposers, stop_when="answers")], saying("42")))
    words = [event["status"] for event in events if event["type"] == "seat"]
    assert sorted(words) == ["ok", "ok", "spared"]


def test_thoughts_are_not_shown() -> None:
    """What a model thinks aloud is left out of the pieces too, also where the mark is cut in two."""
    shown = texts(Teller(trouble()), ("1", "<thi"), ("1", "nk>hm</think>"), ("1", " Yes"), ("1", "."))
    assert "".join(text for text, _ in shown) == "Yes."


def test_a_character_in_two_pieces_is_one() -> None:
    """A character whose halves come in two pieces is shown, and a half without the other is one U+FFFD."""
    shown = texts(
        Teller(trouble()), ("1", "a\ud83d"), ("1", "\ude00b"), ("1", "\ud83d"), ("1", "c\ude00"), ("1", "\ud83d")
    )
    assert "".join(text for text, _ in shown) == "a\U0001f600b\ufffdc\ufffd"


async def test_half_characters_stop_no_run() -> None:
    """A run of models that write half characters is told to its end, in text that can be sent."""
    events = await events_of(Mixture.of([Proposer(saying("one \ud83d"), name="a")], saying("two \ude00")))
    assert "\ufffd" in events[-1]["run"]["html"]
    json.dumps(events, ensure_ascii=False).encode()


async def test_whole_answers_show_no_key(simulator: Simulator) -> None:
    """A key that a model holds is masked in every answer that has ended, while the run goes on and at its end."""
    key = "gateway-word-1234"
    simulator.models |= {name: Behaviour(reply=f"{name} says {key}") for name in ("a", "m")}
    seats = [ChatOpenAI(model=name, api_key=SecretStr(key), base_url=simulator.url) for name in ("a", "m")]
    told = await events_of(Mixture([Layer([Proposer(seats[0], name="a")])], Aggregator(seats[1])))
    whole = [event for event in told if event["type"] in ("seat", "answer", "end")]
    assert [event["html"] for event in whole[:2]] == [f"<p>{name} says **********</p>\n" for name in ("a", "m")]
    assert key not in json.dumps(whole)


async def test_no_loop_waits_for_html(monkeypatch: pytest.MonkeyPatch) -> None:
    """Markdown becomes HTML beside the event loop, and each text of a run once."""
    made: list[str] = []

    def noted(text: str) -> str:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        made.append(text)
        return text

    monkeypatch.setattr(running, "as_html", noted)
    await events_of(trouble())
    assert "It is **warm**, all in all." in made
    assert len(made) == len(set(made))


async def test_no_loop_waits_for_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of a run is made beside the event loop, also when the run is stopped."""
    results, made = RunRecorder.results, []

    def noted(recorder: RunRecorder) -> tuple[RunRecord, ...]:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        made.append(results(recorder))
        return made[-1]

    monkeypatch.setattr(RunRecorder, "results", noted)
    mixture = mixtures()["wide"]
    await events_of(mixture)
    events = run_events(prepared(mixture), mixture, "Is it?", EarlierRuns())
    async for event in events:
        if event["type"] == "asked":
            break
    await events.aclose()
    assert [len(records) for records in made] == [1, 1]


def test_a_second_attempt_takes_the_place_of_the_first() -> None:
    """When another model answers in a seat, the page begins anew, and what the first one still says is dropped."""
    shown = texts(Teller(trouble()), ("1", "Once"), ("2", "Now"), ("1", " upon"), ("2", " then"))
    assert shown == [("Once", True), ("Now", True), (" then", False)]
