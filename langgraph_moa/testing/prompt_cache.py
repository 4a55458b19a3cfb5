"""What a provider keeps of the prompts that it has read, so that it need not read their beginnings again."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from langgraph_moa.testing.tokens import split_tokens

_KEPT_PROMPTS = 64
_KEPT_CHARACTERS = 4_000_000


class PromptCache:
    """The latest prompts of one model: at most 64 of them, and 4 million characters."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._characters = 0

    def cached_tokens(self, body: Mapping[str, Any]) -> int:
        """Return how many tokens a prompt shares with the beginning of one that is kept.

        Prompts are compared as text, message by message, so that what is added to the end of the last message leaves
        the rest cached; the tools that a request offers stand before its messages, and must be the same.
        """
        tools, text = _rendered(body)
        shared = max((_shared_length(text, kept) for of, kept in self._prompts if of == tools), default=0)
        return _content_tokens(text[:shared])

    def keep(self, body: Mapping[str, Any]) -> None:
        """Keep a prompt that has been read, and forget the oldest ones beyond the bounds."""
        prompt = _rendered(body)
        if prompt in self._prompts:
            self._prompts.move_to_end(prompt)
            return
        self._prompts[prompt] = None
        self._characters += sum(map(len, prompt))
        while self._prompts and (len(self._prompts) > _KEPT_PROMPTS or self._characters > _KEPT_CHARACTERS):
            oldest, _ = self._prompts.popitem(last=False)
            self._characters -= sum(map(len, oldest))


def _shared_length(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike, found by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one.startswith(other[low:middle], low) else (low, middle - 1)
    return low


_MESSAGE, _CONTENT = "\x1e", "\x1f"
"""Stand before a message and before its content, in texts that hold neither."""


def _rendered(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return a request's tools and messages as text."""
    messages = body.get("messages")
    listed = messages if isinstance(messages, list) else []
    tools = body.get("tools")
    return (json.dumps(tools, sort_keys=True) if tools else "", "".join(map(_message, listed)))


def _message(message: object) -> str:
    if not isinstance(message, Mapping):
        return _MESSAGE
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    shown = " ".join(text.replace(_MESSAGE, " ").replace(_CONTENT, " ") for text in texts if isinstance(text, str))
    return f"{_MESSAGE}{message.get('role')}{_CONTENT}{shown}"


def _content_tokens(text: str) -> int:
    """Return the tokens of the contents in a rendered prompt, of which the last may be cut off."""
    contents = (message.partition(_CONTENT)[2] for message in text.split(_MESSAGE))
    return sum(len(split_tokens(content)) for content in contents)
