"""Claims about second calls beside slow ones: who is asked, who counts, what is written and what is closed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_openai import ChatOpenAI

from langgraph_moa import Hedge, Limit, Mixture, Proposer, Tape, create_moa, taping
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.proposal import Proposal
from langgraph_moa.testing import Behaviour, Latency, ScriptedChatModel, Simulator

QUESTION = {"messages": [HumanMessage("why?")]}
AT_ONCE = Hedge(after=0.02, most=1.0)
MODES: tuple[Literal["record", "replay"], ...] = ("record", "replay")
SOON = 5.0
"""Seconds that no call of these tests takes unless it hangs."""


class Slow(ScriptedChatModel):
    """Hangs in some of its calls, counted from 0, and answers the others at once."""

    slow: set[int]

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        self.delay = 60.0 if len(self.requests) in self.slow else 0.0
        return await super()._agenerate(messages, *args, **kwargs)


class Heard(BaseCallbackHandler):
    """Notes of each model run whether it was made beside another, and how many have failed."""

    def __init__(self) -> None:
        self.hedges: list[bool] = []
        self.failed = 0

    def on_chat_model_start(self, *_: Any, metadata: dict[str, Any] | None = None, **__: Any) -> None:
        self.hedges.append((metadata or {}).get("moa_hedge", False))

    def on_llm_error(self, *_: Any, **__: Any) -> None:
        self.failed += 1


def graph_of(*proposers: Proposer, **options: Any) -> MoAGraph:
    """Return a graph of proposers and an aggregator that answers at once."""
    return create_moa(Mixture.of(list(proposers), ScriptedChatModel(replies="answer"), **options))


def only(graph: MoAGraph) -> Proposal:
    """Return the one proposal of a run, which takes not nearly as long as a slow call."""
    started = time.monotonic()
    proposal: Proposal
    [proposal] = graph.invoke(QUESTION)["proposals"]
    assert time.monotonic() - started < SOON
    return proposal


def ends(proposal: Proposal) -> list[tuple[str, bool, str | None]]:
    """Return of each request its model, whether it was made beside another, and the kind of its failure."""
    return [
        (call["model"].partition(":")[2], call.get("hedge", False), call["error"] and call["error"]["kind"])
        for call in proposal["calls"]
    ]


def client(simulator: Simulator, model: str) -> ChatOpenAI:
    """Return a real client of the simulator."""
    return ChatOpenAI(base_url=simulator.url, api_key="any", model=model)  # type: ignore[arg-type]  # SecretStr


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_the_second_call_of_the_same_model_counts_and_the_first_connection_closes(is_async: bool) -> None:  # noqa: FBT001
    """When the first request hangs, the second one's answer is the proposal, and the server sees the first one go."""
    with Simulator(Behaviour(reply="fast", schedule=["hang"])) as simulator:
        graph = graph_of(Proposer(client(simulator, "m"), hedge=AT_ONCE))
        out = asyncio.run(graph.ainvoke(QUESTION)) if is_async else graph.invoke(QUESTION)
        [proposal] = out["proposals"]
        assert simulator.wait_for(lambda sim: sim.requests[0].disconnected)
        assert [request.disconnected for request in simulator.requests] == [True, False]
    assert (proposal["status"], proposal["text"], proposal["attempts"]) == ("ok", "fast", 2)
    assert ends(proposal) == [("m", False, "Overtaken"), ("m", True, None)]
    lost, won = proposal["calls"]
    assert lost["usage"] is None
    assert won["usage"] == proposal["usage"]
    summary = out["messages"][-1].response_metadata["moa"]
    assert summary["usage"]["unknown"] == ["layer_1_m", "aggregator"]
    assert not summary["degraded"]


def test_the_second_call_goes_to_the_first_fallback() -> None:
    """A slow model is hedged by its fallback, which is then said to have answered."""
    slow, fast = ScriptedChatModel(model_name="slow", delay=60), ScriptedChatModel(model_name="fast", replies="hi")
    proposal = only(graph_of(Proposer(slow, fallbacks=[fast], hedge=AT_ONCE)))
    assert ends(proposal) == [("slow", False, "Overtaken"), ("fast", True, None)]
    assert [call["fallback"] for call in proposal["calls"]] == [0, 1]
    assert proposal["served_model"] == proposal["calls"][1]["model"]
    assert slow.cancelled == 1


def test_traces_tell_a_second_call_by_its_metadata() -> None:
    """Of the two model runs of a hedged slot, tracers see `moa_hedge` on the second alone, and the first one ends."""
    heard, slow = Heard(), ScriptedChatModel(model_name="slow", delay=60)
    graph = graph_of(Proposer(slow, fallbacks=[ScriptedChatModel(model_name="fast")], hedge=AT_ONCE))
    graph.invoke(QUESTION, {"callbacks": [heard]})
    assert heard.hedges == [False, True, False]
    assert heard.failed == 1


def test_the_first_call_counts_when_it_answers_first() -> None:
    """A first call that is only somewhat late still gives the answer, and the second one is cancelled."""
    late, second = ScriptedChatModel(model_name="late", delay=0.3), ScriptedChatModel(model_name="other", delay=60)
    proposal = only(graph_of(Proposer(late, fallbacks=[second], hedge=AT_ONCE)))
    assert ends(proposal) == [("late", False, None), ("other", True, "Overtaken")]
    assert second.cancelled == 1


def test_a_call_in_time_is_not_hedged() -> None:
    """What answers within `after` is asked once, and its record says nothing of a hedge."""
    model = ScriptedChatModel()
    proposal = only(graph_of(Proposer(model, hedge=Hedge(after=30.0, most=1.0))))
    assert (len(model.requests), proposal["attempts"]) == (1, 1)
    assert "hedge" not in proposal["calls"][0]


def test_extra_calls_stay_within_their_share() -> None:
    """Of ten slow calls with `most=0.2`, the fifth and the tenth are hedged."""
    model = ScriptedChatModel(model_name="capped", delay=0.03)
    graph = graph_of(Proposer(model, hedge=Hedge(after=0.001, most=0.2)))
    attempts = [only(graph)["attempts"] for _ in range(10)]
    assert attempts == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2]


def test_the_threshold_is_learned_from_the_answers_of_the_process() -> None:
    """Without `after` nothing is hedged before `least` answers; then the slot's own quantile says when."""
    model = ScriptedChatModel(model_name="learned")
    graph = graph_of(Proposer(model, hedge=Hedge(least=3, most=1.0), timeout=SOON))
    model.delay = 0.05
    assert [only(graph)["attempts"] for _ in range(3)] == [1, 1, 1]
    model.delay = 0.5
    again = graph_of(Proposer(model, hedge=Hedge(least=3, most=1.0), timeout=SOON))
    assert only(again)["attempts"] == 2


def test_an_overtaken_call_is_measured() -> None:
    """A call that hedging cut off counts in the quantile, by which a later one is hedged: it is not forgotten."""
    model = Slow(model_name="cut-off", replies="fast", slow={0, 2})
    assert only(graph_of(Proposer(model, hedge=Hedge(after=0.05, most=1.0))))["attempts"] == 2
    learned = only(graph_of(Proposer(model, hedge=Hedge(least=1, most=1.0))))
    assert learned["attempts"] == 2
    assert (learned["latency"] or 0.0) >= 0.05


def test_a_failed_second_call_leaves_the_first_one_alone() -> None:
    """When the fallback fails beside the slow call, the slow call's answer counts, and nobody is asked again."""
    slow = ScriptedChatModel(model_name="slow", replies="late but good", delay=0.3)
    down = ScriptedChatModel(model_name="down", replies=ValueError("it is down"))
    proposal = only(graph_of(Proposer(slow, fallbacks=[down], hedge=AT_ONCE)))
    assert (proposal["text"], len(down.requests)) == ("late but good", 1)
    assert ends(proposal) == [("slow", False, None), ("down", True, "ValueError")]


def test_when_both_fail_the_fallbacks_that_are_left_are_asked() -> None:
    """After a failure of both calls the next fallback is asked, and the one that was asked beside is not again."""
    slow = ScriptedChatModel(model_name="slow", replies=ValueError("slowly down"), delay=0.2)
    down = ScriptedChatModel(model_name="down", replies=ValueError("it is down"))
    last = ScriptedChatModel(model_name="last", replies="at last")
    proposal = only(graph_of(Proposer(slow, fallbacks=[down, last], hedge=AT_ONCE)))
    assert ends(proposal) == [("slow", False, "ValueError"), ("down", True, "ValueError"), ("last", False, None)]
    assert (proposal["status"], proposal["text"]) == ("ok", "at last")


def test_when_all_fail_the_proposal_says_how_the_last_one_failed() -> None:
    """With no fallback left, the slot's failure is that of the call that ended last."""
    slow = ScriptedChatModel(model_name="slow", replies=ValueError("slowly down"), delay=0.2)
    down = ScriptedChatModel(model_name="down", replies=KeyError("quickly down"))
    out = graph_of(Proposer(slow, fallbacks=[down], hedge=AT_ONCE), Proposer(ScriptedChatModel())).invoke(QUESTION)
    failed = out["proposals"][0]
    assert (failed["status"], failed["error"]["message"]) == ("error", "slowly down")


def test_a_retry_of_the_first_call_goes_on_beside_the_second() -> None:
    """A first call that fails in passing while the second runs is retried, and all three requests stand in order."""
    with Simulator(
        models={"m": Behaviour(reply="mine", delay=0.15, schedule=["server_error"]), "f": Behaviour(hang=True)}
    ) as sim:
        proposal = only(graph_of(Proposer(client(sim, "m"), fallbacks=[client(sim, "f")], hedge=AT_ONCE)))
        assert sim.wait_for(lambda sim: any(request.disconnected for request in sim.requests))
    assert proposal["text"] == "mine"
    assert [model for model, _, _ in ends(proposal)] == ["m", "f", "m"]
    assert ends(proposal)[1:] == [("f", True, "Overtaken"), ("m", False, None)]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param({"quorum": 1, "grace": 0.1}, "cancelled", id="quorum"),
        pytest.param({"deadline": 0.2}, "timeout", id="deadline"),
    ],
)
def test_a_layer_that_goes_on_cancels_both_calls(options: dict[str, Any], status: str) -> None:
    """A deadline, and a quorum with its grace over, end both calls of a hedged slot; both stand in the record."""
    first, second = ScriptedChatModel(model_name="1", delay=60), ScriptedChatModel(model_name="2", delay=60)
    hedged = Proposer(first, fallbacks=[second], hedge=AT_ONCE)
    proposal = graph_of(hedged, Proposer(ScriptedChatModel()), **options).invoke(QUESTION)["proposals"][0]
    assert (proposal["status"], first.cancelled, second.cancelled) == (status, 1, 1)
    assert ends(proposal) == [("1", False, None), ("2", True, None)]


def test_waiting_for_a_place_is_no_slowness() -> None:
    """Slots that wait for each other under a limit are not hedged for it, only for the seconds of their own request."""
    model = ScriptedChatModel(model_name="one-by-one", delay=0.1)
    draws = Proposer(model, samples=4, hedge=Hedge(after=0.25, most=1.0))
    graph = graph_of(draws, limits={"scriptedchatmodel:one-by-one": Limit(concurrency=1)})
    assert [proposal["attempts"] for proposal in graph.invoke(QUESTION)["proposals"]] == [1, 1, 1, 1]


def test_proposers_that_stream_are_not_hedged() -> None:
    """Where tokens are told as they come, a slow call stays the only one."""
    mixture = Mixture.of([Proposer(ScriptedChatModel(delay=0.1), hedge=AT_ONCE)], ScriptedChatModel())
    assert only(create_moa(mixture, stream_proposals=True))["attempts"] == 1


def test_a_tape_hears_one_request_and_replays_it(tmp_path: Path) -> None:
    """While a tape runs a slow call stays the only one, and the replay of a slot with a hedge is equal."""
    graph, runs = graph_of(Proposer(ScriptedChatModel(delay=0.1), hedge=AT_ONCE)), []
    for mode in MODES:
        with taping(Tape(tmp_path / "hedged.jsonl", mode=mode)):
            runs.append(only(graph))
    for run in runs:
        run["calls"][0].pop("recorded", None)
    assert runs[0] == runs[1]
    assert runs[0]["attempts"] == 1


def test_an_answer_under_a_heavy_tail_is_hedged_within_the_cap() -> None:
    """With lognormal latencies and real clients, some calls are hedged, no more than the cap allows, and all answer."""
    behaviour = Behaviour(latency=Latency(median=0.01, sigma=1.0), seed=7)
    with Simulator(behaviour) as simulator:
        hedge = Hedge(quantile=0.75, least=10, most=0.2)
        graph = graph_of(Proposer(client(simulator, "tail"), samples=10, hedge=hedge))
        proposals = [one for _ in range(5) for one in graph.invoke(QUESTION)["proposals"]]
        asked = len(simulator.requests)
    extra = sum(proposal["attempts"] - 1 for proposal in proposals)
    assert {proposal["status"] for proposal in proposals} == {"ok"}
    assert len(proposals) < asked <= len(proposals) + extra  # a hedge may have lost before it was sent
    assert extra <= 10
