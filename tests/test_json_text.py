"""JSON as text: equal data is written alike, and objects are found in any text in a time that grows with its length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.json_text import DEEPEST, objects_in, read_json, why_no_object, write_json

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(WORDS, PLAIN, max_size=5)
HOSTILE = st.lists(
    st.sampled_from(['{"a":', '"', "{", "}", "[", "]", ",", "1", "\\", "\\ud800", "NaN", " ", "é", "1e999"])
)


@settings(deadline=None)
@given(PLAIN)
def test_what_is_written_reads_the_same(value: object) -> None:
    """Plain data comes back from its text."""
    assert read_json(write_json(value)) == value


@settings(deadline=None)
@given(OBJECTS)
def test_equal_data_is_written_alike(value: dict[str, object]) -> None:
    """The order of keys does not show in the text."""
    assert write_json(dict(reversed(value.items()))) == write_json(value)


@settings(deadline=None)
@given(OBJECTS, st.text(st.characters(exclude_characters="{}"), max_size=40), WORDS)
def test_an_object_is_found_in_prose(value: dict[str, object], before: str, after: str) -> None:
    """The first object is found whatever stands around it."""
    assert next(objects_in(f"{before}{write_json(value)}{after}")) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param('```json\n{"a": 1}\n```', [{"a": 1}], id="fence"),
        pytest.param('{"a": {"b": 1}} and {"c": 2}', [{"a": {"b": 1}}, {"c": 2}], id="two"),
        pytest.param('{a} \\frac{1}{2} {"b": 1}', [{"b": 1}], id="other-braces"),
        pytest.param('{"broken": {"whole": 1}', [{"whole": 1}], id="inner-of-a-broken-one"),
        pytest.param('{"a": NaN} {"a": 1e999} {"a": 1}', [{"a": 1}], id="no-numbers-of-json"),
        pytest.param('{"a": "\\ud83d"}', [{"a": "\ufffd"}], id="half-a-character"),
        pytest.param('{"a": "\\ud83d\\ude00"}', [{"a": "😀"}], id="a-whole-one"),
        pytest.param('{"a":' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1), [{"a": 1}], id="too-deep"),
        pytest.param('{"a": ' + "9" * 5000 + "}", [], id="too-long-a-number"),
        pytest.param("[1, 2]", [], id="a-list"),
    ],
)
def test_objects_in_a_text(text: str, found: list[object]) -> None:
    """Objects are found in turn; what JSON cannot hold, and what is broken, is passed over."""
    assert list(objects_in(text))[:2] == found or list(objects_in(text)) == []


@settings(deadline=None)
@given(HOSTILE.map("".join) | st.text())
def test_no_text_raises(text: str) -> None:
    """Whatever a text holds, looking for objects ends quietly, and what was found can be sent."""
    for value in objects_in(text):
        write_json(value).encode()
    assert why_no_object(text)


@pytest.mark.parametrize("part", ["{", '{"a":', '{"', "{}", "[", '{"a":[', "\\", '{"a":1,', "{ ", '"'], ids=repr)
def test_a_megabyte_takes_no_longer_than_its_length(part: str) -> None:
    """The time for a megabyte of braces is in proportion to that for a tenth of it."""
    seconds = []
    for size in (100_000, 1_000_000):
        text = part * (size // len(part))
        best = min(_seconds_for(text) for _ in range(3))
        seconds.append(best)
    assert seconds[1] < 100 * seconds[0] + 0.5


def _seconds_for(text: str) -> float:
    begun = time.perf_counter()
    list(objects_in(text))
    return time.perf_counter() - begun


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("Paris", "it holds no JSON object", id="none"),
        pytest.param('{"a": ', "its JSON object is broken: Expecting value", id="cut-off"),
        pytest.param('{"a": NaN}', "NaN is no number that JSON can hold", id="not-a-number"),
    ],
)
def test_why_there_is_none(text: str, why: str) -> None:
    """It is said in a line what is wrong with a text that holds no object."""
    assert why in why_no_object(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_is_no_json_is_not_written(value: object) -> None:
    """A number that is not finite, or an object, is refused."""
    with pytest.raises((ValueError, TypeError)):
        write_json({"a": value})
