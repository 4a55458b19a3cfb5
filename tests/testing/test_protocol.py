"""Claims about answers as JSON and as events."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from langgraph_moa.testing import ToolCall, protocol
from langgraph_moa.testing.answers import Answer
from langgraph_moa.testing.tokens import split_tokens

TEXT = st.text(max_size=80)
CALLS = st.lists(
    st.builds(ToolCall, name=st.sampled_from(["f", "g"]), arguments=st.dictionaries(TEXT, TEXT, max_size=2)), max_size=3
)


@st.composite
def answers(draw: Any) -> Answer:
    """Return answers of all forms."""
    return Answer(
        identifier="chatcmpl-1",
        model="m",
        text=split_tokens(draw(TEXT)),
        reasoning=split_tokens(draw(TEXT)),
        refusal=draw(st.none() | st.text(min_size=1)),
        tool_calls=tuple(draw(CALLS)),
        choices=draw(st.integers(1, 2)),
        usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    )


def read(events: list[bytes]) -> list[ChatCompletionChunk]:
    """Return events as the client's types."""
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") for event in events)
    return [ChatCompletionChunk.model_validate(json.loads(event[6:])) for event in events]


def merged(chunks: list[ChatCompletionChunk], index: int) -> tuple[str, str, str, dict[int, dict[str, str]]]:
    """Put the deltas of one choice in a stream together."""
    texts = {"content": "", "reasoning_content": "", "refusal": ""}
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        for choice in (choice for choice in chunk.choices if choice.index == index):
            for name in texts:
                texts[name] += getattr(choice.delta, name, None) or ""
            for piece in choice.delta.tool_calls or ():
                call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
                assert piece.function is not None
                call["id"] = call["id"] or piece.id or ""
                call["name"] += piece.function.name or ""
                call["arguments"] += piece.function.arguments or ""
    return texts["content"], texts["reasoning_content"], texts["refusal"], calls


@given(answers(), st.booleans())
def test_a_stream_adds_up_to_the_body(answer: Answer, odd: bool) -> None:  # noqa: FBT001
    """The deltas of a stream hold what the JSON body holds, however the tool calls are cut."""
    writer = protocol.EventWriter(answer, with_usage=True, odd_tool_chunks=odd)
    chunks = read([*writer.opening(), *writer.tokens(), *writer.closing()])
    whole = ChatCompletion.model_validate(json.loads(protocol.completion(answer)))
    assert [choice.index for choice in whole.choices] == list(range(answer.choices))
    for choice in whole.choices:
        message = choice.message
        content, reasoning, refusal, calls = merged(chunks, choice.index)
        assert (content, refusal) == (message.content or "", message.refusal or "")
        assert reasoning == (getattr(message, "reasoning_content", None) or "")
        functions: list[Any] = [call.to_dict() for call in message.tool_calls or ()]
        assert [calls[place] for place in sorted(calls)] == [
            {"id": call["id"], **call["function"]} for call in functions
        ]
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "stop"


@given(st.lists(st.just(ToolCall(name="f", arguments={"a": 1})), min_size=1, max_size=3))
def test_odd_chunks_are_odd(calls: list[ToolCall]) -> None:
    """Indexes begin at 1 and leave gaps, and identifiers are repeated or missing."""
    answer = Answer(identifier="chatcmpl-1", model="m", text=(), tool_calls=tuple(calls))
    chunks = list(protocol.odd_chunks(answer))
    assert sorted({chunk["index"] for chunk in chunks}) == [1, 3, 5][: len(calls)]
    assert [chunk["id"] for chunk in chunks if chunk["index"] == 1] == ["call-1-0"] * 4
    assert all(chunk["id"] is None for chunk in chunks if chunk["index"] == 3 and not chunk["function"]["name"])


def test_usage_comes_only_when_it_is_asked_for() -> None:
    """Without `include_usage` no event holds token counts."""
    answer = Answer(identifier="chatcmpl-1", model="m", text=("a",), usage={"total_tokens": 1})
    writer = protocol.EventWriter(answer, with_usage=False)
    assert all(b"usage" not in event for event in (*writer.opening(), *writer.tokens(), *writer.closing()))


def test_models_are_listed_in_order() -> None:
    """The list of models is sorted, and each entry has what clients read."""
    listed = json.loads(protocol.model_list(["b", "a"]))
    assert [entry["id"] for entry in listed["data"]] == ["a", "b"]
    assert all(entry["object"] == "model" for entry in listed["data"])
