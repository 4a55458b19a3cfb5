"""Claims about when proposals agree, and about the rule as data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import ConfigurationError, Layer, Mixture, Proposer, StopWhen
from langgraph_moa.mixture.stopping import read_stop_when

FOUR, FIVE, NONE = "The answer is 4.", "The answer is 5.", "I would rather not say"


def texts(*said: str) -> dict[str, str]:
    """Return texts by slots named a, b, c, ..."""
    return dict(zip("abcdefghij", said, strict=False))


@pytest.mark.parametrize(
    ("rule", "said", "agrees"),
    [
        pytest.param(StopWhen(), [FOUR, "So it must be 4"], True, id="same-number"),
        pytest.param(StopWhen(), [FOUR, "The answer is 4.00"], True, id="equal-number"),
        pytest.param(StopWhen(), [FOUR, FIVE], False, id="two-answers"),
        pytest.param(StopWhen(), [FOUR], False, id="fewer-than-least"),
        pytest.param(StopWhen(least=3), [FOUR, FOUR], False, id="fewer-than-a-least-of-three"),
        pytest.param(StopWhen(), [FOUR, FOUR, NONE], False, id="no-answer-agrees-with-none"),
        pytest.param(StopWhen(), [NONE, NONE], False, id="nobody-answers"),
        pytest.param(StopWhen(share=0.6), [FOUR, FOUR, FIVE], True, id="two-thirds"),
        pytest.param(StopWhen(share=0.7), [FOUR, FOUR, FIVE], False, id="less-than-the-share"),
        pytest.param(StopWhen(share=0.55), [FOUR] * 5 + [FIVE] * 4, True, id="five-of-nine"),
        pytest.param(StopWhen("lexical"), ["Paris is the capital", "paris is the capital!"], True, id="same-words"),
        pytest.param(StopWhen("lexical"), ["Paris is the capital", "nobody knows"], False, id="other-words"),
        pytest.param(StopWhen("lexical", share=0.1), ["a b c d", "a b x y"], True, id="low-similarity"),
    ],
)
def test_agreement(rule: StopWhen, said: list[str], agrees: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    """Proposals agree exactly when so large a share of them gives one answer, or their words are so alike."""
    assert (rule.agreed(texts(*said)) is not None) is agrees


def test_the_reason_says_who_agrees_on_what() -> None:
    """The reason names the answer, the slots that gave it, and how many there were."""
    assert StopWhen(share=0.6).agreed(texts(FOUR, FIVE, FOUR)) == "2 of 3 proposals give '4' (a, c)"
    assert StopWhen("lexical").agreed(texts("yes", "Yes.")) == "2 proposals are alike by 1.00 (a, b)"


def test_structured_answers_agree_by_their_values() -> None:
    """Two JSON texts agree when their values are equal, whatever the order of the keys and the white space."""
    one, other = '{"a": 1, "b": ["x"]}', '{ "b": ["X"], "a": 1.0 }'
    assert StopWhen().agreed(texts(one, other), is_structured=True)
    assert StopWhen().agreed(texts(one, '{"a": 2, "b": ["x"]}'), is_structured=True) is None
    assert StopWhen().agreed(texts("{", "{"), is_structured=True) is None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"by": "feeling"}, r"StopWhen\.by must be one of 'answers', 'lexical'; got 'feeling'", id="by"),
        pytest.param({"share": 0.5}, r"StopWhen\.share must be a number above 0\.5 and at most 1", id="half"),
        pytest.param({"by": "lexical", "share": 0}, r"StopWhen\.share must be a number above 0 and", id="lexical-zero"),
        pytest.param({"share": 1.1}, "at most 1", id="share-above-one"),
        pytest.param({"least": 1}, r"StopWhen\.least must be a whole number in 2 or more, got 1", id="least"),
        pytest.param({"waves": 2}, r"StopWhen\.waves must be a list, got 2", id="waves-no-list"),
        pytest.param({"waves": []}, r"StopWhen\.waves is empty", id="no-waves"),
        pytest.param({"waves": [2, 0]}, r"StopWhen\.waves\[1\] must be a whole number in 1 or more, got 0", id="zero"),
        pytest.param({"skips": "all"}, r"StopWhen\.skips must be one of 'slots', 'layers'; got 'all'", id="skips"),
    ],
)
def test_a_wrong_rule_is_refused(fields: dict[str, Any], problem: str) -> None:
    """An error names the field, the value and what is allowed."""
    with pytest.raises(ConfigurationError, match=problem):
        StopWhen(**fields)


@pytest.mark.parametrize(
    ("count", "rule", "problem"),
    [
        pytest.param(1, "answers", r"least must be at most the layer's number of slots, 1; got 2", id="one-slot"),
        pytest.param(3, StopWhen(waves=[2, 2]), r"waves must leave a slot to skip: at most 3 in all", id="too-many"),
        pytest.param(2, StopWhen(skips="slots"), r"waves must leave a slot to skip: at most 1 in all", id="no-rest"),
        pytest.param(3, "both", r"Layer\.stop_when must be one of 'answers', 'lexical'; got 'both'", id="word"),
        pytest.param(3, 2, r"Layer\.stop_when must be a StopWhen, 'answers' or 'lexical', its table", id="number"),
        pytest.param(3, {"when": 1}, r"Layer\.stop_when: unknown key 'when'. Allowed keys: by, share,", id="key"),
    ],
)
def test_a_rule_that_does_not_fit_its_layer_is_refused(count: int, rule: Any, problem: str) -> None:
    """A rule that can never be judged, or can save nothing, is refused with its layer."""
    with pytest.raises(ConfigurationError, match=problem):
        Layer([Proposer("openai:a", samples=count)], stop_when=rule)


@pytest.mark.parametrize("rule", ["answers", {"by": "answers"}, StopWhen()])
def test_short_forms_are_the_rule(rule: Any) -> None:
    """A word, a table and a `StopWhen` with the same values make equal layers."""
    assert Layer(["openai:a", "openai:b"], stop_when=rule).stop_when == StopWhen()


rules = st.builds(
    StopWhen,
    by=st.sampled_from(["answers", "lexical"]),
    share=st.none() | st.floats(0.51, 1),
    least=st.integers(2, 8),
    waves=st.lists(st.integers(1, 3), min_size=1, max_size=2),
    skips=st.sampled_from(["slots", "layers"]),
)


@given(rule=rules)
def test_rules_survive_their_written_form(rule: StopWhen) -> None:
    """A rule, written as JSON with its mixture and read again, is the same rule."""
    assert read_stop_when("it", json.loads(json.dumps(rule.to_dict()))) == rule
    mixture = Mixture.of([Proposer("openai:a", samples=8)], "openai:b", depth=3, stop_when=rule)
    assert Mixture.from_dict(json.loads(json.dumps(mixture.to_dict()))) == mixture


def test_a_file_may_say_it_by_a_word_or_a_table() -> None:
    """The short form of a mixture takes the rule for every layer, a layer its own."""
    short = Mixture.from_dict({"proposers": ["openai:a"] * 2, "aggregator": "openai:b", "stop_when": "answers"})
    layer = {"proposers": ["openai:a", "openai:a"], "stop_when": {"waves": [2], "by": "lexical"}}
    long = Mixture.from_dict({"layers": [layer], "aggregator": "openai:b"})
    assert short.layers[0].stop_when == StopWhen()
    assert long.layers[0].stop_when == StopWhen("lexical")


@given(said=st.lists(st.sampled_from([FOUR, FIVE, NONE]), min_size=2, max_size=9), share=st.floats(0.51, 1))
def test_agreement_is_a_count(said: list[str], share: float) -> None:
    """By answers, texts agree exactly when the most frequent answer's share of all texts is at least `share`."""
    most = max(said.count(FOUR), said.count(FIVE))
    assert (StopWhen(share=share).agreed(texts(*said)) is not None) is (most / len(said) >= share - 1e-9)
