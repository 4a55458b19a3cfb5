"""A record as Markdown."""

from __future__ import annotations

from tests.record.records import HOSTILE, hostile_record, telling_record


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
