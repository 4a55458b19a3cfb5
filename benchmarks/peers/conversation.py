"""What a peer that takes one text is given for a conversation. Standard library only."""

from __future__ import annotations

from benchmarks.protocol import Conversation


def as_query(conversation: Conversation) -> str:
    """Return the one message as it is, and more messages with the role of each before it."""
    if len(conversation) == 1:
        return conversation[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in conversation)
