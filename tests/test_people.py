"""People in the loop: runs that stop for a person's review or question, and old runs that are aggregated again."""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from langgraph_moa import ConfigurationError, Layer, Mixture, Proposer, QuorumError, create_aggregation, create_moa
from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.prompts import split_references
from langgraph_moa.review import Layers, Review, with_text, without_proposal
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from langgraph_moa.usage import Price, PriceTable
from tests.ways import FIRST, Way, ask, sync_and_async, use_simulator

QUESTION = ask(FIRST)
THREAD: RunnableConfig = {"configurable": {"thread_id": "1"}}
STOPS: Any = {"interrupt_after": ["layer_1_join"], "interrupt_before": ["aggregator"]}


REVIEWS: dict[str, Callable[[Layers], Review]] = {
    "layer_1_join": lambda layers: without_proposal(layers, "b"),
    "layer_2_join": lambda layers: with_text(layers, "c", "mine"),
}
"""By the node behind which they are made."""


class Caller:
    """One way to work with a graph and its saved state."""

    @abstractmethod
    def saver(self, path: Path) -> Any:
        """Open a checkpointer on a file, as an asynchronous context manager."""

    @abstractmethod
    async def do(self, graph: Any, method: str, *given: Any, **options: Any) -> Any:
        """Call a method of a graph."""


class Synchronous(Caller):
    """Calls from a thread without an event loop."""

    @asynccontextmanager
    async def saver(self, path: Path) -> AsyncIterator[SqliteSaver]:
        """Open the synchronous checkpointer."""
        with SqliteSaver.from_conn_string(str(path)) as saver:
            yield saver

    async def do(self, graph: Any, method: str, *given: Any, **options: Any) -> Any:
        """Call the method as it is."""
        return await asyncio.to_thread(getattr(graph, method), *given, **options)


class Asynchronous(Caller):
    """Calls from an event loop."""

    @asynccontextmanager
    async def saver(self, path: Path) -> AsyncIterator[AsyncSqliteSaver]:
        """Open the asynchronous checkpointer."""
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            yield saver

    async def do(self, graph: Any, method: str, *given: Any, **options: Any) -> Any:
        """Call the method's asynchronous twin."""
        return await getattr(graph, f"a{method}")(*given, **options)


@pytest.fixture(params=[Synchronous(), Asynchronous()], ids=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Caller:
    """Return a way to work with graphs."""
    given: Caller = request.param
    return given


@dataclass
class Cast:
    """Three proposers in each of two layers and an aggregator; each numbers its answers."""

    a: ScriptedChatModel
    b: ScriptedChatModel
    c: ScriptedChatModel
    last: ScriptedChatModel

    @property
    def mixture(self) -> Mixture:
        """The recipe, of depth 3."""
        seats = [Proposer(model, name=name) for name, model in (("a", self.a), ("b", self.b), ("c", self.c))]
        return Mixture.of(seats, self.last, depth=3)

    @property
    def counts(self) -> tuple[int, ...]:
        """Calls of each model."""
        return tuple(len(model.requests) for model in (self.a, self.b, self.c, self.last))


@pytest.fixture
def models() -> Cast:
    """Return the models of a mixture, none of which was called yet."""
    a, b, c = (ScriptedChatModel(replies=[f"{name}1", f"{name}2", f"{name}3"]) for name in "abc")
    return Cast(a, b, c, last=ScriptedChatModel(replies=["answer", "another"]))


def shown_to(model: ScriptedChatModel) -> tuple[str, ...]:
    """Return the references of a model's last request."""
    return split_references(model.requests[-1]).references


def parent_of(node: Any, saver: Any) -> Any:
    """Return a graph whose only node is the given one."""
    builder = StateGraph(MessagesState)
    builder.add_node("mixture", node)
    builder.add_edge(START, "mixture")
    return builder.compile(checkpointer=saver)


async def test_the_next_stages_read_what_a_person_left(caller: Caller, models: Cast, tmp_path: Path) -> None:
    """Behind each layer a proposal is dropped or edited; the next stage reads just that, and nobody is asked twice."""
    async with caller.saver(tmp_path / "db") as saver:
        graph = create_moa(models.mixture, checkpointer=saver, **STOPS)
        await caller.do(graph, "invoke", QUESTION, THREAD)
        assert models.counts == (1, 1, 1, 0)
        layers = (await caller.do(graph, "get_state", THREAD)).values["layers"]
        assert [one["text"] for one in layers["1"]["proposals"]] == ["a1", "b1", "c1"]
        await caller.do(graph, "update_state", THREAD, without_proposal(layers, "b"), as_node="layer_1_join")
        await caller.do(graph, "invoke", None, THREAD)
        assert [shown_to(model) for model in (models.a, models.b, models.c)] == [("a1", "c1")] * 3
        layers = (await caller.do(graph, "get_state", THREAD)).values["layers"]
        await caller.do(graph, "update_state", THREAD, with_text(layers, "c", "mine"), as_node="layer_2_join")
        out = await caller.do(graph, "invoke", None, THREAD)
    assert shown_to(models.last) == ("a2", "b2", "mine")
    assert models.counts == (2, 2, 2, 1)
    assert [one["text"] for one in out["proposals"]] == ["a1", "", "c1", "a2", "b2", "mine"]
    assert [one["edited"] for one in out["proposals"]] == [False] * 5 + [True]
    assert [message.text for message in out["messages"]] == [FIRST, "answer"]


async def test_a_graph_knows_which_join_was_reviewed(caller: Caller, models: Cast, tmp_path: Path) -> None:
    """Right behind an interrupt, `as_node` may be left out."""
    async with caller.saver(tmp_path / "db") as saver:
        graph = create_moa(models.mixture, checkpointer=saver, **STOPS)
        await caller.do(graph, "invoke", QUESTION, THREAD)
        layers = (await caller.do(graph, "get_state", THREAD)).values["layers"]
        await caller.do(graph, "update_state", THREAD, without_proposal(layers, "a"))
        await caller.do(graph, "invoke", None, THREAD)
    assert shown_to(models.a) == ("b1", "c1")
    assert models.counts == (2, 2, 2, 0)


async def test_a_review_within_a_larger_graph(caller: Caller, models: Cast, tmp_path: Path) -> None:
    """Of a mixture that is a node, the state of the parent's task is reviewed, and the parent goes on."""
    async with caller.saver(tmp_path / "db") as saver:
        parent = parent_of(create_moa(models.mixture, **STOPS), saver)
        out = await caller.do(parent, "invoke", QUESTION, THREAD)
        for join, change in REVIEWS.items():
            assert [message.text for message in out["messages"]] == [FIRST]
            inner = (await caller.do(parent, "get_state", THREAD, subgraphs=True)).tasks[0].state
            changed = change(inner.values["layers"])
            await caller.do(parent, "update_state", inner.config, changed, as_node=join)
            out = await caller.do(parent, "invoke", None, THREAD)
    assert shown_to(models.a) == ("a1", "c1")
    assert shown_to(models.last) == ("a2", "b2", "mine")
    assert models.counts == (2, 2, 2, 1)
    assert [message.text for message in out["messages"]] == [FIRST, "answer"]


async def test_a_review_may_go_back_to_an_earlier_layer(caller: Caller, models: Cast, tmp_path: Path) -> None:
    """With the number of an earlier layer, those behind it are asked again, and it is not."""
    async with caller.saver(tmp_path / "db") as saver:
        graph = create_moa(models.mixture, checkpointer=saver, interrupt_before=["aggregator"])
        await caller.do(graph, "invoke", QUESTION, THREAD)
        layers = (await caller.do(graph, "get_state", THREAD)).values["layers"]
        changed = with_text(layers, "a", "mine", layer=1)
        await caller.do(graph, "update_state", THREAD, changed, as_node="layer_1_join")
        await caller.do(graph, "invoke", None, THREAD)
        assert shown_to(models.c) == ("mine", "b1", "c1")
        await caller.do(graph, "invoke", None, THREAD)
    assert shown_to(models.last) == ("a3", "b3", "c3")
    assert models.counts == (3, 3, 3, 1)


async def test_a_synthesis_is_reviewed(caller: Caller, models: Cast, tmp_path: Path) -> None:
    """Behind a layer with an aggregator of its own, the next stage reads what a person writes as `join`."""
    merger = ScriptedChatModel(replies="merged")
    recipe = Mixture([Layer([models.a, models.b], aggregator=merger)], models.last)
    async with caller.saver(tmp_path / "db") as saver:
        graph = create_moa(recipe, checkpointer=saver, **STOPS)
        await caller.do(graph, "invoke", QUESTION, THREAD)
        layers = (await caller.do(graph, "get_state", THREAD)).values["layers"]
        await caller.do(graph, "update_state", THREAD, with_text(layers, "join", "mine"))
        await caller.do(graph, "invoke", None, THREAD)
    assert shown_to(models.last) == ("mine",)
    assert len(merger.requests) == 1


PRICES = PriceTable(
    prices={f"openai:{name}": Price(1.0, 1.0) for name in ("a", "b", "last", "other")}, date="2026-01-31", source="test"
)
PRICED = Mixture.of(["openai:a", "openai:b"], "openai:last", depth=3, prices=PRICES)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a provider whose models answer with their names."""
    with Simulator(Behaviour(reply=lambda body: f"answer of {body['model']}")) as running:
        use_simulator(running, monkeypatch)
        yield running


def calls(provider: Simulator) -> dict[str, int]:
    """Return the requests that each model was sent."""
    return dict(Counter(request.model for request in provider.requests))


def sent_references(provider: Simulator, model: str) -> tuple[str, ...]:
    """Return the references of a model's last request."""
    last = next(request for request in reversed(provider.requests) if request.model == model)
    return split_references([HumanMessage(str(last.body["messages"][-1]["content"]))]).references


async def test_a_review_outlives_the_process(caller: Caller, provider: Simulator, tmp_path: Path) -> None:
    """Stop, review and end, each by a graph of its own on the same file, ask every model once in each layer."""
    for step in ("begin", "review", "end"):
        async with caller.saver(tmp_path / "db") as saver:
            graph = create_moa(PRICED, checkpointer=saver, interrupt_after=["layer_1_join"])
            if step == "review":
                layers = (await caller.do(graph, "get_state", THREAD)).values["layers"]
                changed = without_proposal(layers, "a")
                await caller.do(graph, "update_state", THREAD, changed, as_node="layer_1_join")
            else:
                out = await caller.do(graph, "invoke", QUESTION if step == "begin" else None, THREAD)
    assert calls(provider) == {"a": 2, "b": 2, "last": 1}
    assert sent_references(provider, "a") == ("answer of b",)
    assert out["messages"][-1].text == "answer of last"


async def test_what_was_dropped_is_told_and_paid_for(caller: Caller, provider: Simulator, tmp_path: Path) -> None:
    """The summary names a dropped proposal as missing and why, and counts its tokens and its cost."""
    async with caller.saver(tmp_path / "db") as saver:
        graph = create_moa(PRICED, checkpointer=saver, **STOPS)
        await caller.do(graph, "invoke", QUESTION, THREAD)
        layers = (await caller.do(graph, "get_state", THREAD)).values["layers"]
        await caller.do(graph, "update_state", THREAD, without_proposal(layers, "a"))
        await caller.do(graph, "invoke", None, THREAD)
        out = await caller.do(graph, "invoke", None, THREAD)
    summary = out["messages"][-1].response_metadata["moa"]
    assert [(one["layer"], one["proposer"], one["status"], one["reason"]) for one in summary["missing"]] == [
        (1, "a", "skipped", "a person left it out")
    ]
    assert (summary["ok"], summary["planned"], summary["degraded"]) == (3, 4, True)
    assert summary["usage"]["unknown"] == []
    assert all(slot["usage"]["total_tokens"] for slot in summary["usage"]["slots"])
    assert summary["cost"]["total"] == pytest.approx(sum(slot["cost"] for slot in summary["usage"]["slots"]))
    assert len(summary["usage"]["slots"]) == 5


def in_a_node_function(mixture: Mixture, caller: Caller) -> Any:
    """Return a node that calls a mixture as a chat model."""
    model = ChatMoA(mixture=mixture)

    def node(state: MessagesState) -> dict[str, list[AnyMessage]]:
        return {"messages": [model.invoke(state["messages"])]}

    async def anode(state: MessagesState) -> dict[str, list[AnyMessage]]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return node if isinstance(caller, Synchronous) else anode


@pytest.mark.parametrize("place", ["graph", "node", "chat-model"])
async def test_a_slot_asks_a_person(caller: Caller, place: str, tmp_path: Path) -> None:
    """An `interrupt` in a slot stops the run, and the reply becomes its proposal; no other slot is asked again."""
    other, last = ScriptedChatModel(replies="other"), ScriptedChatModel(replies="answer")
    person: Any = RunnableLambda(lambda messages: AIMessage(interrupt(messages[-1].text)))
    recipe = Mixture([Layer([Proposer(person, name="person"), Proposer(other, name="other")])], last)
    async with caller.saver(tmp_path / "db") as saver:
        if place == "graph":
            graph: Any = create_moa(recipe, checkpointer=saver)
        else:
            node = create_moa(recipe) if place == "node" else in_a_node_function(recipe, caller)
            graph = parent_of(node, saver)
        stopped = await caller.do(graph, "invoke", QUESTION, THREAD)
        assert [one.value for one in stopped["__interrupt__"]] == [FIRST]
        assert (len(other.requests), len(last.requests)) == (1, 0)
        out = await caller.do(graph, "invoke", Command(resume="my word"), THREAD)
    assert shown_to(last) == ("my word", "other")
    assert (len(other.requests), len(last.requests)) == (1, 1)
    assert [message.text for message in out["messages"]] == [FIRST, "answer"]


async def test_an_agent_in_a_slot_goes_on_where_it_asked(caller: Caller, tmp_path: Path) -> None:
    """A graph in a slot that asks a person in its second node does not ask its model again when it goes on."""
    thinks, last = ScriptedChatModel(replies="thought"), ScriptedChatModel(replies="answer")

    def think(state: MessagesState) -> dict[str, list[AnyMessage]]:
        return {"messages": [thinks.invoke(state["messages"])]}

    def check(state: MessagesState) -> dict[str, list[AnyMessage]]:
        return {"messages": [AIMessage(f"{state['messages'][-1].text}, {interrupt('right?')}")]}

    agent = StateGraph(MessagesState).add_sequence([think, check]).add_edge(START, "think").compile()
    async with caller.saver(tmp_path / "db") as saver:
        graph = create_moa(Mixture.of([Proposer(agent, name="agent")], last), checkpointer=saver)
        await caller.do(graph, "invoke", QUESTION, THREAD)
        await caller.do(graph, "invoke", Command(resume="right"), THREAD)
    assert shown_to(last) == ("thought, right",)
    assert len(thinks.requests) == 1


@sync_and_async
def test_an_old_run_is_aggregated_by_another_model(way: Way, provider: Simulator) -> None:
    """Proposals that went through JSON are shown to another aggregator as they were; that one call is made and paid."""
    old = way(create_moa(PRICED))[FIRST]
    shown = sent_references(provider, "last")
    provider.requests.clear()
    graph = create_aggregation(PRICED.swap({"aggregator": "openai:other"}))
    proposals = json.loads(json.dumps(old["proposals"]))
    given = {"messages": old["messages"][:1], "proposals": proposals}
    out = graph.invoke(given) if way.__name__ == "invoke" else asyncio.run(graph.ainvoke(given))
    assert calls(provider) == {"other": 1}
    assert sent_references(provider, "other") == shown == ("answer of a", "answer of b")
    assert [message.text for message in out["messages"]] == [FIRST, "answer of other"]
    answer = out["messages"][-1]
    summary = answer.response_metadata["moa"]
    (paid,) = [slot for slot in summary["usage"]["slots"] if slot["usage"] is not None]
    assert paid["slot"] == "aggregator"
    assert summary["usage"]["total"] == paid["usage"]
    assert answer.usage_metadata["total_tokens"] == paid["usage"]["total_tokens"]
    assert summary["cost"]["total"] == paid["cost"] > 0
    assert [one["text"] for one in out["proposals"]] == [one["text"] for one in old["proposals"]]


def test_a_reviewed_run_is_aggregated_again(models: Cast) -> None:
    """An aggregation of proposals, some of which a person has left out or edited, reads what the person left."""
    out = create_moa(models.mixture).invoke(QUESTION)
    layers: Any = {"2": {"proposals": out["proposals"][3:], "synthesis": None, "substitute": None}}
    layers = with_text(without_proposal(layers, "a")["layers"], "b", "mine")["layers"]
    again = {**QUESTION, "proposals": [*out["proposals"][:3], *layers["2"]["proposals"]]}
    create_aggregation(models.mixture).invoke(again)
    assert shown_to(models.last) == ("mine", "c2")
    assert models.counts == (2, 2, 2, 2)


@pytest.mark.parametrize("given", [{}, {"proposals": []}], ids=["none-given", "empty"])
def test_nothing_is_aggregated_from_nothing(models: Cast, given: dict[str, Any]) -> None:
    """Without proposals no call is made, and the error says what to give."""
    with pytest.raises(ConfigurationError, match=r'proposals is empty.*"proposals": out\["proposals"\]'):
        create_aggregation(models.mixture).invoke({**QUESTION, **given})
    assert models.counts == (0, 0, 0, 0)


def test_nothing_is_aggregated_from_failures(models: Cast) -> None:
    """Where no proposal of the last layer is usable, no call is made, and the error holds every proposal."""
    out = create_moa(models.mixture).invoke(QUESTION)
    failure = {"status": "error", "text": "", "error": {"kind": "RuntimeError", "message": "down"}}
    proposals = [{**one, **failure} if one["layer"] == 2 else one for one in out["proposals"]]
    with pytest.raises(QuorumError, match=r"layer 2: 0 of 3 .* 1 needed \(a: error, down; ") as raised:
        create_aggregation(models.mixture).invoke({**QUESTION, "proposals": proposals})
    assert len(raised.value.proposals) == 6
    assert models.counts == (2, 2, 2, 1)


async def test_another_aggregator_goes_on_from_the_last_join(caller: Caller, models: Cast, tmp_path: Path) -> None:
    """From the checkpoint before the aggregator, a graph with another one asks no proposer and shows it the same."""
    other = ScriptedChatModel(replies="other")
    async with caller.saver(tmp_path / "db") as saver:
        await caller.do(create_moa(models.mixture, checkpointer=saver), "invoke", QUESTION, THREAD)
        graph = create_moa(models.mixture.swap({"aggregator": other}), checkpointer=saver)
        if isinstance(caller, Synchronous):
            history = list(graph.get_state_history(THREAD))
        else:
            history = [state async for state in graph.aget_state_history(THREAD)]
        past = next(state for state in history if state.next == ("aggregator",))
        out = await caller.do(graph, "invoke", None, past.config)
    assert shown_to(other) == shown_to(models.last) == ("a2", "b2", "c2")
    assert models.counts == (2, 2, 2, 1)
    assert [message.text for message in out["messages"]] == [FIRST, "other"]


async def test_a_required_slot_may_ask_where_others_are_not_waited_for(caller: Caller, tmp_path: Path) -> None:
    """With `required`, what a person says counts though the quorum was reached before the run went on."""
    other, last = ScriptedChatModel(replies="other"), ScriptedChatModel(replies="answer")
    person: Any = RunnableLambda(lambda messages: AIMessage(interrupt(messages[-1].text)))
    slots = [Proposer(person, name="person", required=True), Proposer(other, name="other")]
    async with caller.saver(tmp_path / "db") as saver:
        graph = create_moa(Mixture([Layer(slots, quorum=1, grace=0)], last), checkpointer=saver)
        await caller.do(graph, "invoke", QUESTION, THREAD)
        await caller.do(graph, "invoke", Command(resume="my word"), THREAD)
    assert shown_to(last) == ("my word", "other")
    assert len(other.requests) == 1
