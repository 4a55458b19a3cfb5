"""Records as data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.record import RunRecord
from langgraph_moa.record.run_record import Call, Said, Seat, Stage
from tests.record.records import telling_record, wide_record

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SECONDS = st.none() | st.floats(0, 1e6)
COUNTS = st.none() | st.integers(0, 2**53)
FAILURES = st.none() | st.fixed_dictionaries({"kind": TEXTS, "message": TEXTS})
STATUSES = st.sampled_from(["ok", "error", "timeout", "cancelled", "empty", "refused", "skipped"])
SAID = st.lists(st.builds(Said, TEXTS, TEXTS), max_size=2).map(tuple)
CALLS = st.builds(
    Call,
    model=TEXTS,
    **dict.fromkeys(["started", "first_token", "finished"], SECONDS),
    outcome=st.none() | st.sampled_from(["ok", "error", "cancelled"]),
    error=st.none() | TEXTS,
    saw=SAID,
    said=TEXTS,
    attempt=st.none() | st.integers(1, 9),
    hedge=st.booleans(),
    within=st.none() | TEXTS,
)
USAGES = st.none() | st.fixed_dictionaries(
    dict.fromkeys(["input_tokens", "output_tokens", "total_tokens", "cached_tokens", "reasoning_tokens"], COUNTS)
)
SEATS = st.builds(
    Seat,
    slot=TEXTS,
    layer=st.none() | st.integers(1, 9),
    model=TEXTS,
    served_model=st.none() | TEXTS,
    status=st.none() | STATUSES,
    text=TEXTS,
    error=FAILURES,
    **dict.fromkeys(["started", "first_token", "finished", "cost"], SECONDS),
    usage=USAGES,
    attempts=COUNTS,
    calls=st.lists(CALLS, max_size=2).map(tuple),
)
RECORDS = st.builds(
    RunRecord,
    mixture=TEXTS,
    started_at=st.floats(0, 4e9),
    seconds=SECONDS,
    messages=SAID,
    answer=st.none() | TEXTS,
    error=FAILURES,
    degraded=st.none() | st.booleans(),
    missing=st.lists(
        st.fixed_dictionaries(
            {
                "layer": st.integers(1, 9),
                "proposer": TEXTS,
                "model": TEXTS,
                "status": STATUSES,
                "reason": st.none() | TEXTS,
            }
        ),
        max_size=1,
    ).map(tuple),
    usage=USAGES,
    cost=st.none()
    | st.fixed_dictionaries({"total": SECONDS, "unpriced": st.lists(TEXTS, max_size=2), "prices_date": TEXTS}),
    timing=st.none(),
    stages=st.lists(
        st.builds(Stage, TEXTS, st.none() | st.integers(1, 9), st.lists(SEATS, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
)
KEYS = ["format", "mixture", "started_at", "seconds", "messages", "answer", "error", "degraded", "missing"]
KEYS += ["usage", "cost", "timing", "stages"]


@settings(max_examples=25)
@given(RECORDS)
def test_records_come_back(record: RunRecord) -> None:
    """What is written as a dict or as JSON is read as the same record."""
    assert RunRecord.from_dict(record.to_dict()) == record
    assert RunRecord.from_json(record.to_json()) == record


@settings(max_examples=25)
@given(RECORDS)
def test_every_record_can_be_shown(record: RunRecord) -> None:
    """Whatever is unknown in a record, it has a page and Markdown."""
    assert record.to_html().endswith("</html>\n")
    assert record.to_markdown().startswith("# ")


def test_the_dict_is_plain() -> None:
    """A dict holds its format, then what the fields are called, and nothing but what JSON has."""
    written = telling_record().to_dict()
    assert list(written) == KEYS
    assert json.loads(json.dumps(written)) == written


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "its format must be 1, got 2"),
        ({"stages": 3}, "stages: Input should be a valid array"),
        ({"seconds": "1"}, "seconds: Input should be a valid number"),
        ({"seconds": float("nan")}, "seconds: Input should be a finite number"),
        ({"stages": [{"title": "layer 1", "layer": 1, "seats": [{}]}]}, r"stages.0.seats.0.slot: Field required"),
        ({"messages": [object()]}, "it is not plain data"),
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, Any], told: str) -> None:
    """An error names the field and what is wrong with it."""
    with pytest.raises(ConfigurationError, match=told):
        RunRecord.from_dict({**wide_record(1).to_dict(), **change})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Text that is no JSON, or no object, is no record."""
    with pytest.raises(ConfigurationError, match="no record of a run"):
        RunRecord.from_json(text)


def test_a_secret_is_not_quoted() -> None:
    """An error does not show the value that it refuses."""
    with pytest.raises(ConfigurationError) as refused:
        RunRecord.from_dict({**wide_record(1).to_dict(), "mixture": {"key": "sk-abcdefghijkl"}})
    assert "sk-abc" not in str(refused.value)


def test_what_a_later_version_adds_is_left_out() -> None:
    """A field that this version does not know keeps no record from being read."""
    assert RunRecord.from_dict({**wide_record(1).to_dict(), "further": 1}) == wide_record(1)
