"""Claims about deadline, quorum, grace and required proposers, with real clients over loopback HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether
from openai import DefaultAsyncHttpxClient

from langgraph_moa import Aggregator, AggregatorError, Layer, Mixture, Proposer, QuorumError, background, create_moa
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.proposal import Proposal
from langgraph_moa.testing import Behaviour, Simulator
from tests.ways import (
    FIRST,
    NOTICED,
    PROMPT,
    SECOND,
    Tries,
    Way,
    ainvoke,
    ask,
    astream,
    batch,
    every_way,
    invoke,
    monotonic,
    requests_of,
    stream,
    sync_and_async,
    use_simulator,
    warm_up,
)

logger = logging.getLogger(__name__)
"""Says what was measured: `pytest --log-cli-level=INFO` shows it."""
EARLY = 0.01
"""Seconds by which an event loop's timer may come before its time."""
ABOUT_HALF = 1.0
"""Seconds within which the best of a few tries is over that should take half a second."""
SOON = 2.0
"""Seconds that a busy machine may take for that in every single try."""
LONG = 2.0
"""Seconds of a deadline that a fast answer keeps also where a busy machine holds up the first connection."""
GRACE = 0.2
PACE = {
    "fast": Behaviour(delay=0.1),
    "medium": Behaviour(delay=0.2),
    "third": Behaviour(delay=0.3),
    "slow": Behaviour(delay=30),
    "never": Behaviour(hang=True),
}


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Make the first call before any claim about time."""
    warm_up()


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Give the models their pace."""
    use_simulator(simulator, monkeypatch)
    simulator.models = {**PACE, "final": Behaviour(reply="the answer")}
    return simulator


def layered(*proposers: Proposer, aggregator: Aggregator | str = "openai:final", **options: Any) -> MoAGraph:
    """Return the graph of a mixture of one layer that goes on with whatever it has."""
    return create_moa(Mixture([Layer(list(proposers), **options)], aggregator, on_partial="allow"))


def strings() -> list[Proposer]:
    """Return a proposer of each pace, by strings."""
    return [Proposer(f"openai:{name}", name=name) for name in PACE]


@contextmanager
def clients_of_the_user(simulator: Simulator) -> Iterator[list[Proposer]]:
    """Give a proposer of each pace, each a chat model with an HTTP client that the user made and closes."""
    client = DefaultAsyncHttpxClient()
    kinds: Sequence[Any] = (ChatOpenAI, ChatTogether, ChatOpenAI, ChatTogether, ChatOpenAI)
    options = {"base_url": simulator.url, "api_key": "simulated", "http_async_client": client}
    yield [Proposer(kind(model=name, **options), name=name) for kind, name in zip(kinds, PACE, strict=True)]
    background.run(client.aclose())


def statuses(output: dict[str, Any]) -> list[str]:
    """Return how each proposer ended."""
    return [proposal["status"] for proposal in output["proposals"]]


def check_stragglers(way: Way, graph: MoAGraph, provider: Simulator) -> None:
    """Run the graph, and check when it went on and when the stragglers' connections closed."""
    tries = Tries(ABOUT_HALF, PROMPT)
    for _ in tries:
        provider.reset()
        wait, delay = timing_of_stragglers(way, graph, provider)
        logger.info("%s: aggregator asked after %.3f s, stragglers gone after %.3f s", way.__name__, wait, delay)
        tries.took(wait, delay)


def timing_of_stragglers(way: Way, graph: MoAGraph, provider: Simulator) -> tuple[float, float]:
    """Return the seconds from the first request to the aggregator's, and from the decision to the last disconnect."""
    waits: list[float] = []
    delays: list[float] = []
    for question, output in way(graph).items():
        assert output["messages"][-1].content == "the answer"
        assert statuses(output) == ["ok", "ok", "ok", "cancelled", "cancelled"]
        assert [proposal["error"]["kind"] for proposal in output["proposals"][3:]] == ["QuorumReached"] * 2
        starts = [requests_of(provider, question, name)[0].arrived_at for name in PACE]
        [final] = requests_of(provider, question, "final")
        waits.append(final.arrived_at - min(starts))
        decision = max(ended_at(proposal) for proposal in output["proposals"][:3]) + GRACE
        for name in ("slow", "never"):
            [request] = requests_of(provider, question, name)
            assert provider.wait_for(lambda _, request=request: request.disconnected)  # type: ignore[misc]
            assert request.disconnected_at is not None
            delays.append(request.disconnected_at - decision)
    assert all(0.5 - EARLY <= wait < SOON for wait in waits), waits
    assert all(-EARLY <= delay < NOTICED for delay in delays), delays
    return max(waits), max(delays)


def ended_at(proposal: Proposal) -> float:
    """Return when a proposal was there."""
    started, latency, waited = proposal["started_at"], proposal["latency"], proposal["waited"]
    assert started is not None
    assert latency is not None
    return monotonic(started + latency + (waited or 0.0))


@every_way
def test_stragglers_are_cut_after_quorum_and_grace(way: Way, provider: Simulator) -> None:
    """With answers at 0.1, 0.2 and 0.3 s, a quorum of 3 and a grace of 0.2 s, the aggregator is asked at 0.5 s.

    The server sees both stragglers disconnect within 100 ms of the decision.
    """
    graph = layered(*strings(), quorum=3, grace=GRACE, deadline=20)
    check_stragglers(way, graph, provider)


@pytest.mark.parametrize("way", [stream, batch], ids=["stream", "batch"])
def test_stragglers_among_clients_of_the_user_are_cut(way: Way, provider: Simulator) -> None:
    """A `ChatOpenAI` or `ChatTogether` that the user made is cut off just as one that a string names."""
    with clients_of_the_user(provider) as proposers:
        check_stragglers(way, layered(*proposers, quorum=3, grace=GRACE, deadline=20), provider)


def test_each_run_has_its_own_quorum(provider: Simulator) -> None:
    """A run that starts while another of the same graph nears its decision waits for its own answers."""
    provider.models["third"] = Behaviour(delay=0.6)
    graph = layered(*strings(), quorum=3, grace=GRACE, deadline=20)
    half_way = threading.Event()

    def late() -> dict[str, Any]:
        assert half_way.wait(10)
        return graph.invoke(ask(SECOND))

    with ThreadPoolExecutor(2) as executor:
        first, second = executor.submit(graph.invoke, ask(FIRST)), executor.submit(late)
        assert provider.wait_for(lambda it: sum(request.finished_at is not None for request in it.requests) == 2)
        half_way.set()
        assert statuses(first.result()) == statuses(second.result()) == ["ok"] * 3 + ["cancelled"] * 2
    for question in (FIRST, SECOND):
        [start], [final] = requests_of(provider, question, "third"), requests_of(provider, question, "final")
        assert final.arrived_at - start.arrived_at >= 0.6 + GRACE - EARLY


def test_a_required_proposer_is_waited_for(provider: Simulator) -> None:
    """A required proposer that answers long after the quorum and the grace is still among the references."""
    provider.models["slow"] = Behaviour(delay=0.7)
    required = Proposer("openai:slow", name="slow", required=True)
    graph = layered(*strings()[:1], required, *strings()[4:], quorum=1, grace=0, deadline=20)
    assert statuses(graph.invoke(ask(FIRST))) == ["ok", "ok", "cancelled"]


@sync_and_async
def test_a_required_proposer_is_waited_for_until_the_deadline(way: Way, provider: Simulator) -> None:
    """A required proposer that never answers is a `timeout` at the deadline; the others are not cut before."""
    provider.models["slow"] = Behaviour(delay=0.5)
    required = Proposer("openai:never", name="never", required=True)
    graph = layered(*strings()[:1], strings()[3], required, quorum=1, grace=0, deadline=LONG)
    output = way(graph)[FIRST]
    assert statuses(output) == ["ok", "ok", "timeout"]
    [final], [never] = requests_of(provider, FIRST, "final"), requests_of(provider, FIRST, "never")
    assert never.disconnected
    assert 0.5 < final.arrived_at - never.arrived_at < LONG + SOON


def test_the_grace_starts_when_a_required_proposer_has_failed(provider: Simulator) -> None:
    """A required proposer that fails holds nobody up: its end counts, not its success."""
    provider.models["third"] = Behaviour(delay=0.3, status=400)
    required = Proposer("openai:third", name="third", required=True)
    graph = layered(*strings()[:1], required, *strings()[4:], quorum=1, grace=0, deadline=20)
    assert statuses(graph.invoke(ask(FIRST))) == ["ok", "error", "cancelled"]


def test_without_grace_everybody_is_waited_for(provider: Simulator) -> None:
    """With `grace=None` a quorum of 1 still lets the last proposer answer."""
    graph = layered(*strings()[:3], quorum=1, grace=None, deadline=20)
    assert statuses(graph.invoke(ask(FIRST))) == ["ok", "ok", "ok"]


@sync_and_async
def test_the_deadline_cuts(way: Way, provider: Simulator) -> None:
    """At the deadline the layer goes on with what it has, and the connections of the others close."""
    graph = layered(*strings(), quorum=1, deadline=LONG)
    output = way(graph)[FIRST]
    assert statuses(output) == ["ok", "ok", "ok", "timeout", "timeout"]
    assert all(proposal["error"]["kind"] == "DeadlineExceeded" for proposal in output["proposals"][3:])
    assert provider.wait_for(lambda it: it.in_flight == 0)
    assert {request.model for request in provider.requests if request.disconnected} == {"slow", "never"}


def test_a_missed_quorum_at_the_deadline_asks_no_aggregator(provider: Simulator) -> None:
    """With fewer answers than the quorum at the deadline, `QuorumError` holds them, and nothing more is asked."""
    graph = layered(strings()[0], *strings()[3:], quorum=2, grace=0, deadline=LONG)
    with pytest.raises(QuorumError) as caught:
        graph.invoke(ask(FIRST))
    assert [proposal["status"] for proposal in caught.value.proposals] == ["ok", "timeout", "timeout"]
    assert requests_of(provider, FIRST, "final") == []


def test_a_proposer_has_a_time_of_its_own(provider: Simulator) -> None:
    """A proposer's own timeout ends it before the layer's deadline, and nobody else."""
    own = Proposer("openai:never", name="never", timeout=0.2)
    output = layered(own, strings()[2], deadline=20).invoke(ask(FIRST))
    assert statuses(output) == ["timeout", "ok"]
    assert output["proposals"][0]["latency"] < SOON


def test_only_usable_answers_count(provider: Simulator) -> None:
    """An empty answer, a refusal and an error come first and reach no quorum: the layer waits for real answers."""
    provider.models |= {
        "empty": Behaviour(reply=""),
        "refused": Behaviour(schedule=["refusal"]),
        "error": Behaviour(status=400),
    }
    useless = [Proposer(f"openai:{name}", name=name) for name in ("empty", "refused", "error")]
    graph = layered(*useless, *strings()[1:3], quorum=2, grace=0, deadline=20)
    assert statuses(graph.invoke(ask(FIRST))) == ["empty", "refused", "error", "ok", "ok"]


@pytest.mark.parametrize("way", [invoke, ainvoke, stream, astream], ids=["invoke", "ainvoke", "stream", "astream"])
def test_pings_do_not_prolong_a_call(way: Way, provider: Simulator) -> None:
    """Proposers that only send pings are cut at the deadline, an aggregator at its timeout: sync, async, streamed."""
    provider.models |= {
        "pings": Behaviour(schedule=["pings"] * 2, ping_interval=0.02),
        "pinging": Behaviour(schedule=["pings"] * 2, ping_interval=0.02),
    }
    aggregator = Aggregator("openai:pinging", timeout=0.3, on_failure="best_proposal")
    graph = layered(strings()[0], Proposer("openai:pings"), aggregator=aggregator, deadline=LONG)
    for output in way(graph).values():
        assert statuses(output) == ["ok", "timeout"]
        assert output["messages"][-1].response_metadata["moa"]["degraded"]
    assert provider.wait_for(lambda it: it.in_flight == 0)
    pinging = [request for request in provider.requests if request.fault == "pings"]
    assert {request.model for request in pinging} == {"pings", "pinging"}
    for request in pinging:
        assert request.disconnected_at is not None
        assert request.disconnected_at - request.arrived_at < LONG + SOON


def test_a_pinging_aggregator_is_streamed_and_cut(provider: Simulator) -> None:
    """A stream of tokens whose aggregator sends comments alone ends with `AggregatorError` at the timeout."""
    provider.models["pinging"] = Behaviour(schedule=["pings"], ping_interval=0.02)
    graph = layered(strings()[0], aggregator=Aggregator("openai:pinging", timeout=0.3))
    with pytest.raises(AggregatorError, match=r"no answer within 0\.3 s") as caught:
        list(graph.stream(ask(FIRST), stream_mode="messages"))
    assert [proposal["text"] for proposal in caught.value.proposals] == ["ok"]
    [request] = requests_of(provider, FIRST, "pinging")
    assert request.body["stream"]
    assert request.disconnected_at is not None
    assert request.disconnected_at - request.arrived_at < SOON


@every_way
def test_one_good_answer_of_four_is_enough(way: Way, provider: Simulator) -> None:
    """One raises, one times out, one says nothing: an answer comes, and all four are recorded in order with reasons"""
    provider.models |= {
        "raises": Behaviour(status=400, reply="no such thing"),
        "says-nothing": Behaviour(reply=""),
        "good": Behaviour(reply="a good proposal"),
    }
    names = ("raises", "never", "says-nothing", "good")
    timeouts = {"never": 0.3}
    graph = layered(*[Proposer(f"openai:{name}", name=name, timeout=timeouts.get(name)) for name in names])
    for question, output in way(graph).items():
        proposals = output["proposals"]
        assert output["messages"][-1].content == "the answer"
        assert [proposal["proposer"] for proposal in proposals] == list(names)
        assert statuses(output) == ["error", "timeout", "empty", "ok"]
        assert "no such thing" in proposals[0]["error"]["message"]
        assert proposals[1]["error"]["message"].startswith("no answer within")
        assert proposals[2]["error"] == {"kind": "empty", "message": "the answer has no visible text"}
        assert proposals[3]["error"] is None
        [final] = requests_of(provider, question, "final")
        shown = str(final.body["messages"])
        assert "a good proposal" in shown
        assert "no such thing" not in shown
