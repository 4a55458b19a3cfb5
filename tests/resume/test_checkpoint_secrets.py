"""Claims about keys: none reaches a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import Layer, Mixture, Proposer, create_moa
from langgraph_moa.errors import AggregatorError
from langgraph_moa.testing import Behaviour, Simulator
from tests.resume.databases import Database

CANARIES = {
    place: f"sk-canary-{place}-0123456789abcdefghij" for place in ("argument", "environment", "object", "header")
}
CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a provider whose model `echo` refuses with the request's key in its message."""
    behaviour = Behaviour(status=401, reply=lambda _: f"Incorrect API key provided: {' '.join(CANARIES.values())}")
    with Simulator(Behaviour(reply="fine"), models={"echo": behaviour}) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        monkeypatch.setenv("OPENAI_API_KEY", CANARIES["environment"])
        yield running


def proposers() -> list[Proposer]:
    """Return proposers that hold keys in every place where one may be, and some whose provider echoes them."""
    held: dict[str, Any] = {
        "api_key": CANARIES["object"],
        "default_headers": {"Authorization": CANARIES["header"], "Connection": "close"},
    }
    return [
        seat
        for name in ("fine", "echo")
        for seat in (
            Proposer(f"openai:{name}", name=f"{name}-environment"),
            Proposer(f"openai:{name}", name=f"{name}-argument", model_kwargs={"api_key": CANARIES["argument"]}),
            Proposer(ChatOpenAI(model=name, max_retries=0, **held), name=f"{name}-object"),
        )
    ]


def recipe(aggregator: str) -> Mixture:
    """Return a mixture of two layers."""
    return Mixture([Layer(proposers()), Layer(proposers())], aggregator, on_partial="allow")


def assert_no_key(database: Database) -> None:
    """Look for every key in every table and in the files of SQLite."""
    contents = database.contents()
    if database.kind == "sqlite":
        contents += b"".join(path.read_bytes() for path in Path(database.address).parent.iterdir() if path.is_file())
    assert b"fine" in contents
    for place, key in CANARIES.items():
        assert key.encode() not in contents, place


def keys_sent(provider: Simulator) -> set[str]:
    """Return the places whose keys the provider was sent."""
    sent = " ".join(request.authorization or "" for request in provider.requests)
    return {place for place, key in CANARIES.items() if key in sent}


def test_no_key_is_saved(database: Database, provider: Simulator) -> None:
    """A run as a root graph and as a subgraph leaves no byte of a key behind, also where the provider repeats it."""
    builder = StateGraph(MessagesState)
    builder.add_node("moa", create_moa(recipe("openai:fine")))
    builder.add_edge(START, "moa")
    builder.add_edge("moa", END)
    with database.saver() as saver:
        out = create_moa(recipe("openai:fine"), checkpointer=saver).invoke({"messages": [HumanMessage("q")]}, CONFIG)
        within: RunnableConfig = {"configurable": {"thread_id": "2"}}
        builder.compile(checkpointer=saver).invoke({"messages": [HumanMessage("q")]}, within)
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok", "ok", "ok", "error", "error", "error"] * 2
    assert keys_sent(provider) == set(CANARIES) - {"object"}
    assert_no_key(database)


async def test_no_key_is_saved_asynchronously(database: Database, provider: Simulator) -> None:
    """An asynchronous run leaves no byte of a key behind."""
    async with database.async_saver() as saver:
        await create_moa(recipe("openai:fine"), checkpointer=saver).ainvoke({"messages": [HumanMessage("q")]}, CONFIG)
    assert keys_sent(provider) == set(CANARIES) - {"object"}
    assert_no_key(database)


def test_no_key_is_saved_with_an_error(database: Database, provider: Simulator) -> None:
    """LangGraph saves the error that ends a run; where the aggregator's provider repeats the key, it is not in it."""
    with database.saver() as saver:
        graph = create_moa(recipe("openai:echo"), checkpointer=saver)
        with pytest.raises(AggregatorError):
            graph.invoke({"messages": [HumanMessage("q")]}, CONFIG)
    assert b"AggregatorError" in database.contents()
    assert_no_key(database)
