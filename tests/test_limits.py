"""Claims about limits as data: what can be written, what is refused, and how limits are joined and found."""

from __future__ import annotations

import json
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.limits import Limit, Limits, applying, concerns, limit_key, read_limits, tighter, write_limits

MADE = {
    "together": 8,
    "openai:gpt-4o": {"concurrency": 2, "requests_per_minute": 60},
    "http://127.0.0.1:11434/v1": Limit(concurrency=1),
}

rates = st.none() | st.floats(0.01, 1e9) | st.integers(1, 10**9)
limits = st.builds(
    lambda concurrency, requests, tokens: (
        Limit(concurrency=concurrency, requests_per_minute=requests, tokens_per_minute=tokens)
        if (concurrency, requests, tokens) != (None, None, None)
        else Limit(concurrency=1)
    ),
    st.none() | st.integers(1, 10**6),
    rates,
    rates,
)
keys = st.sampled_from(["together", "ollama", "openai:gpt-4o", "http://127.0.0.1:11434/v1", "https://host"])
mappings = st.dictionaries(keys, limits).map(Limits)


def test_a_number_means_calls_in_flight_and_a_table_sets_any_field() -> None:
    """A whole number, a table and a `Limit` may stand side by side."""
    read = read_limits("limits", MADE)
    assert dict(read) == {
        "together": Limit(concurrency=8),
        "openai:gpt-4o": Limit(concurrency=2, requests_per_minute=60),
        "http://127.0.0.1:11434/v1": Limit(concurrency=1),
    }
    assert repr(read) == (
        "{'together': 8, 'openai:gpt-4o': {'concurrency': 2, 'requests_per_minute': 60}, "
        "'http://127.0.0.1:11434/v1': 1}"
    )


@given(mappings)
def test_what_is_written_is_read_back(made: Limits) -> None:
    """The plain form goes through JSON and comes back equal; so does a pickle."""
    assert read_limits("limits", json.loads(json.dumps(write_limits(made)))) == made
    again = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own
    assert again == made
    assert hash(again) == hash(made)
    assert read_limits("limits", made) is made


def test_limits_cannot_be_changed() -> None:
    """Neither the mapping nor a limit in it takes an assignment, and the given table is copied."""
    given_table: dict[str, object] = {"together": 8}
    read: Any = read_limits("limits", given_table)
    given_table["together"] = 1
    with pytest.raises(TypeError):
        read["together"] = Limit(concurrency=1)
    with pytest.raises(AttributeError):
        read["together"].concurrency = 1
    assert read["together"].concurrency == 8


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "limits must be a table, got None"),
        (["together"], "limits must be a table"),
        ({"": 1}, "a key must be text"),
        ({" ": 1}, "a key must be text"),
        ({3: 1}, "a key must be text such as 'together'"),
        ({"http://": 1}, "names no host"),
        ({"https://user:password@/v1": 1}, "names no host"),
        ({"together": 0}, r"limits['together']: concurrency must be a whole number in 1 or more, got 0"),
        ({"together": True}, "whole number"),
        ({"together": "8"}, "must be a whole number of calls in flight, or a table with concurrency"),
        ({"together": 8.0}, "got 8.0"),
        ({"together": None}, "got None"),
        ({"together": {}}, "at least one of concurrency, requests_per_minute, tokens_per_minute"),
        ({"together": {"concurrency": 1.5}}, "got 1.5"),
        ({"together": {"rpm": 5}}, "unknown key 'rpm'"),
        ({"together": {"requests_per_minute": 0}}, "requests_per_minute must be a number above 0"),
        ({"together": {"tokens_per_minute": float("inf")}}, "tokens_per_minute must be a number above 0"),
        ({"http://a/v1": 1, "HTTP://A/v1/": 2}, "two keys mean 'http://a/v1'"),
        ({"http://localhost:1": 1, "http://127.0.0.1:1": 2}, "two keys mean 'http://127.0.0.1:1'"),
    ],
    ids=repr,
)
def test_what_is_no_limit_is_refused(value: object, said: str) -> None:
    """The error names the key, what was given and what is allowed; it shows no password."""
    with pytest.raises(ConfigurationError, match=re.escape(said)) as caught:
        read_limits("limits", value)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("given_key", "key"),
    [
        ("HTTP://LocalHost:11434/v1/", "http://127.0.0.1:11434/v1"),
        ("http://localhost", "http://127.0.0.1"),
        ("http://localhost.example:80", "http://localhost.example"),
        ("http://localhost1/localhost", "http://localhost1/localhost"),
        ("https://api.example.com:443/V1//", "https://api.example.com/V1"),
        ("http://[::1]:80", "http://127.0.0.1"),
        ("http://[::1]:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://user:s3cret@host/v1?key=s3cret#part", "https://host/v1"),
        (" together ", "together"),
        ("Together", "Together"),
    ],
)
def test_one_server_has_one_key(given_key: str, key: str) -> None:
    """Spellings of one base URL are one key without secrets; the path and names keep their case."""
    assert limit_key(given_key) == key
    assert list(read_limits("limits", {given_key: 1})) == [key]
    assert applying(read_limits("limits", {given_key: 1}), [key, given_key]) == {key: Limit(concurrency=1)}


@given(st.text() | st.text().map("https://h".__add__) | st.text().map("http://".__add__))
def test_a_key_is_normal_after_one_pass(text: str) -> None:
    """Whatever the text is, its key is the key of its key."""
    assert limit_key(limit_key(text)) == limit_key(text)


def test_a_call_finds_the_limits_that_concern_it() -> None:
    """A call falls under its provider, its model and its base URL, each once; unknown keys are none of its business."""
    read = read_limits("limits", MADE)
    assert applying(read, ["openai", "openai:gpt-4o", "https://api.openai.com/v1"]) == {
        "openai:gpt-4o": Limit(concurrency=2, requests_per_minute=60)
    }
    assert list(applying(read, ["together", "http://127.0.0.1:11434/v1/"])) == ["together", "http://127.0.0.1:11434/v1"]
    assert applying(read, ["groq", ""]) == {}
    assert applying(Limits({}), ["together"]) == {}


@pytest.mark.parametrize(
    ("key", "address", "found"),
    [
        ("http://h:8000", "http://h:8000/v1", True),
        ("http://h:8000/", "http://H:8000/v1/", True),
        ("http://h:8000/v1", "http://h:8000/v1/deployments/m", True),
        ("http://localhost:8000", "http://[::1]:8000/v1", True),
        ("https://h", "https://h:443/v1", True),
        ("http://h:8000/v1", "http://h:8000", False),
        ("http://h:8000/v1", "http://h:8000/v10", False),
        ("http://h:80", "http://h:8000/v1", False),
        ("http://h", "http://h:8000/v1", False),
        ("http://h", "https://h/v1", False),
        ("http://h", "http://h.example/v1", False),
        ("together", "together/v1", False),
    ],
)
def test_a_url_covers_what_lies_below_it(key: str, address: str, *, found: bool) -> None:
    """The key of a server concerns every address on it, and that of a path what is below it; names match as a whole."""
    limit = Limit(concurrency=1)
    read = read_limits("limits", {key: 1})
    assert applying(read, ["other", address]) == ({limit_key(key): limit} if found else {})


@given(st.from_regex(r"http://[a-z]{1,5}(:[1-9]{1,4})?(/[a-z]{1,3}){0,3}", fullmatch=True), st.data())
def test_every_beginning_of_an_address_covers_it(address: str, data: st.DataObject) -> None:
    """Cut at a slash, an address is a key that concerns it; cut elsewhere, it is that of another server or path."""
    end = data.draw(st.integers(len("http://h"), len(address)))
    assert concerns(address[:end], address) is (address[end:][:1] in {"", "/"})


@given(mappings, mappings)
def test_joined_limits_keep_both(outer: Limits, inner: Limits) -> None:
    """Every field that either sets is set, to the lower number; the order of the two does not matter."""
    joined = tighter(outer, inner)
    assert joined == tighter(inner, outer) == tighter(joined, inner)
    assert set(joined) == {*outer, *inner}
    for key, limit in joined.items():
        parts = [side[key] for side in (outer, inner) if key in side]
        for name in ("concurrency", "requests_per_minute", "tokens_per_minute"):
            numbers = [getattr(part, name) for part in parts if getattr(part, name) is not None]
            assert getattr(limit, name) == min(numbers, default=None)
