"""Text of models and providers, made safe for a terminal: it can neither move the cursor nor change colours."""

from __future__ import annotations

import re
from typing import TextIO

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Remove control characters other than `\n` and `\t`, and marks that reverse the direction of writing."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return a text without control characters, in one line."""
    return printable(" ".join(text.split()))


def is_terminal(stream: TextIO | None) -> bool:
    """Say whether a stream is a terminal; one that is closed or missing is none."""
    return stream is not None and not stream.closed and stream.isatty()
