"""Documents that an answer cites: each by its name in brackets. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

Source = TypeVar("Source")

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_BETWEEN = re.compile(r"[,;]")


def cited(answer: str, sources: Mapping[str, Source]) -> dict[str, Source]:
    """Return the sources that an answer cites, in the order in which it first does.

    `[tower.md]` cites one, `[tower.md, "bridge.md"; river.md]` three. A name counts as it is written in `sources`,
    capitals and all; white space and quotation marks round it do not. What stands in brackets and names no source is
    passed over, such as a footnote, or a document that the model has made up.

    Args:
        answer: Text of the answer.
        sources: Whatever is known of each document, such as a LangChain document with its metadata, by the name under
            which `prompts.ask_about` has shown it.
    """
    found = {name: match.start() for name in sources if (match := re.search(re.escape(f"[{name}]"), answer))}
    for match in _BRACKETS.finditer(answer):
        for part in _BETWEEN.split(match[1]):
            name = part.strip().strip("\"'`").strip()
            if name in sources:
                found.setdefault(name, match.start())
    return {name: sources[name] for name in sorted(found, key=lambda name: found[name])}
