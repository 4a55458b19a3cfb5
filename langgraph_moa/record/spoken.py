"""Messages as the text that a reader of a record sees."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, convert_to_messages

from langgraph_moa.proposal import visible_text
from langgraph_moa.record.run_record import Said

_ROLES = {"human": "user", "ai": "assistant"}


def conversation(given: object) -> tuple[Said, ...]:
    """Return messages in any form that LangChain takes; nothing where they are none of these."""
    listed: Any = given if isinstance(given, list) else [given]
    try:
        messages = convert_to_messages(listed)
    except (ValueError, TypeError, NotImplementedError):
        return ()
    return tuple(Said(role_of(message), spoken(message)) for message in messages)


def role_of(message: BaseMessage) -> str:
    """Return who speaks, in OpenAI's words."""
    return message.role if isinstance(message, ChatMessage) else _ROLES.get(message.type, message.type)


def spoken(message: BaseMessage) -> str:
    """Return the text of a message, with a word in brackets for each image or the like, and its tool calls."""
    content = message.content
    parts = [content] if isinstance(content, str) else [_block(block) for block in content]
    return _joined(parts, message)


def shown(message: AIMessage) -> str:
    """Return what a reader sees of an answer: its visible text, and its tool calls."""
    return _joined([visible_text(message)], message)


def _joined(parts: list[str], message: BaseMessage) -> str:
    if isinstance(message, AIMessage):
        parts += [
            f"[calls {call['name']}({json.dumps(call['args'], default=str, ensure_ascii=False)})]"
            for call in message.tool_calls
        ]
        parts += [f"[calls {call['name']}({call['args']}), unreadable]" for call in message.invalid_tool_calls]
    return "\n".join(part for part in parts if part)


def _block(block: str | dict[str, object]) -> str:
    if isinstance(block, str):
        return block
    text = block.get("text")
    if isinstance(text, str):
        return text
    kind = block.get("type")
    return "" if kind in {"tool_use", "tool_call", "function_call"} else f"[{kind}]"
