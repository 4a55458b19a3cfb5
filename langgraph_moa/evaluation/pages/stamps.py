"""Who judged, in words."""

from __future__ import annotations

from langgraph_moa.evaluation.labels import one_line
from langgraph_moa.evaluation.scores import JudgeStamp


def judged_by(stamp: JudgeStamp) -> str:
    """Return the line that stands under every table that a judge's scores are in."""
    settings = f"; {one_line(stamp.settings)}" if stamp.settings.strip() else ""
    return f"Judge: {one_line(stamp.model)}, {one_line(stamp.date)}{settings}"
