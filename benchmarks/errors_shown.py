"""Finding what a failed call leaves behind in texts that are to hold answers only."""

from __future__ import annotations

import re

_MARKS = re.compile(
    r"error code: ?\d{3}|\b\w+(?:Error|Exception)\b|\btraceback\b|"
    r"rate limit reached|the server had an error|engine is overloaded|bad gateway|maximum context length|"
    r"\b(?:error|failed) ?:|\b(?:error|failed) (?:calling|to)\b",
    re.IGNORECASE,
)


def error_marks(text: str) -> int:
    """Return how often a text speaks as a failed call does: in a provider's words, or in a library's."""
    return len(_MARKS.findall(text))
