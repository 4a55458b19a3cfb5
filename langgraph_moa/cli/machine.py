"""Output for programs."""

from __future__ import annotations

import json
import sys


def print_json(data: object) -> None:
    """Print data as JSON; letters that stdout cannot write are escaped, so that none is lost."""
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(data, ensure_ascii=not is_unicode, indent=2))
