"""What a proposer answered: visible text, status, model and tokens."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata, add_usage

from langgraph_moa.proposal import (
    NestedRun,
    Usage,
    as_usage_metadata,
    finish_reason,
    is_from_cache,
    nested_run,
    served_model,
    status_of,
    sum_usage,
    usage_of,
    visible_text,
)


def said(summary: Any, usage: Any = None) -> AIMessage:
    """Return an answer with a summary and token counts of whatever shape, as a remote graph may give them."""
    return AIMessage("x", response_metadata={"moa": summary}).model_copy(update={"usage_metadata": usage})


REPORTED_BARE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def tokens(given: int | None, written: int | None, cached: int | None = None, reasoning: int | None = None) -> Usage:
    """Return a usage whose total is known when both parts are."""
    total = None if given is None or written is None else given + written
    return Usage(
        input_tokens=given,
        output_tokens=written,
        total_tokens=total,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
    )


@pytest.mark.parametrize(
    ("content", "visible"),
    [
        pytest.param("Paris.", "Paris.", id="text"),
        pytest.param("", "", id="empty"),
        pytest.param([], "", id="no-blocks"),
        pytest.param([{"type": "text", "text": "Par"}, {"type": "text", "text": "is."}], "Paris.", id="text-blocks"),
        pytest.param(["Par", {"type": "text", "text": "is."}], "Paris.", id="strings-and-blocks"),
        pytest.param([{"type": "output_text", "text": "Paris."}], "Paris.", id="responses-api-block"),
        pytest.param(
            [{"type": "thinking", "thinking": "France?", "signature": "x"}, {"type": "text", "text": "Paris."}],
            "Paris.",
            id="thinking-block",
        ),
        pytest.param(
            [{"type": "reasoning", "reasoning": "France?"}, {"type": "text", "text": "Paris."}],
            "Paris.",
            id="reasoning",
        ),
        pytest.param([{"type": "text", "text": None}], "", id="text-block-without-text"),
        pytest.param([{"type": "text", "text": {"x": 1}}], "", id="text-block-with-a-table"),
        pytest.param([{"type": ["text"], "text": "x"}], "", id="block-with-a-list-as-type"),
        pytest.param([{"type": "tool_use", "id": "1", "name": "f", "input": {}}], "", id="tool-call"),
        pytest.param([{"type": "image_url", "image_url": {"url": "data:"}}], "", id="image"),
        pytest.param("<think>France?</think>Paris.", "Paris.", id="think"),
        pytest.param("<think>\nFrance?\n</think>\n\nParis.", "Paris.", id="think-with-lines"),
        pytest.param("Well, <think>France?</think>Paris.", "Well, Paris.", id="think-inside"),
        pytest.param("<think>a</think>Par<think>b</think>is.", "Paris.", id="think-twice"),
        pytest.param("<think>a <think>b</think> c</think>Paris.", "Paris.", id="think-nested"),
        pytest.param("France?\n</think>\nParis.", "Paris.", id="think-unopened"),
        pytest.param("<think>France? I", "", id="think-unclosed"),
        pytest.param("\n <think>France? I", "", id="think-unclosed-after-space"),
        pytest.param("<think>a</think><think>France? I", "", id="think-unclosed-after-a-closed-one"),
        pytest.param("<think></think>Paris.", "Paris.", id="think-empty"),
        pytest.param("Sure.\n<think>France? I", "Sure.\n", id="think-unclosed-after-text"),
        pytest.param("The `</think>` tag ends it.", "The `</think>` tag ends it.", id="the-mark-as-text"),
        pytest.param("Write <think> first.", "Write <think> first.", id="the-opening-mark-as-text"),
        pytest.param([{"type": "text", "text": "<think>a</think>Paris."}], "Paris.", id="think-in-a-block"),
    ],
)
def test_visible_text(content: Any, visible: str) -> None:
    """A reader sees text alone: no thinking in whatever form, no tool call, no image."""
    assert visible_text(AIMessage(content)) == visible


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: "think>" not in text))
@example("a\0b")
@example("\u202eשלום\u202c  \r\n\t")
@example("<thinking>kept</thinking>")
@example("  leading and trailing  \n")
def test_text_without_think_marks_is_kept_byte_for_byte(text: str) -> None:
    """Text that holds no think mark comes back byte for byte, as a string and as a block."""
    assert visible_text(AIMessage(text)).encode() == text.encode()
    assert visible_text(AIMessage([{"type": "text", "text": text}])).encode() == text.encode()


PLAIN = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: "think>" not in text)


@settings(deadline=None)
@given(PLAIN, PLAIN.map(str.lstrip))
def test_thinking_before_an_answer_never_shows(thought: str, answer: str) -> None:
    """Whatever is thought before an answer, only the answer is visible."""
    assert visible_text(AIMessage(f"<think>{thought}</think>\n{answer}")) == answer
    assert visible_text(AIMessage(f"{thought}</think>\n{answer}")) == answer
    assert visible_text(AIMessage(f"<think>{thought}")) == ""


@pytest.mark.parametrize(
    ("message", "status"),
    [
        pytest.param(AIMessage("Paris."), "ok", id="answer"),
        pytest.param(AIMessage(""), "empty", id="empty"),
        pytest.param(AIMessage(" \n\t"), "empty", id="blank"),
        pytest.param(AIMessage("<think>hm</think>\n"), "empty", id="thinking-only"),
        pytest.param(AIMessage([{"type": "thinking", "thinking": "hm"}]), "empty", id="thinking-block-only"),
        pytest.param(AIMessage("", additional_kwargs={"refusal": "I cannot."}), "refused", id="openai-refusal"),
        pytest.param(AIMessage("x", additional_kwargs={"refusal": None}), "ok", id="openai-no-refusal"),
        pytest.param(AIMessage([{"type": "refusal", "refusal": "I cannot."}]), "refused", id="refusal-block"),
        pytest.param(
            AIMessage("Par", response_metadata={"finish_reason": "content_filter"}), "refused", id="content-filter"
        ),
        pytest.param(AIMessage("", response_metadata={"stop_reason": "refusal"}), "refused", id="anthropic-refusal"),
        pytest.param(
            AIMessage("I cannot help with that.", response_metadata={"finish_reason": "stop"}), "ok", id="words"
        ),
        pytest.param(AIMessage("Par", response_metadata={"finish_reason": "length"}), "ok", id="cut-off"),
    ],
)
def test_status(message: AIMessage, status: str) -> None:
    """An answer is refused when its provider marks it so, empty without visible text, and else ok."""
    assert status_of(message) == status


@pytest.mark.parametrize(
    ("metadata", "reason", "model"),
    [
        pytest.param({"finish_reason": "stop", "model_name": "gpt-4o-2024"}, "stop", "gpt-4o-2024", id="openai"),
        pytest.param({"stop_reason": "end_turn", "model": "claude-x"}, "end_turn", "claude-x", id="anthropic"),
        pytest.param({"done_reason": "load", "model": "llama3.2"}, "load", "llama3.2", id="ollama"),
        pytest.param({}, None, None, id="none"),
        pytest.param({"finish_reason": None, "model_name": ""}, None, None, id="blank"),
        pytest.param({"finish_reason": ["x"], "model_name": 5, "model": "m"}, None, "m", id="no-words"),
        pytest.param({"finish_reason": "f" * 500_000, "model": "m" * 1_000_000}, "f" * 200, "m" * 200, id="long"),
    ],
)
def test_what_the_provider_says(metadata: dict[str, Any], reason: str | None, model: str | None) -> None:
    """Why the model stopped and which one answered is read in each provider's words; unknown is `None`."""
    message = AIMessage("x", response_metadata=metadata)
    assert finish_reason(message) == reason
    assert served_model(message) == model


def test_unknown_tokens_are_none() -> None:
    """A message that reports no tokens has none that are known, and one without details knows no details."""
    assert usage_of(AIMessage("x")) is None
    reported = UsageMetadata(input_tokens=5, output_tokens=0, total_tokens=5)
    assert usage_of(AIMessage("x", usage_metadata=reported)) == tokens(5, 0)


def test_cached_and_reasoning_tokens() -> None:
    """Cached and reasoning tokens are read where the provider reports them, zero included."""
    reported = UsageMetadata(
        input_tokens=50,
        output_tokens=20,
        total_tokens=70,
        input_token_details={"cache_read": 40},
        output_token_details={"reasoning": 0},
    )
    assert usage_of(AIMessage("x", usage_metadata=reported)) == tokens(50, 20, cached=40, reasoning=0)


COUNT = st.integers(0, 10**9)
INPUT_DETAILS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("cache_read", "cache_creation", "audio", "priority_cache_read"), COUNT)
)
OUTPUT_DETAILS = st.fixed_dictionaries({}, optional=dict.fromkeys(("reasoning", "audio", "flex_reasoning"), COUNT))
METADATA = st.fixed_dictionaries(
    {"input_tokens": COUNT, "output_tokens": COUNT, "total_tokens": COUNT},
    optional={
        "input_token_details": INPUT_DETAILS.filter(bool),
        "output_token_details": OUTPUT_DETAILS.filter(bool),
    },
)


@given(st.lists(METADATA, min_size=1, max_size=4), st.integers(0, 4))
def test_no_kind_of_token_is_lost(reported: list[Any], nested: int) -> None:
    """A sum is what LangChain makes of the same reports, key by key, also of sums that nested mixtures have told."""
    usages = [usage_of(AIMessage("x", usage_metadata=one)) for one in reported]
    inner = said({**SUMMARY, "usage": {"total": sum_usage(usages[:nested])}})
    total = sum_usage([usage_of(inner), *usages[nested:]])
    assert as_usage_metadata(total) == functools.reduce(add_usage, reported)


@pytest.mark.parametrize(
    ("usage", "cached"),
    [
        pytest.param({"total_cost": 0}, True, id="without-counts"),
        pytest.param({**REPORTED_BARE, "total_cost": 0}, True, id="with-counts"),
        pytest.param({**REPORTED_BARE, "total_cost": 0.5}, False, id="billed"),
        pytest.param({**REPORTED_BARE, "total_cost": False}, False, id="no-number"),
        pytest.param(REPORTED_BARE, False, id="no-cost"),
        pytest.param(None, False, id="nothing"),
    ],
)
def test_what_came_from_the_cache(usage: Any, cached: bool) -> None:  # noqa: FBT001
    """An answer is from LangChain's cache where it reports that it cost nothing."""
    assert is_from_cache(said(None, usage)) == cached


def test_tokens_of_a_mixture_are_those_of_all_its_calls() -> None:
    """The answer of a nested mixture counts with its total, not with its last call."""
    total = tokens(900, 300)
    reported = UsageMetadata(input_tokens=5, output_tokens=5, total_tokens=10)
    message = AIMessage("x", response_metadata={"moa": {"usage": {"total": total}}}, usage_metadata=reported)
    assert usage_of(message) == total


SUMMARY: dict[str, Any] = {
    "mixture": "inner",
    "degraded": True,
    "missing": [{"layer": 1, "proposer": "a"}, {"layer": 2, "proposer": "b"}],
    "usage": {"total": tokens(900, 300), "unknown": ["layer_1_a"]},
    "cost": {"total": 0.5, "unpriced": ["a:z"]},
}
RUN = NestedRun(
    mixture="inner",
    degraded=True,
    missing=["layer_1_a", "layer_2_b"],
    cost=0.5,
    unpriced=["a:z"],
    unknown=["layer_1_a"],
)


def test_the_run_of_a_nested_mixture() -> None:
    """What is known of a nested run is read from its summary; an answer without one was made by no mixture."""
    assert nested_run(said(SUMMARY)) == RUN
    assert nested_run(AIMessage("x")) is None


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        pytest.param({"mixture": 1}, None, id="no-name"),
        pytest.param({"degraded": "no"}, None, id="degraded-in-words"),
        pytest.param({"missing": 5}, {"missing": []}, id="missing-no-list"),
        pytest.param({"missing": ["a", {"layer": "1", "proposer": "a"}]}, {"missing": []}, id="missing-other-items"),
        pytest.param(
            {"missing": [{"layer": 1, "proposer": "p" * 9_000}] * 9_000},
            {"missing": ["layer_1_" + "p" * 200] * 100},
            id="missing-long",
        ),
        pytest.param({"usage": {"unknown": 5}}, {"unknown": []}, id="unknown-no-list"),
        pytest.param({"usage": {"unknown": [5, "s" * 9_000]}}, {"unknown": ["s" * 200]}, id="unknown-long"),
        pytest.param({"cost": None}, {"cost": None, "unpriced": ["inner"]}, id="no-cost"),
        pytest.param({"cost": {"total": "1.5 $", "unpriced": ["a:z"]}}, {"cost": None}, id="dollars-in-words"),
        pytest.param({"cost": {"total": True, "unpriced": []}}, {"cost": None, "unpriced": ["inner"]}, id="bool"),
        pytest.param({"cost": {"total": float("nan"), "unpriced": ["a:z"]}}, {"cost": None}, id="not-a-number"),
        pytest.param({"cost": {"total": float("inf"), "unpriced": ["a:z"]}}, {"cost": None}, id="infinite"),
        pytest.param({"cost": {"total": 10**400, "unpriced": ["a:z"]}}, {"cost": None}, id="beyond-floats"),
        pytest.param({"cost": {"total": -1, "unpriced": ["a:z"]}}, {"cost": None}, id="negative"),
        pytest.param({"cost": {"total": 1, "unpriced": None}}, {"cost": 1.0, "unpriced": ["inner"]}, id="no-list"),
        pytest.param({"cost": {"total": 1, "unpriced": [5]}}, {"cost": 1.0, "unpriced": ["inner"]}, id="no-names"),
        pytest.param({"cost": {"total": 1, "unpriced": []}}, {"cost": 1.0, "unpriced": []}, id="all-priced"),
        pytest.param(
            {"mixture": "m" * 9_000, "cost": {"total": 1, "unpriced": ["n" * 9_000] * 9_000}},
            {"mixture": "m" * 200, "cost": 1.0, "unpriced": ["n" * 200] * 100},
            id="long",
        ),
    ],
)
def test_the_run_of_a_mixture_of_another_version(changes: dict[str, Any], read: dict[str, Any] | None) -> None:
    """Of a summary from elsewhere, what is of another type is unknown, and what is long is cut."""
    assert nested_run(said({**SUMMARY, **changes})) == (None if read is None else {**RUN, **read})


@pytest.mark.parametrize(
    ("total", "read"),
    [
        pytest.param({"input_tokens": 1}, tokens(1, None), id="one-count"),
        pytest.param({**tokens(1, 2), "cached_tokens": -1, "reasoning_tokens": True}, tokens(1, 2), id="no-counts"),
        pytest.param(
            {**tokens(1, 2), "input_tokens": 1.5, "total_tokens": "3"}, {"output_tokens": 2}, id="no-integers"
        ),
        pytest.param({"input_tokens": 2**64}, None, id="more-than-any-bill"),
        pytest.param({"total_cost": 0}, None, id="another-count"),
        pytest.param(5, None, id="no-table"),
        pytest.param(None, None, id="none"),
    ],
)
def test_tokens_of_another_version(total: Any, read: dict[str, int | None] | None) -> None:
    """A count that is none is unknown, also in what a provider reports, and the last call does not stand for all."""
    usage = UsageMetadata(input_tokens=5, output_tokens=5, total_tokens=10)
    expected = None if read is None else {**tokens(None, None), **read}
    assert usage_of(said({**SUMMARY, "usage": {"total": total}}, usage)) == expected
    assert usage_of(said(None, total)) in (expected, expected and {**expected, "cached_tokens": None})
    assert usage_of(said({**SUMMARY, "usage": total}, usage)) is None


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def shaped(pattern: Any) -> st.SearchStrategy[Any]:
    """Return values shaped like a pattern, each part of which may be missing or be anything else."""
    if isinstance(pattern, dict):
        return JSON | st.fixed_dictionaries({}, optional={name: shaped(value) for name, value in pattern.items()})
    if isinstance(pattern, list):
        return JSON | st.lists(shaped(pattern[0]), max_size=3)
    return JSON | st.just(pattern)


REPORTED = UsageMetadata(
    input_tokens=1,
    output_tokens=2,
    total_tokens=3,
    input_token_details={"cache_read": 1, "audio": 1},
    output_token_details={"reasoning": 1, "audio": 1},
)


@settings(deadline=None)
@given(shaped(SUMMARY), shaped(REPORTED), st.lists(shaped({"type": "text", "text": "x"}), max_size=3))
def test_whatever_a_remote_graph_says_can_be_read(summary: Any, usage: Any, blocks: list[Any]) -> None:
    """No JSON in the place of a summary, of token counts or of content makes reading fail, or is taken for a number."""
    message = said(summary, usage).model_copy(
        update={"content": [one for one in blocks if isinstance(one, str | dict)]}
    )
    run, total = nested_run(message), sum_usage([usage_of(message)])
    assert run is None or run["cost"] is None or 0 <= run["cost"] < 2**53
    counts: dict[str, Any] = {**(total or {})}
    details = [counts.pop(name, {}) for name in ("input_details", "output_details")]
    assert all(type(count) is int or count is None for count in counts.values())
    assert all(type(count) is int for table in details for count in table.values())
    assert status_of(message) in {"ok", "empty", "refused"}


def test_sum_of_tokens() -> None:
    """What is known is added up field by field, and what nobody reported stays unknown."""
    assert sum_usage([tokens(1, 2), None, tokens(10, 20, cached=5)]) == tokens(11, 22, cached=5)
    assert sum_usage([tokens(0, 0), tokens(0, 0)]) == tokens(0, 0)


@pytest.mark.parametrize("usages", [[], [None], [None, None]], ids=["no-calls", "one", "two"])
def test_sum_of_unknown_tokens(usages: list[Usage | None]) -> None:
    """Where no call reported tokens, their sum is `None`, never 0."""
    assert sum_usage(usages) is None
