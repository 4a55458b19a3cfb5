"""Claims about answers in OpenAI's form."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from langgraph_moa.serving.replies import chunk, completion, delta_of, reason_of, usage_of

ABOUT = {"id": "chatcmpl-1", "created": 1, "model": "panel"}
arguments = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=2)


@given(st.text(max_size=30), st.lists(arguments, max_size=2))
def test_any_answer_is_read_by_openai(text: str, calls: list[dict[str, Any]]) -> None:
    """Whatever an answer holds, OpenAI's own classes read it back: its text, its calls and their arguments."""
    made = [{"name": "look", "args": args, "id": f"call{number}"} for number, args in enumerate(calls)]
    answer = AIMessage(text.replace("<think>", ""), tool_calls=made)
    read = ChatCompletion.model_validate_json(json.dumps(completion(ABOUT, [answer], [{}])))
    message = read.choices[0].message
    found = [call.model_dump()["function"] for call in message.tool_calls or ()]
    assert [(one["name"], json.loads(one["arguments"])) for one in found] == [("look", args) for args in calls]
    assert read.choices[0].finish_reason == ("tool_calls" if calls else "stop")


@given(st.lists(st.text(min_size=1, max_size=5), max_size=5))
def test_pieces_add_up(pieces: list[str]) -> None:
    """The pieces of a stream, read by OpenAI's own classes, add up to the answer."""
    read = [
        ChatCompletionChunk.model_validate_json(
            json.dumps(chunk(ABOUT, 0, delta_of(AIMessageChunk(content=piece), piece)))
        )
        for piece in pieces
    ]
    assert "".join(one.choices[0].delta.content or "" for one in read) == "".join(pieces)


def test_unknown_tokens_are_unknown() -> None:
    """Tokens that nobody told are `None`, and the sum is of those that somebody has."""
    known = UsageMetadata(
        input_tokens=3,
        output_tokens=4,
        total_tokens=7,
        input_token_details=InputTokenDetails(cache_read=2),
        output_token_details=OutputTokenDetails(reasoning=1),
    )
    assert usage_of([None]) is None
    found = usage_of([known, None, known])
    assert found is not None
    assert (found["prompt_tokens"], found["completion_tokens"], found["total_tokens"]) == (6, 8, 14)
    assert found["prompt_tokens_details"] == {"cached_tokens": 4}
    assert found["completion_tokens_details"] == {"reasoning_tokens": 2}


def test_reasons_to_stop() -> None:
    """Why an answer ended is told in OpenAI's words, whatever a provider calls it."""
    ends = {"length": "length", "max_tokens": "length", "stop": "stop", "end_turn": "stop", "refusal": "content_filter"}
    for said, told in ends.items():
        assert reason_of(AIMessage("x", response_metadata={"finish_reason": said})) == told
