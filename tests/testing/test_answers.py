"""Claims about what a simulated model answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.testing import Behaviour, Fault, ToolCall
from langgraph_moa.testing.answers import Answer, answer_to, expected_tokens

LOOK = ToolCall(name="look", arguments={"at": "it"})
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "one two"}]}


def answer(behaviour: Behaviour, fault: Fault | None = None, **body: Any) -> Answer:
    """Return the answer to a small request."""
    return answer_to({**ASKED, **body}, "one two three four", behaviour, fault, 7)


def test_usage_adds_up() -> None:
    """Tokens are those of the prompt, the thoughts and the text."""
    given_answer = answer(Behaviour(reasoning="let me see"))
    assert given_answer.usage == {"prompt_tokens": 2, "completion_tokens": 7, "total_tokens": 9}
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
    ],
)
def test_a_request_is_charged_before_its_answer(behaviour: Behaviour, body: dict[str, Any], tokens: int) -> None:
    """A request costs its prompt and what the answer may take."""
    assert expected_tokens({**ASKED, **body}, behaviour) == tokens
