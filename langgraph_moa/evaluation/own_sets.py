"""A user's own questions, with right answers or without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.bulk import read_question
from langgraph_moa.evaluation.samples import Sample

_TARGETS = ("target", "answer")
_KNOWN = ("id", "question", "turns", *_TARGETS)


def own_sample(table: Mapping[str, Any]) -> Sample:
    """Make a sample of `{"id": ..., "question": ..., "target": ...}`.

    `turns`, a list of what the user says turn by turn, may stand in place of `question`; the target may be called
    `answer`, may be a number, and may be missing. Whatever else stands there is kept as metadata.

    Raises:
        ConfigurationError: A field is missing or wrong.
    """
    given = [name for name in _TARGETS if table.get(name) not in (None, "")]
    target = table[given[0]] if given else None
    if target is not None and (isinstance(target, bool) or not isinstance(target, str | int | float)):
        msg = f"{given[0]} must be a text or a number, got {json.dumps(target)}"
        raise ConfigurationError(msg)
    turns = table.get("turns")
    if turns is not None and (not isinstance(turns, list) or not turns):
        msg = f"turns must be a list of texts, at least one; got {json.dumps(turns)}"
        raise ConfigurationError(msg)
    first = table if turns is None else {**table, "question": turns[0]}
    more = {name: value for name, value in table.items() if name not in _KNOWN}
    asked = replace(read_question(first), target=None if target is None else str(target), metadata=more)
    return asked if turns is None else replace(asked, turns=tuple(turns))
