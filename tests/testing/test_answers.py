"""Claims about what a simulated model answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.testing import Behaviour, Fault, ToolCall
from langgraph_moa.testing.answers import Answer, answer_to, expected_tokens, stopped

LOOK = ToolCall(name="look", arguments={"at": "it"})
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "one two"}]}


def answer(behaviour: Behaviour, fault: Fault | None = None, **body: Any) -> Answer:
    """Return the answer to a small request."""
    return answer_to({**ASKED, **body}, "one two three four", behaviour, fault, 7)


def test_usage_adds_up() -> None:
    """Tokens are those of the prompt, the thoughts and the text."""
    given_answer = answer(Behaviour(reasoning="let me see"))
    counts = {"prompt_tokens": 2, "completion_tokens": 7, "total_tokens": 9}
    assert given_answer.usage == {**counts, "completion_tokens_details": {"reasoning_tokens": 3}}
    assert answer(Behaviour(), n=3).usage == {"prompt_tokens": 2, "completion_tokens": 12, "total_tokens": 14}
    assert answer(Behaviour(usage=False)).usage is None
    assert answer(Behaviour(), "no_usage").usage is None


def test_tools_are_called_when_they_are_offered_and_not_answered() -> None:
    """A model calls tools only when the request offers some, allows it and does not end with a tool's result."""
    behaviour, tools = Behaviour(tool_calls=[LOOK]), [{"type": "function"}]
    called = answer(behaviour, tools=tools)
    assert (called.tool_calls, called.text, called.finish_reason) == ((LOOK,), (), "tool_calls")
    assert answer(behaviour).tool_calls == ()
    assert answer(behaviour, tools=tools, tool_choice="none").tool_calls == ()
    assert answer(behaviour, tools=tools, messages=[{"role": "tool", "content": "seen"}]).tool_calls == ()
    assert answer(behaviour, tools=tools, messages=[]).tool_calls == (LOOK,)


@pytest.mark.parametrize(
    ("calls", "choice", "made"),
    [
        ([LOOK], "required", [LOOK]),
        ([], "required", [ToolCall(name="look")]),
        ([LOOK, ToolCall(name="go")], {"type": "function", "function": {"name": "go"}}, [ToolCall(name="go")]),
        ([LOOK], {"type": "function", "function": {"name": "go"}}, [ToolCall(name="go")]),
        ([LOOK], {"type": "function", "function": {"name": "unknown"}}, []),
        ([], "auto", []),
        ([LOOK], {"type": "odd"}, [LOOK]),
    ],
)
def test_a_call_that_is_wanted_is_made(calls: list[ToolCall], choice: object, made: list[ToolCall]) -> None:
    """When the request wants a call, the behaviour's is made, or one without arguments."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("look", "go")]
    assert list(answer(Behaviour(tool_calls=calls), tools=tools, tool_choice=choice).tool_calls) == made


@given(st.text("ab "), st.lists(st.text("ab ", max_size=2), max_size=3))
def test_a_sequence_of_the_request_ends_the_text(text: str, stop: list[str]) -> None:
    """What is left is a beginning of the text that holds none of the sequences, and the longest such one."""
    sequences = [sequence for sequence in stop if sequence]
    left = stopped(text, stop)
    assert text.startswith(left)
    assert not any(sequence in left for sequence in sequences)
    assert left == text or any(text[len(left) :].startswith(sequence) for sequence in sequences)
    cut = answer(Behaviour(), stop=" three")
    assert ("".join(cut.text), cut.finish_reason) == ("one two", "stop")


def test_faults_change_the_answer() -> None:
    """Empty, refused, cut and foreign answers are what their names say."""
    assert answer(Behaviour(), "empty").text == ()
    assert answer(Behaviour(), "refusal").refusal
    assert answer(Behaviour(), "refusal").text == ()
    assert (answer(Behaviour(), "length").text, answer(Behaviour(), "length").finish_reason) == (
        ("one", " two"),
        "length",
    )
    assert answer(Behaviour(), "wrong_model").model == "m-substitute"


@given(st.integers(1, 6), st.sampled_from(["max_tokens", "max_completion_tokens"]))
def test_the_limit_of_the_request_is_kept(limit: int, name: str) -> None:
    """No answer is longer than the request allows, and one that was cut says so."""
    body: dict[str, Any] = {name: limit}
    cut = answer(Behaviour(), **body)
    assert len(cut.text) == min(limit, 4)
    assert cut.finish_reason == ("length" if limit < 4 else "stop")


@pytest.mark.parametrize(
    ("behaviour", "body", "tokens"),
    [
        (Behaviour(reply="a b c"), {}, 5),
        (Behaviour(reply="a b c"), {"max_tokens": 1}, 3),
        (Behaviour(reply=str), {"max_tokens": 9}, 11),
        (Behaviour(reply=str), {}, 2),
        (Behaviour(reply="a b c"), {"n": 2}, 8),
    ],
)
def test_a_request_is_charged_before_its_answer(behaviour: Behaviour, body: dict[str, Any], tokens: int) -> None:
    """A request costs its prompt and what the answer may take."""
    assert expected_tokens({**ASKED, **body}, behaviour) == tokens
