"""The form in which readers write down what they found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.offline.findings import NOTHING_FOUND, Finding, format_findings, normalised, parse_findings

FINDINGS = st.lists(
    st.builds(Finding, st.text(min_size=1).filter(lambda text: bool(text.split())), st.text()), max_size=20, unique=True
)


@given(FINDINGS)
def test_round_trip(findings: list[Finding]) -> None:
    """What is written is read again, in the same order, up to white space and brackets in names."""
    assert parse_findings(format_findings(findings)) == list(dict.fromkeys(map(normalised, findings)))


@given(FINDINGS)
def test_second_round_trip(findings: list[Finding]) -> None:
    """What was read once is written and read without a change."""
    once = parse_findings(format_findings(findings))
    assert parse_findings(format_findings(once)) == once


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text can be read; what it yields is in normal form enough to be written on one line each."""
    for finding in parse_findings(text):
        assert finding.text.strip()
        assert "\n" not in finding.text + finding.source


def test_nothing() -> None:
    """No findings are written as a sentence that is read as no findings."""
    assert format_findings([]) == NOTHING_FOUND
    assert parse_findings(NOTHING_FOUND) == []


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        pytest.param("1. A b. [x.md]", [Finding("A b.", "x.md")], id="one"),
        pytest.param("7. A b. [x]\n3. C d. [y]", [Finding("A b.", "x"), Finding("C d.", "y")], id="lines-not-numbers"),
        pytest.param("1. A [1] b. [x]", [Finding("A [1] b.", "x")], id="brackets-in-the-sentence"),
        pytest.param("1. A b. [x]\r\n", [Finding("A b.", "x")], id="carriage-return"),
        pytest.param("Here you are:\n1. A b. [x]\n(Done.)", [Finding("A b.", "x")], id="comments"),
        pytest.param("1. A b. [x]\n2. A b. [x]", [Finding("A b.", "x")], id="said-twice"),
        pytest.param("- A b. [x]", [], id="bullet"),
        pytest.param("1. A b.", [], id="no-source"),
        pytest.param("", [], id="empty"),
    ],
)
def test_lines(text: str, findings: list[Finding]) -> None:
    """A finding is a line with a number, a sentence and a source; other lines are passed over."""
    assert parse_findings(text) == findings
