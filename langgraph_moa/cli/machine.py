"""Output for programs."""

from __future__ import annotations

import json
import re
import sys

_UNSEEN = re.compile(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What JSON may hold as it is, and a terminal would obey."""


def print_json(data: object) -> None:
    """Print data as JSON; letters that stdout cannot write, or a terminal would obey, are escaped: none is lost."""
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    written = json.dumps(data, ensure_ascii=not is_unicode, indent=2)
    print(_UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", written))
