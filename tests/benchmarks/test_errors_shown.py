"""Tests of finding what a failed call leaves behind."""

from __future__ import annotations

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.errors_shown import error_marks
from langgraph_moa.prompts import AGGREGATE_AND_SYNTHESIZE
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.testing.faults import Fault

FAILING: tuple[Fault, ...] = ("rate_limit", "server_error", "bad_gateway", "unavailable", "context_length")


@pytest.mark.parametrize("fault", FAILING)
def test_words_of_the_provider(fault: Fault) -> None:
    """What a client's error says of a fault is known for one."""
    with Simulator(Behaviour(schedule=[fault])) as simulator:
        client = openai.OpenAI(base_url=simulator.url, api_key="any", max_retries=0)
        with client, pytest.raises(openai.APIStatusError) as raised:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])
    assert error_marks(str(raised.value))


@pytest.mark.parametrize(
    "text", ["[failed: timeout]", "ReadTimeoutError()", "Error calling model m2", "Traceback (most"]
)
def test_words_of_libraries(text: str) -> None:
    """What libraries put in the place of an answer is known for an error."""
    assert error_marks(f"1. {text}") == 1


def test_plain_words() -> None:
    """Speaking of errors and failures as anybody does is none."""
    assert not error_marks(f"{AGGREGATE_AND_SYNTHESIZE} It is an error that the plan failed. The exception proves it.")


@given(st.lists(st.sampled_from(["Bad Gateway", "a word", "APIError"]), max_size=6))
def test_counts(parts: list[str]) -> None:
    """Every mark counts."""
    assert error_marks(" / ".join(parts)) == sum(part != "a word" for part in parts)
