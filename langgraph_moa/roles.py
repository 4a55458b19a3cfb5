"""Who speaks in a message."""

from __future__ import annotations

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage

_ROLES = {"human": "user", "user": "user", "ai": "assistant", "assistant": "assistant"}


def role_of(message: BaseMessage) -> str:
    """Return `user`, `assistant`, or `other` for all others."""
    if isinstance(message, ChatMessage):
        return _ROLES.get(message.role, "other")
    if isinstance(message, HumanMessage):
        return "user"
    return "assistant" if isinstance(message, AIMessage) else "other"


def is_users(message: BaseMessage) -> bool:
    """Say whether the user speaks."""
    return role_of(message) == "user"
