"""Tokens of simulated models: words, and pieces of long ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(r"\s*\S{1,16}(?:\s+\Z)?|\s+\Z")


@lru_cache(maxsize=256)
def split_tokens(text: str) -> tuple[str, ...]:
    """Cut a text into tokens of at most 16 characters and the space before them; joined, they are the text again."""
    return tuple(_TOKEN.findall(text))


def count_prompt_tokens(body: Mapping[str, Any]) -> int:
    """Return the tokens of all texts in a request's messages."""
    messages = body.get("messages")
    return sum(len(split_tokens(text)) for text in _texts(messages if isinstance(messages, list) else ()))


def _texts(messages: Iterable[Any]) -> Iterable[str]:
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            parts = (part.get("text") for part in content if isinstance(part, Mapping))
            yield from (text for text in parts if isinstance(text, str))
