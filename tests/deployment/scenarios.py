"""What is done with the server, all at once: its queue looks for work twice a second, so that a run waits for that.

What a scenario gives can be written as JSON, since one process plays for all that test.
"""

from __future__ import annotations

import asyncio
import re
import traceback
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.pregel.remote import RemoteGraph

from langgraph_moa import Mixture, Proposer, background, create_moa
from langgraph_moa.testing import RecordedRequest, ScriptedChatModel
from tests.deployment.server import HANGING, ROOT, STUCK, Served

GRAPH = "moa"
RUNS_AT_ONCE = 5
USUAL = "http://127.0.0.1:2024"
PAGE = ROOT / "docs" / "recipes" / "langgraph_server.md"
BLOCKS = re.compile(r"^```py\n(.*?)^```", re.DOTALL | re.MULTILINE)
_PATIENCE = 30.0
"""Seconds within which a run that is asked for begins, and one that is cancelled ends."""
QUESTION: Any = {"messages": [{"role": "user", "content": "What is the answer?"}]}
SMALLER: dict[str, Any] = {
    "preset": "offline",
    "proposers": ["offline:bm25", "offline:lsa"],
    "depth": 3,
    "deadline": 30.0,
}


class Outcome(NamedTuple):
    """What a scenario gave."""

    given: Any
    failed: str | None = None
    """The traceback of what it raised."""


async def schemas(served: Served) -> Any:
    """Return the schemas of the assistant that the server makes by itself."""
    async with served.client() as client:
        [assistant] = await client.assistants.search(graph_id=GRAPH, metadata={"created_by": "system"})
        return await client.assistants.get_schemas(assistant["assistant_id"])


async def own_nodes(served: Served) -> list[str]:
    """Return the nodes of the graph without a configuration."""
    async with served.client() as client:
        return _nodes(await client.assistants.get_graph(GRAPH))


async def another_assistant(served: Served) -> tuple[list[str], Any]:
    """Create an assistant with another configuration and ask it; return its nodes and its proposals."""
    async with served.client() as client:
        created = await client.assistants.create(GRAPH, name="smaller", context=SMALLER)
        drawn = await client.assistants.get_graph(created["assistant_id"])
        values = await client.runs.wait(None, created["assistant_id"], input=QUESTION)
        return _nodes(drawn), cast("dict[str, Any]", values)["proposals"]


async def wrong_configuration(served: Served) -> tuple[str, str]:
    """Return what is said of an assistant whose quorum is impossible: where it is drawn, and where it is run."""
    async with served.client() as client:
        created = await client.assistants.create(GRAPH, context={"quorum": 99})
        said = []
        for failing in (
            client.assistants.get_graph(created["assistant_id"]),
            client.runs.wait(None, created["assistant_id"], input=QUESTION),
        ):
            try:
                await failing
            except Exception as error:  # noqa: BLE001 - the SDK raises a bare one for a run
                said.append(str(getattr(error, "body", None) or error))
        drawn, run = said
        return drawn, run


async def two_turns(served: Served) -> tuple[Any, Any]:
    """Ask twice in one thread; return its state and its history."""
    async with served.client() as client:
        thread = (await client.threads.create())["thread_id"]
        for _ in range(2):
            await client.runs.wait(thread, GRAPH, input=QUESTION)
        return await client.threads.get_state(thread), await client.threads.get_history(thread, limit=50)


async def streamed(served: Served) -> dict[str, list[Any]]:
    """Stream a run in every mode, subgraphs included; return the parts by event."""
    parts: dict[str, list[Any]] = defaultdict(list)
    async with served.client() as client:
        stream = client.runs.stream(
            None,
            GRAPH,
            input=QUESTION,
            stream_mode=["updates", "messages-tuple", "custom"],
            stream_subgraphs=True,
        )
        async for part in stream:
            parts[part.event].append(part.data)
    return parts


async def in_background(served: Served) -> list[Any]:
    """Start runs in threads of their own, and join them."""
    async with served.client() as client:
        threads = [(await client.threads.create())["thread_id"] for _ in range(RUNS_AT_ONCE)]
        runs = [await client.runs.create(thread, GRAPH, input=QUESTION) for thread in threads]
        joining = [client.runs.join(thread, run["run_id"]) for thread, run in zip(threads, runs, strict=True)]
        return list(await asyncio.gather(*joining))


async def interrupted(served: Served) -> tuple[Any, Any]:
    """Stop before the aggregator, and go on; return the state in between, and the values at the end."""
    async with served.client() as client:
        thread = (await client.threads.create())["thread_id"]
        await client.runs.wait(thread, GRAPH, input=QUESTION, interrupt_before=["aggregator"])
        between = await client.threads.get_state(thread)
        return between, await client.runs.wait(thread, GRAPH, input=None)


async def cancelled(served: Served) -> tuple[str, bool]:
    """Cancel a run that waits for a model; return its status, and whether the provider saw the client go."""
    async with served.client() as client:
        created = await client.assistants.create(GRAPH, context=_proposing(STUCK))
        thread = (await client.threads.create())["thread_id"]
        run = await client.runs.create(thread, created["assistant_id"], input=QUESTION)
        await _asked(served, STUCK)
        await client.runs.cancel(thread, run["run_id"], wait=True)
        return (await client.runs.get(thread, run["run_id"]))["status"], await _left(served, STUCK)


async def as_node(served: Served) -> tuple[list[str], list[str]]:
    """Make the served mixture a node of a local graph; return the conversation, and the remote nodes in its stream."""
    builder = StateGraph(MessagesState)
    async with served.client() as client:
        builder.add_node("remote", RemoteGraph(GRAPH, client=client))
        builder.add_edge(START, "remote")
        builder.add_edge("remote", END)
        graph = builder.compile()
        shown = [part async for part in graph.astream(QUESTION, stream_mode="updates", subgraphs=True)]
        values = await graph.ainvoke(QUESTION)
        nodes = [node for namespace, update in shown if len(namespace) == 1 for node in update]
        return [message.text for message in values["messages"]], nodes


async def as_proposer(served: Served) -> tuple[Any, str]:
    """Put the served mixture into a slot of a local one; return its proposal, and the answer."""
    async with served.client() as client:
        remote = Proposer(RemoteGraph(GRAPH, client=client), name="remote")
        mixture = Mixture.of([remote, ScriptedChatModel(replies=["here"])], ScriptedChatModel(replies=["merged"]))
        values = await create_moa(mixture).ainvoke(QUESTION)
        return values["proposals"][0], values["messages"][-1].text


async def cancelled_slot(served: Served) -> tuple[list[str], bool]:
    """Let a quorum cut off a slot that waits for a stuck run of the server; return the statuses, and whether it ended.

    The assistant's own deadline is far away, so that nothing else ends it.
    """

    async def here(_: object) -> str:
        await _asked(served, HANGING)
        return "here"

    async with served.client() as client:
        created = await client.assistants.create(GRAPH, context=_proposing(HANGING))
        remote = RemoteGraph(created["assistant_id"], client=client).bind(on_disconnect="cancel")
        proposers = [Proposer(remote, name="remote"), Proposer(RunnableLambda(here), name="here")]
        mixture = Mixture.of(proposers, ScriptedChatModel(replies=["merged"]), grace=0.0)
        values = await create_moa(mixture).ainvoke(QUESTION)
        return [proposal["status"] for proposal in values["proposals"]], await _left(served, HANGING)


async def as_proposer_of_a_synchronous_run(served: Served) -> tuple[Any, str]:
    """Put it into a slot of a mixture that is run by `invoke`; return the same."""
    remote = RemoteGraph(GRAPH, url=served.url)
    mixture = Mixture.of([Proposer(remote, name="remote")], ScriptedChatModel(replies=["merged"]))
    values = await asyncio.to_thread(create_moa(mixture).invoke, QUESTION)
    await _close(remote)
    return values["proposals"][0], values["messages"][-1].text


async def page(served: Served) -> list[str]:
    """Run the blocks of the recipe's page, one after the other, with this server in place of the usual one."""
    source = PAGE.read_text(encoding="utf-8").replace(USUAL, served.url)
    namespace: dict[str, Any] = {}
    for block in BLOCKS.findall(source):
        await asyncio.to_thread(exec, compile(block, str(PAGE), "exec"), namespace)
    namespace["client"].close()
    await _close(namespace["remote"])
    return [proposal["status"] for proposal in namespace["out"]["proposals"]]


ALL = (
    schemas,
    own_nodes,
    another_assistant,
    wrong_configuration,
    two_turns,
    streamed,
    in_background,
    interrupted,
    cancelled,
    as_node,
    as_proposer,
    as_proposer_of_a_synchronous_run,
    cancelled_slot,
    page,
)


async def play(served: Served) -> dict[str, Outcome]:
    """Play all of them, and say of each what it gave or how it failed."""
    given = await asyncio.gather(*(scenario(served) for scenario in ALL), return_exceptions=True)
    return {scenario.__name__: _outcome(one) for scenario, one in zip(ALL, given, strict=True)}


def _outcome(given: Any) -> Outcome:
    if isinstance(given, BaseException):
        return Outcome(None, "".join(traceback.format_exception(given)))
    return Outcome(given)


async def _close(remote: RemoteGraph) -> None:
    """Close the clients that a remote graph made by itself, where synchronous runs have used them."""
    await asyncio.to_thread(background.run, remote._validate_client().aclose())
    remote._validate_sync_client().close()


def _proposing(model: str) -> dict[str, Any]:
    return {"proposers": [f"openai:{model}"]}


async def _asked(served: Served, model: str) -> None:
    """Wait until the provider is asked for a model."""
    if not await _wait(served, model, bool):
        raise TimeoutError(f"{model} was not asked within {_PATIENCE:g} s")


async def _left(served: Served, model: str) -> bool:
    """Say whether all who asked for a model close the connection before they are answered."""
    return await _wait(served, model, lambda requests: all(request.disconnected for request in requests))


async def _wait(served: Served, model: str, condition: Callable[[list[RecordedRequest]], bool]) -> bool:
    return await asyncio.to_thread(
        served.provider.wait_for,
        lambda provider: condition([request for request in provider.requests if request.model == model]),
        seconds=_PATIENCE,
    )


def _nodes(drawn: Any) -> list[str]:
    return sorted(node["id"] for node in drawn["nodes"])
