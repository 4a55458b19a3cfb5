"""A record as Markdown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from langgraph_moa.proposal import Failure
from tests.record.records import HOSTILE, hostile_record, telling_record, wide_record


def test_markdown_cannot_be_broken_out_of() -> None:
    """In Markdown a hostile text stands within a fence that is longer than its own, or has every mark escaped."""
    written = hostile_record().to_markdown()
    assert f"````text\n{HOSTILE}\n````" in written
    outside = "".join(written.split("````")[::2])
    assert "<script" not in outside.replace("\\<", "")
    assert "\n# | " not in outside


def test_markdown_tells_the_run() -> None:
    """Markdown has the verdict, the timeline with every call, every layer and every request."""
    written = telling_record().to_markdown()
    for line in (
        "**Answered, degraded: 2 planned proposals missing.**",
        "| layer 1 llama-70b | hedge, fallback 1, attempt 2 | together:llama-70b | ok | 900 ms |",
        "## Layer 2",
        "### Request 2",
        "- missing: layer 1, qwen, cancelled: the layer went on without it",
    ):
        assert line in written


@pytest.mark.parametrize("said", ["---", "- a", "+ a", "1. a", "12) a", "= a", "=== ", "    a", "# a", "> a"])
def test_an_error_begins_nothing(said: str) -> None:
    """An error's message is a paragraph, whatever it begins with."""
    record = wide_record(1)
    failed = replace(record.stages[0].seats[0], error=Failure(kind="APIError", message=said), text="")
    written = replace(record, stages=(replace(record.stages[0], seats=(failed,)),)).to_markdown()
    shown = MarkdownIt().render(written)
    assert f"<p>{' '.join(said.split()).replace('>', '&gt;')}</p>" in shown


def test_the_verdict_counts_what_was_not_needed() -> None:
    """A run whose proposals were not all asked says so, and does not claim them all."""
    record = wide_record(2)
    spared = replace(record.stages[0].seats[0], status="skipped", text="", calls=())
    first = replace(record.stages[0], seats=(spared, *record.stages[0].seats[1:]))
    written = replace(record, degraded=False, missing=(), stages=(first, *record.stages[1:])).to_markdown()
    assert "**Answered, no proposal missing, 1 not needed.**" in written
