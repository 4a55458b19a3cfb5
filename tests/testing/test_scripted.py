"""Claims about the scripted chat model."""

from __future__ import annotations

import asyncio
import json
import time
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from langgraph_moa.testing import ScriptedChatModel


def test_replies_come_in_turn_and_the_last_stays() -> None:
    """Replies are given one for each call; the last is given again and again."""
    model = ScriptedChatModel(replies=["one", AIMessage("two")])
    assert [model.invoke("q").content for _ in range(3)] == ["one", "two", "two"]


def test_an_exception_is_raised() -> None:
    """An exception in the script is raised by that call alone."""
    model = ScriptedChatModel(replies=[ConnectionError("down"), "up"])
    with pytest.raises(ConnectionError):
        model.invoke("q")
    assert model.invoke("q").content == "up"


async def test_a_function_sees_the_request() -> None:
    """A function of the request decides, in synchronous and asynchronous calls."""
    model = ScriptedChatModel(replies=lambda messages: f"{len(messages)} messages")
    assert model.invoke([HumanMessage("a"), HumanMessage("b")]).content == "2 messages"
    assert (await model.ainvoke("a")).content == "1 messages"
    assert [len(request) for request in model.requests] == [2, 1]


@pytest.mark.parametrize("text", ["", " ", "one", " one  two\n", "three words here"])
async def test_streams_add_up(text: str) -> None:
    """The chunks of a stream add up to the message of a call, usage and metadata included."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    model = ScriptedChatModel(replies=text, usage=usage)
    chunks = list(model.stream("q"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content == model.invoke("q").content == text
    assert whole.usage_metadata == usage
    assert whole.response_metadata["finish_reason"] == "stop"
    assert "".join([str(chunk.content) async for chunk in model.astream("q")]) == text


TEXT = st.text(max_size=40)
BLOCKS = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, TEXT),
        st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "s"}, TEXT),
        st.just({"type": "image", "url": "x"}),
    ),
    max_size=4,
)
CALLS = st.lists(
    st.builds(
        lambda name, args: {"name": name, "args": args, "id": name, "type": "tool_call"},
        st.sampled_from(["f", "g"]),
        st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.none()), max_size=3),
    ),
    max_size=3,
)


def _numbered(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**block, "index": place} for place, block in enumerate(blocks)]


@given(st.one_of(TEXT, BLOCKS, BLOCKS.map(_numbered)), CALLS)
@settings(deadline=None, max_examples=40)
def test_every_way_gives_the_same_message(content: Any, calls: Any) -> None:
    """Invoked, awaited and streamed, text, content blocks, thoughts and tool calls are the same."""
    said = AIMessage(content, tool_calls=calls, additional_kwargs={"refusal": None})
    model = ScriptedChatModel(replies=said, usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})

    async def gather() -> AIMessageChunk:
        chunks: list[Any] = [chunk async for chunk in model.astream("q")]
        whole: AIMessageChunk = reduce(add, chunks)
        return whole

    async def ask() -> list[AIMessage]:
        return [await model.ainvoke("q"), await gather()]

    synchronous: list[Any] = list(model.stream("q"))
    messages = [model.invoke("q"), reduce(add, synchronous), *asyncio.run(ask())]
    for message in messages:
        assert message.content == content
        assert message.tool_calls == calls
        assert message.invalid_tool_calls == []
        assert message.usage_metadata == model.usage
        assert message.response_metadata == {
            "model_name": "scripted",
            "finish_reason": "tool_calls" if calls else "stop",
        }


def test_tool_calls_are_streamed_in_pieces() -> None:
    """The name comes first, and the arguments follow as text that adds up to JSON."""
    call: Any = {"name": "f", "args": {"a": "one two three"}, "id": "1", "type": "tool_call"}
    model = ScriptedChatModel(replies=AIMessage("", tool_calls=[call]))
    chunks: list[Any] = list(model.stream("q"))
    pieces = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
    assert (pieces[0]["name"], pieces[0]["args"]) == ("f", "")
    assert len(pieces) > 2
    assert json.loads("".join(piece["args"] for piece in pieces)) == call["args"]


def test_thoughts_are_streamed_in_pieces() -> None:
    """A content block with an index is cut into tokens."""
    block = {"type": "thinking", "thinking": "let me see now", "index": 0}
    model = ScriptedChatModel(replies=AIMessage([block]))
    thoughts = [part["thinking"] for chunk in model.stream("q") for part in chunk.content if isinstance(part, dict)]
    assert thoughts == ["let", " me", " see", " now"]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_failures_come_by_schedule(way: str) -> None:
    """Whichever way it is called, a model fails in its turn, and the failed call uses up no reply."""
    model = ScriptedChatModel(replies=["first", "second"], failures=[TimeoutError("slow"), None, OSError("down")])

    async def ask() -> str:
        if way == "invoke":
            return model.invoke("q").text
        if way == "ainvoke":
            return (await model.ainvoke("q")).text
        if way == "stream":
            return "".join(chunk.text for chunk in model.stream("q"))
        return "".join([chunk.text async for chunk in model.astream("q")])

    with pytest.raises(TimeoutError):
        await ask()
    assert await ask() == "first"
    with pytest.raises(OSError, match="down"):
        await ask()
    assert await ask() == "second"


async def test_a_stream_may_fail_in_the_middle() -> None:
    """With `fail_after`, a stream gives some tokens before it raises; other calls raise at once."""
    model = ScriptedChatModel(replies="a b c", failures=[OSError("cut")] * 3, fail_after=2)
    got: list[str] = []

    async def follow() -> None:
        async for chunk in model.astream("q"):
            got.append(chunk.text)  # noqa: PERF401 - what came before the failure is kept

    with pytest.raises(OSError, match="cut"):
        got.extend(chunk.text for chunk in model.stream("q"))
    with pytest.raises(OSError, match="cut"):
        await follow()
    assert got == ["a", " b"] * 2
    with pytest.raises(OSError, match="cut"):
        model.invoke("q")


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_the_pace_is_the_same_in_every_way(way: str) -> None:
    """An answer takes its delay and a moment for each token, streamed or not."""
    model = ScriptedChatModel(replies="a b c d", delay=0.05, tokens_per_second=40)
    began = time.monotonic()
    if way == "invoke":
        model.invoke("q")
    elif way == "ainvoke":
        await model.ainvoke("q")
    elif way == "stream":
        list(model.stream("q"))
    else:
        _ = [chunk async for chunk in model.astream("q")]
    assert 0.14 < time.monotonic() - began < 5


async def test_what_is_broken_off_is_counted() -> None:
    """Cancelled calls and streams that were closed early are counted."""
    model = ScriptedChatModel(replies="a b c", delay=60)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(model.ainvoke("q"), 0.1)
    assert (len(model.requests), model.cancelled) == (1, 1)
    quick = ScriptedChatModel(replies="a b c")
    stream: Any = quick.stream("q")
    next(stream)
    stream.close()
    assert quick.cancelled == 1
    assert list(quick.stream("q"))
    assert quick.cancelled == 1
