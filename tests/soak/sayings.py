"""What the soak's models say, from which a reader can tell for whom, by whom and from what."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

PROPOSERS = tuple(f"p{number}" for number in range(6))
AGGREGATORS = ("merger", "backup")
ACTOR = "actor"
"""An aggregator that calls a tool."""
NOTED = {"text": "what all have said", "times": [1, 2, 3]}
"""Arguments of the actor's tool call."""
_TOKEN = re.compile(r"question-\d+")
_REFERENCE = re.compile(r'<reference_([0-9a-f]{16}) name="\d+">\n(.*?)\n</reference_\1>', re.DOTALL)
_PADDING = "and so on, in as many words as half of an answer needs to hold its first line"


def question(token: str) -> str:
    """Return what is asked under a token."""
    return f"{token}: what is the answer?"


def proposal_text(token: str, proposer: str) -> str:
    """Return a proposer's whole answer."""
    return f"{token} by {proposer}: {_PADDING}"


def answer_text(token: str, references: Sequence[str]) -> str:
    """Return an aggregator's whole answer."""
    return f"{token} from {json.dumps(list(references))}"


def tokens_in(text: str) -> list[str]:
    """Return the tokens in a text, in order of appearance."""
    return _TOKEN.findall(text)


def references_in(text: str) -> list[str]:
    """Return the references that a request shows, in order."""
    return [reference for _, reference in _REFERENCE.findall(text)]
