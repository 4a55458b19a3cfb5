"""Every API that streams, and what is heard through it: the messages, each with its pieces in the order of arrival."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, Literal, NamedTuple, Protocol

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk

Kind = Literal["graph", "chat", "chain"]
"""What a streaming API is called on."""


class Piece(NamedTuple):
    """What one part of a stream adds to a message."""

    content: str
    """As JSON."""
    calls: str
    """Chunks of tool calls, as JSON."""


class Heard(NamedTuple):
    """One message of a stream."""

    pieces: Sequence[Piece]
    message: BaseMessage
    """The pieces, put together as LangChain does."""
    tags: frozenset[str]
    """Those of ours, of all pieces."""


Parts = Iterable[tuple[str, BaseMessage, Sequence[str]]]
"""Of a stream: the id of a message or of its run, what is added to it, and the tags that came with it."""


def gathered(parts: Parts) -> list[Heard]:
    """Put the parts of a stream together by the ids of their messages, without those that add nothing."""
    messages: dict[str, list[tuple[Piece, BaseMessage, Sequence[str]]]] = {}
    for key, message, tags in parts:
        piece = _piece(message)
        if piece is not None:
            messages.setdefault(key, []).append((piece, message, tags))
    return [_heard(arrived) for arrived in messages.values()]


def _heard(arrived: Sequence[tuple[Piece, BaseMessage, Sequence[str]]]) -> Heard:
    pieces, messages, tags = zip(*arrived, strict=True)
    ours = frozenset(tag for several in tags for tag in several if tag.startswith("moa:"))
    return Heard(pieces, reduce(add, messages), ours)


def _piece(message: BaseMessage) -> Piece | None:
    calls: Any = []
    if isinstance(message, AIMessageChunk):
        calls = message.tool_call_chunks
    elif isinstance(message, AIMessage):
        calls = message.tool_calls
    if isinstance(message, ToolMessage) or not (message.content or calls):
        return None
    return Piece(json.dumps(message.content or ""), json.dumps(calls))


def from_messages(items: Iterable[tuple[BaseMessage, Mapping[str, Any]]]) -> list[Heard]:
    """Read what `stream_mode="messages"` gives."""
    return gathered((str(message.id), message, metadata.get("tags") or ()) for message, metadata in items)


def from_chunks(items: Iterable[Any]) -> list[Heard]:
    """Read what the stream of a chat model or of a chain gives: chunks of one message, or texts."""
    chunks = [AIMessageChunk(content=item, id="text") if isinstance(item, str) else item for item in items]
    return gathered((str(chunk.id), chunk, ()) for chunk in chunks)


def from_events(events: Iterable[Mapping[str, Any]]) -> list[Heard]:
    """Read what `astream_events` gives in its second version."""
    streamed = [event for event in events if event["event"] == "on_chat_model_stream"]
    return gathered((event["run_id"], event["data"]["chunk"], event["tags"]) for event in streamed)


def from_protocol(events: Iterable[tuple[str, Any, Sequence[str]]]) -> list[Heard]:
    """Read the events of LangChain's protocol, each with its run and tags: what each adds, and whole messages."""
    return gathered(
        (run, event if isinstance(event, BaseMessage) else _delta(event), tags) for run, event, tags in events
    )


def _delta(event: Mapping[str, Any]) -> AIMessageChunk:
    """Return what an event adds: the end of a block repeats what has come, and its start holds the name of a call."""
    index = event.get("index")
    told = event.get("delta") or event.get("content") or {}
    if event["event"] == "content-block-start" and told["type"] == "tool_call_chunk":
        opened = tool_call_chunk(name=told["name"], args=told["args"], id=told["id"], index=index)
        return AIMessageChunk(content="", tool_call_chunks=[opened])
    if event["event"] != "content-block-delta":
        return AIMessageChunk(content="")
    if told.get("args"):
        return AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(args=told["args"], index=index)])
    kind = told["type"].removesuffix("-delta")
    return AIMessageChunk(content=[{"type": kind, kind: told[kind], "index": index}])


class Listen(Protocol):
    """Calls something, and says what is heard; `subgraphs` counts only where an API takes it."""

    __name__: str

    def __call__(self, called: Any, question: Any, /, *, subgraphs: bool) -> list[Heard]:
        """Listen."""


class Api(NamedTuple):
    """A way to stream."""

    kinds: Sequence[Kind]
    listen: Listen
    subgraphs: Sequence[bool] = (True,)


async def listed(stream: Any) -> list[Any]:
    """Read a stream to its end."""
    return [item async for item in stream]


MODES = ["messages", "custom", "updates"]


def messages(graph: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream the messages of a graph synchronously."""
    items = graph.stream(question, stream_mode="messages", subgraphs=subgraphs)
    return from_messages([item[1] for item in items] if subgraphs else items)


def amessages(graph: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream the messages of a graph."""
    items = asyncio.run(listed(graph.astream(question, stream_mode="messages", subgraphs=subgraphs)))
    return from_messages([item[1] for item in items] if subgraphs else items)


def modes(graph: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream several things at once, messages among them."""
    items = asyncio.run(listed(graph.astream(question, stream_mode=MODES, subgraphs=subgraphs)))
    return from_messages(item[-1] for item in items if item[-2] == "messages")


def parts(graph: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream typed parts."""
    items = graph.stream(question, stream_mode=MODES, subgraphs=subgraphs, version="v2")
    return from_messages(item["data"] for item in items if item["type"] == "messages")


def events(runnable: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream events."""
    return from_events(asyncio.run(listed(runnable.astream_events(question, version="v2"))))


def _of_graph(events: Iterable[Any]) -> list[Heard]:
    told = [event["params"]["data"] for event in events if event["method"] == "messages"]
    return from_protocol(
        (str(metadata.get("run_id", getattr(event, "id", ""))), event, metadata.get("tags") or ())
        for event, metadata in told
    )


def protocol(graph: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream the protocol's events of a graph synchronously."""
    return _of_graph(graph.stream_events(question, version="v3"))


def aprotocol(graph: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream the protocol's events of a graph."""

    async def collect() -> list[Any]:
        return await listed(await graph.astream_events(question, version="v3"))

    return _of_graph(asyncio.run(collect()))


def protocol_of_chat(model: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream the protocol's events of a chat model synchronously."""
    return from_protocol(("", event, ()) for event in model.stream_events(question, version="v3"))


def aprotocol_of_chat(model: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream the protocol's events of a chat model."""

    async def collect() -> list[Any]:
        return await listed(await model.astream_events(question, version="v3"))

    return from_protocol(("", event, ()) for event in asyncio.run(collect()))


def log(runnable: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream the log of a run, which LangChain keeps for older programs."""
    patches = asyncio.run(listed(runnable.astream_log(question)))
    written = [operation for patch in patches for operation in patch.ops]
    begun = [operation for operation in written if isinstance(operation.get("value"), dict)]
    models = {operation["path"]: operation["value"] for operation in begun if operation["value"].get("type") == "llm"}
    return gathered(
        (path, operation["value"], model.get("tags") or ())
        for path, model in models.items()
        for operation in written
        if operation["path"] == f"{path}/streamed_output/-"
    )


def stream(runnable: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream synchronously."""
    return from_chunks(runnable.stream(question))


def astream(runnable: Any, question: Any, *, subgraphs: bool) -> list[Heard]:
    """Stream in a loop of its own."""
    return from_chunks(asyncio.run(listed(runnable.astream(question))))


BOTH = (False, True)
APIS: Sequence[Api] = (
    Api(["graph"], messages, BOTH),
    Api(["graph"], amessages, BOTH),
    Api(["graph"], modes, BOTH),
    Api(["graph"], parts, BOTH),
    Api(["graph"], protocol),
    Api(["graph"], aprotocol),
    Api(["chat"], protocol_of_chat),
    Api(["chat"], aprotocol_of_chat),
    Api(["chat", "chain"], stream),
    Api(["chat", "chain"], astream),
    Api(["graph", "chat", "chain"], events),
    Api(["graph", "chat", "chain"], log),
)
