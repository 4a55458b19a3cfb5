"""What came back from a model, chain or graph: the answer, its tokens, and what is only an echo."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, messages_to_dict
from langchain_core.messages.ai import UsageMetadata

from langgraph_moa.proposal import Usage
from langgraph_moa.replies import read_reply

USAGE = UsageMetadata(
    input_tokens=5,
    output_tokens=2,
    total_tokens=7,
    input_token_details={"cache_read": 3},
    output_token_details={"reasoning": 1},
)
COUNTED = Usage(input_tokens=5, output_tokens=2, total_tokens=7, cached_tokens=3, reasoning_tokens=1)
QUESTION = HumanMessage("why?", id="1")
ANSWER = AIMessage(
    "because",
    id="2",
    usage_metadata=USAGE,
    response_metadata={"finish_reason": "stop", "model_name": "m"},
    tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c"}],
    invalid_tool_calls=[{"name": "g", "args": "{", "id": "d", "error": "cut", "type": "invalid_tool_call"}],
    additional_kwargs={"refusal": None},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
COUNTS = st.fixed_dictionaries({}, optional=dict.fromkeys(UsageMetadata.__annotations__, JSON))


def in_full(message: BaseMessage) -> Any:
    """Return a message as a remote graph's server writes it."""
    return json.loads(message.model_dump_json())


def as_constructor(message: BaseMessage) -> Any:
    """Return a message as LangChain serializes it."""
    name = type(message).__name__
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", name], "kwargs": message.model_dump()}


def by_role(message: BaseMessage) -> Any:
    """Return a message under a role, as chat providers name it."""
    roles = {"human": "user", "ai": "assistant"}
    fields = messages_to_dict([message])[0]["data"]
    return {"role": roles[message.type], **{name: value for name, value in fields.items() if name != "type"}}


@pytest.mark.parametrize("written", [in_full, as_constructor, by_role])
def test_a_state_as_json_is_read_in_full(written: Any) -> None:
    """An answer that comes as JSON from a remote graph has its tokens, metadata and tool calls in their places."""
    reply = read_reply({"messages": [written(QUESTION), written(ANSWER)]}, [QUESTION])
    assert reply.message == ANSWER
    assert reply.usage == COUNTED


@settings(deadline=None)
@given(JSON | COUNTS, JSON)
def test_a_state_as_json_is_read_whatever_its_metadata_hold(usage: Any, moa: Any) -> None:
    """Token counts and a summary of whatever shape leave the answer as it is; counts that are none are unknown."""
    message = {**in_full(ANSWER), "usage_metadata": usage, "response_metadata": {"moa": moa}}
    reply = read_reply({"messages": [message]}, [QUESTION])
    assert reply.message.content == "because"
    counts: Any = (reply.usage or {}).values()
    assert all(count is None or count >= 0 for count in counts)


def test_tokens_of_all_turns_are_added_up() -> None:
    """Every answer in a state counts, but for those that stood in the request."""
    earlier = AIMessage("hello", id="0", usage_metadata=USAGE)
    turns = [AIMessage(str(number), id=f"t{number}", usage_metadata=USAGE) for number in range(3)]
    reply = read_reply({"messages": [earlier, QUESTION, *turns]}, [earlier, QUESTION])
    assert reply.message.content == "2"
    assert reply.usage is not None
    assert reply.usage["total_tokens"] == 21


def test_turns_that_tell_no_tokens_are_counted() -> None:
    """Answers of a state that do not tell their tokens are counted where others tell theirs."""
    silent = AIMessage("x", id="s")
    told = AIMessage("y", id="t", usage_metadata=USAGE)
    assert read_reply({"messages": [QUESTION, silent, told]}, [QUESTION]).unreported == 1
    assert read_reply({"messages": [QUESTION, silent]}, [QUESTION])[1:] == (None, 0)


BLOCKS: list[str | dict[Any, Any]] = [
    {"type": "text", "text": "why?"},
    {"type": "image_url", "image_url": {"url": "u"}},
]
TURNED: list[str | dict[Any, Any]] = [
    {"text": "why?", "type": "text"},
    {"image_url": {"url": "u"}, "type": "image_url"},
]


@pytest.mark.parametrize(
    ("request_", "last"),
    [
        pytest.param(HumanMessage("why?", id="1"), HumanMessage("other", id="1"), id="same-id"),
        pytest.param(AIMessage("why?", id="1"), AIMessage("why?", id="1"), id="same-id-of-an-answer"),
        pytest.param(HumanMessage("why?"), HumanMessage("why?", id="9"), id="same-words"),
        pytest.param(HumanMessage(BLOCKS), HumanMessage(TURNED), id="same-blocks"),
        pytest.param(SystemMessage("be short"), SystemMessage("be short"), id="same-system-message"),
    ],
)
def test_an_echo_is_no_answer(request_: BaseMessage, last: BaseMessage) -> None:
    """What only repeats a message of the request, by its id or word for word, is an empty answer."""
    assert read_reply({"messages": [last]}, [request_]).message.content == ""


@pytest.mark.parametrize(
    ("request_", "last"),
    [
        pytest.param(AIMessage("yes"), AIMessage("yes"), id="the-same-answer-again"),
        pytest.param(HumanMessage("yes", id="1"), AIMessage("yes", id="2"), id="another-speaker"),
        pytest.param(HumanMessage(["yes"]), HumanMessage("yes"), id="text-and-block"),
        pytest.param(SystemMessage("yes"), HumanMessage("yes"), id="another-role"),
    ],
)
def test_what_another_says_is_an_answer(request_: BaseMessage, last: BaseMessage) -> None:
    """The same words by another speaker are an answer, and so is an answer that was given before."""
    assert read_reply({"messages": [last]}, [request_]).message.text == "yes"


def test_an_echo_after_an_answer_is_empty() -> None:
    """Where the last message is an echo, an answer before it is not taken for the last word, yet its tokens count."""
    reply = read_reply({"messages": [ANSWER, QUESTION]}, [QUESTION])
    assert reply.message.content == ""
    assert reply.usage == COUNTED


def seconds(count: int) -> float:
    """Return the least time in which a state of so many messages is read."""
    request = [(HumanMessage if number % 2 else AIMessage)(f"m{number}", id=str(number)) for number in range(count)]
    times = []
    for _ in range(3):
        started = time.perf_counter()
        read_reply({"messages": [*request, ANSWER.model_copy(update={"id": "new"})]}, request)
        times.append(time.perf_counter() - started)
    return min(times)


def test_the_time_grows_with_the_conversation_alone() -> None:
    """Sixteen times as many messages take about sixteen times as long to read, not 256 times."""
    seconds(100)
    assert seconds(8000) < 80 * seconds(500)


def test_what_is_no_answer_is_refused() -> None:
    """An output that is neither message, text nor state is refused with its type."""
    with pytest.raises(TypeError, match="got int"):
        read_reply(5, [QUESTION])
