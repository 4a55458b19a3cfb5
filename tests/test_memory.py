"""What a mixture remembers: conversations by a checkpointer, facts by a store, and histories that were cut before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage, trim_messages
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.config import get_store
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore

from langgraph_moa import AggregatorError, Mixture, Proposer, create_moa
from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.ways import use_simulator

THREAD: RunnableConfig = {"configurable": {"thread_id": "1"}}
OTHER: RunnableConfig = {"configurable": {"thread_id": "2"}}
Build = Callable[..., Any]
"""Makes something with `invoke` and `ainvoke` of a mixture, with the options of `StateGraph.compile`."""


def as_graph(mixture: Mixture, **options: Any) -> Any:
    """Return the mixture's own graph."""
    return create_moa(mixture, **options)


def as_node(mixture: Mixture, **options: Any) -> Any:
    """Return a graph with the mixture as a node."""
    return sequence(create_moa(mixture), **options)


def as_chat_model(mixture: Mixture, **options: Any) -> Any:
    """Return an agent that asks the mixture."""
    return create_agent(ChatMoA(mixture=mixture), [], **options)


def sequence(*steps: Any, **options: Any) -> Any:
    """Return a graph of some steps, one after the other."""
    builder = StateGraph(MessagesState)
    names = [f"step_{number}" for number in range(len(steps))]
    for name, step in zip(names, steps, strict=True):
        builder.add_node(name, step)
    for before, after in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(before, after)
    return builder.compile(**options)


every_build = pytest.mark.parametrize(
    "build", [as_graph, as_node, as_chat_model], ids=["graph", "node", "chat-model-in-an-agent"]
)

Call = Callable[..., dict[str, Any]]
every_call = pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda graph, *given: graph.invoke(*given), id="invoke"),
        pytest.param(lambda graph, *given: asyncio.run(graph.ainvoke(*given)), id="ainvoke"),
    ],
)


def panel() -> tuple[Mixture, ScriptedChatModel, ScriptedChatModel]:
    """Return a mixture, its two proposers as one model, and its aggregator."""
    proposer, aggregator = ScriptedChatModel(replies="idea"), ScriptedChatModel(replies="answer")
    return Mixture.of([Proposer(proposer, name="a"), Proposer(proposer, name="b")], aggregator), proposer, aggregator


def said(messages: Sequence[BaseMessage]) -> list[str]:
    """Return the texts of a conversation."""
    return [message.text for message in messages]


def ask(question: str) -> Any:
    """Return the input of a turn."""
    return {"messages": [HumanMessage(question)]}


@asynccontextmanager
async def in_memory(_: Path) -> AsyncIterator[InMemorySaver]:
    """Keep everything in this process."""
    yield InMemorySaver()


@asynccontextmanager
async def in_sqlite(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open a database for asynchronous use."""
    async with AsyncSqliteSaver.from_conn_string(str(path / "memory.sqlite")) as saver:
        yield saver


def check_five_turns(outputs: Sequence[dict[str, Any]], proposer: ScriptedChatModel) -> None:
    """Check that each turn has added its question and its answer, and that models have seen all before."""
    expected: list[str] = []
    for turn, out in enumerate(outputs, start=1):
        expected += [f"question {turn}", "answer"]
        assert said(out["messages"]) == expected
    assert len({message.id for message in outputs[-1]["messages"]}) == 10
    assert [len(request) for request in proposer.requests] == [1, 1, 3, 3, 5, 5, 7, 7, 9, 9]
    assert said(proposer.requests[-1]) == expected[:-1]


@every_build
def test_five_turns_add_ten_messages(build: Build, tmp_path: Path) -> None:
    """Each turn adds the question and the answer and nothing else, and the next sees them; threads are apart."""
    mixture, proposer, _ = panel()
    with SqliteSaver.from_conn_string(str(tmp_path / "memory.sqlite")) as saver:
        graph = build(mixture, checkpointer=saver)
        check_five_turns([graph.invoke(ask(f"question {turn}"), THREAD) for turn in range(1, 6)], proposer)
        assert said(graph.invoke(ask("other"), OTHER)["messages"]) == ["other", "answer"]
        assert len(graph.get_state(THREAD).values["messages"]) == 10


@every_build
@pytest.mark.parametrize("opened", [in_memory, in_sqlite])
async def test_five_asynchronous_turns_add_ten_messages(build: Build, opened: Any, tmp_path: Path) -> None:
    """The same holds in a running loop, with an asynchronous checkpointer."""
    mixture, proposer, _ = panel()
    async with opened(tmp_path) as saver:
        graph = build(mixture, checkpointer=saver)
        outputs = [await graph.ainvoke(ask(f"question {turn}"), THREAD) for turn in range(1, 6)]
        check_five_turns(outputs, proposer)
        assert said((await graph.ainvoke(ask("other"), OTHER))["messages"]) == ["other", "answer"]


@every_build
@every_call
def test_a_turn_that_broke_off_goes_on(build: Build, call: Call) -> None:
    """When the aggregator fails, the turn goes on from the checkpoint: no proposer is asked again, nothing doubles."""
    proposer = ScriptedChatModel(replies="idea")
    aggregator = ScriptedChatModel(replies=[ValueError("down"), "answer", "later"])
    mixture = Mixture.of([Proposer(proposer, name="a"), Proposer(proposer, name="b")], aggregator)
    graph = build(mixture, checkpointer=InMemorySaver())
    with pytest.raises(AggregatorError):
        call(graph, ask("first"), THREAD)
    assert said(call(graph, None, THREAD)["messages"]) == ["first", "answer"]
    assert len(proposer.requests) == 2
    assert said(call(graph, ask("second"), THREAD)["messages"]) == ["first", "answer", "second", "later"]
    assert len(proposer.requests) == 4


class CountedStore(InMemoryStore):
    """A store that counts how often it is searched."""

    searches = 0

    def search(self, *args: Any, **kwargs: Any) -> Any:
        """Count, and search."""
        self.searches += 1
        return super().search(*args, **kwargs)


def remembering(mixture: Mixture) -> Runnable[Any, Any]:
    """Return a node that tells the mixture what the store knows, and keeps the answer alone."""

    def with_memories(state: MessagesState) -> dict[str, Any]:
        facts = get_store().search(("facts", "ada"))
        return {"messages": [SystemMessage("\n".join(fact.value["text"] for fact in facts)), *state["messages"]]}

    def newest(out: dict[str, Any]) -> dict[str, Any]:
        return {"messages": out["messages"][-1:]}

    return RunnableLambda(with_memories) | create_moa(mixture) | newest


@every_call
def test_long_term_memory(call: Call) -> None:
    """What a node finds in the store once a turn reaches every model, across threads, and is not kept in them."""
    store = CountedStore()
    store.put(("facts", "ada"), "1", {"text": "Ada is vegetarian."})
    mixture, proposer, aggregator = panel()
    graph = sequence(remembering(mixture), checkpointer=InMemorySaver(), store=store)
    outputs = [call(graph, ask("What shall I eat?"), thread) for thread in (THREAD, THREAD, OTHER)]
    assert store.searches == 3
    for request in (*proposer.requests, *aggregator.requests):
        assert [message.text for message in request if message.type == "system"] == ["Ada is vegetarian."]
    assert [len(out["messages"]) for out in outputs] == [2, 4, 2]


@tool
def recall(what: str) -> str:
    """Look something up."""
    return "; ".join(item.value["text"] for item in get_store().search(("facts", what)))


@tool
def memorise(text: str) -> str:
    """Keep something."""
    get_store().put(("facts", "new"), "1", {"text": text})
    return "kept"


@every_call
@every_build
def test_agents_in_slots_share_the_store(build: Build, call: Call) -> None:
    """A tool of an agent in a slot reads and writes the store that the graph was compiled with."""
    calls = [
        {"name": "recall", "args": {"what": "ada"}, "id": "1"},
        {"name": "memorise", "args": {"text": "Ada has eaten."}, "id": "2"},
    ]
    model = ScriptedChatModel(replies=[AIMessage("", tool_calls=calls), "done"])
    agent: Any = create_agent(model, [recall, memorise])
    store = InMemoryStore()
    store.put(("facts", "ada"), "1", {"text": "Ada is vegetarian."})
    mixture = Mixture.of([Proposer(agent, name="agent"), ScriptedChatModel()], ScriptedChatModel(replies="answer"))
    out = call(build(mixture, store=store), ask("What shall I eat?"))
    assert out["messages"][-1].text == "answer"
    results = [message.text for message in model.requests[-1] if isinstance(message, ToolMessage)]
    assert results == ["Ada is vegetarian.", "kept"]
    assert [item.value for item in store.search(("facts", "new"))] == [{"text": "Ada has eaten."}]


LONG = [
    SystemMessage("Be brief."),
    HumanMessage("first"),
    AIMessage("one"),
    HumanMessage("second"),
    AIMessage("two"),
    HumanMessage("third"),
]
TRIMMED: Any = trim_messages(max_tokens=4, token_counter=len, start_on="human", include_system=True)


@every_call
@pytest.mark.parametrize("end", ["graph", "chat-model"])
def test_trimmed_history(call: Call, end: str) -> None:
    """Every model of a mixture behind `trim_messages` gets what that left, and the question."""
    mixture, proposer, aggregator = panel()
    chat: Any = ChatMoA(mixture=mixture)
    graph: Any = RunnableLambda(lambda messages: {"messages": messages}) | create_moa(mixture)
    call(TRIMMED | (chat if end == "chat-model" else graph), LONG)
    for request in (*proposer.requests, *aggregator.requests):
        assert said(request)[:-1] == ["Be brief.", "second", "two"]
        assert request[-1].text.startswith("third")
    assert [len(request) for request in proposer.requests] == [4, 4]


def test_a_history_that_was_cut_within_a_tool_call(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result whose call was trimmed away is no error of any model, though the provider checks every history."""
    use_simulator(simulator, monkeypatch)
    simulator.behaviour = Behaviour(reply="ok", strict=("openai", "mistral"))
    called = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])
    history = [HumanMessage("Look."), called, ToolMessage("blue", tool_call_id="1"), AIMessage("Blue."), LONG[-1]]
    cut = trim_messages(history, max_tokens=3, token_counter=len)
    assert [message.type for message in cut] == ["tool", "ai", "human"]
    out = create_moa(Mixture.of(["openai:a", "openai:b"], "openai:c")).invoke({"messages": cut})
    assert out["messages"][-1].text == "ok"
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok", "ok"]
    for request in simulator.requests:
        assert any("blue" in str(message["content"]) for message in request.body["messages"])


@every_call
def test_summarised_history(call: Call) -> None:
    """Behind LangChain's summarising middleware, models get the summary and the last turns, however long it goes on."""
    mixture, proposer, aggregator = panel()
    summarise = SummarizationMiddleware(
        ScriptedChatModel(replies="Ada asks about food."), trigger=("messages", 5), keep=("messages", 3)
    )
    agent = create_agent(ChatMoA(mixture=mixture), [], middleware=[summarise], checkpointer=InMemorySaver())
    outputs = [call(agent, ask(f"question {turn}"), THREAD) for turn in range(1, 7)]
    assert all(len(out["messages"]) <= 6 for out in outputs)
    assert "Ada asks about food." in said(outputs[-1]["messages"])[0]
    for model in (proposer, aggregator):
        *_, last = model.requests
        assert "Ada asks about food." in last[0].text
        assert "question 6" in last[-1].text
        assert "question 1" not in "".join(said(last))
        assert max(map(len, model.requests)) <= 5
