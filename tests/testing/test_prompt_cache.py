"""Claims about the simulated prompt cache."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.testing.prompt_cache import PromptCache
from langgraph_moa.testing.tokens import count_prompt_tokens

texts = st.text(max_size=30)
messages = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), texts), max_size=4)


def body(*given: tuple[str, str], **further: Any) -> dict[str, Any]:
    """Return a request with messages."""
    return {"model": "m", "messages": [{"role": role, "content": text} for role, text in given], **further}


@given(messages, messages)
def test_a_prompt_has_no_more_cached_than_it_has(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> None:
    """Whatever was kept, from none to all of the prompt's own tokens are cached."""
    cache = PromptCache()
    cache.keep(body(*first))
    assert 0 <= cache.cached_tokens(body(*second)) <= count_prompt_tokens(body(*second))


@given(messages)
def test_the_same_prompt_is_cached_whole(given: list[tuple[str, str]]) -> None:
    """A prompt that was kept has all of its tokens cached."""
    cache = PromptCache()
    cache.keep(body(*given))
    assert cache.cached_tokens(body(*given)) == count_prompt_tokens(body(*given))


def test_what_is_added_to_the_last_message_leaves_the_rest_cached() -> None:
    """References behind the question do not spoil the conversation before them."""
    cache = PromptCache()
    cache.keep(body(("system", "be brief"), ("user", "how far is it")))
    assert cache.cached_tokens(body(("system", "be brief"), ("user", "how far is it\n\n1. far"))) == 6


@pytest.mark.parametrize(
    "other",
    [
        body(("assistant", "one two")),
        body(("user", "two one")),
        body(("user", "one two"), tools=[{"type": "function"}]),
    ],
)
def test_what_begins_otherwise_is_not_cached(other: dict[str, Any]) -> None:
    """Another role, another text or other tools come first: nothing is cached."""
    cache = PromptCache()
    cache.keep(body(("user", "one two")))
    assert cache.cached_tokens(other) == 0


def test_the_oldest_prompts_are_forgotten() -> None:
    """The cache is bounded: of many prompts, the first is gone and the last is there."""
    cache = PromptCache()
    for number in range(200):
        cache.keep(body(("user", f"{number}")))
    assert cache.cached_tokens(body(("user", "0"))) == 0
    assert cache.cached_tokens(body(("user", "199"))) == 1


async def test_usage_tells_what_was_cached_with_and_without_a_stream(simulator: Simulator) -> None:
    """`ChatOpenAI` reads 0 the first time, and the whole prompt the second and third time."""
    simulator.behaviour = Behaviour(prompt_cache=True)
    model = ChatOpenAI(model="m", base_url=simulator.url, api_key=SecretStr("any"), stream_usage=True)
    told = [(await model.ainvoke("one two three")).usage_metadata for _ in range(2)]
    told += [chunk.usage_metadata async for chunk in model.astream("one two three") if chunk.usage_metadata]
    assert [usage and usage["input_token_details"].get("cache_read") for usage in told] == [0, 3, 3]


async def test_a_prompt_is_read_at_its_pace_but_for_what_is_cached(simulator: Simulator) -> None:
    """The second of two equal prompts takes less than half as long as the first."""
    simulator.behaviour = Behaviour(prompt_cache=True, prompt_tokens_per_second=500)
    model = ChatOpenAI(model="m", base_url=simulator.url, api_key=SecretStr("any"))
    taken = []
    for _ in range(2):
        begin = time.perf_counter()
        await model.ainvoke("word " * 150)
        taken.append(time.perf_counter() - begin)
    assert taken[0] >= 0.3
    assert taken[1] < taken[0] / 2


@pytest.mark.parametrize("field", [{"prompt_cache": 1}, {"prompt_tokens_per_second": 0}])
def test_a_wrong_value_is_refused(field: dict[str, Any]) -> None:
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=next(iter(field))):
        Behaviour(**field)
