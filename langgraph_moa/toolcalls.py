"""Calls of tools and their results, in each of the forms in which LangChain's messages hold them.

Nothing here raises on odd messages: histories come from files, databases and other programs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    InvalidToolCall,
    ToolMessage,
)

Block = str | Mapping[str, Any]

_CALL = re.compile(r"(?:^|_)(?:call|call_chunk|tool_use|executable_code)\Z")
_RESULT = re.compile(r"(?:^|_)(?:tool_result|execution_result|call_output|function_response)\Z")
_THOUGHTS = {"thinking", "redacted_thinking", "reasoning", "reasoning_content"}
_CLIENT_CALLS = {"tool_use", "tool_call", "function_call"}
"""Blocks of calls that wait for a result of the user's; a server's tools put theirs into the same message."""


class Call(NamedTuple):
    """What an assistant asked of a tool."""

    name: str
    arguments: str
    """JSON, or what the model wrote in its place."""
    identifier: str | None

    @property
    def told(self) -> str:
        """The call as text."""
        return f"[called {self.name or 'a tool'} with {self.arguments}]"


class Result(NamedTuple):
    """What a tool gave back."""

    name: str
    """Empty where the message does not say it."""
    text: str
    identifier: str | None
    failed: bool


def as_blocks(message: BaseMessage) -> list[Block]:
    """Return a message's content as blocks; what LangChain calls non-standard is taken out of its wrapping."""
    if isinstance(message.content, str):
        return [message.content] if message.content else []
    return [_unwrapped(block) for block in message.content]


def block_call(block: Block) -> Call | None:
    """Return the call that a content block is, or `None`."""
    if isinstance(block, str) or not _CALL.search(_type(block)):
        return None
    arguments: object = next(
        (block[key] for key in ("args", "input", "arguments", "action", "code") if key in block), {}
    )
    return Call(_name(block) or _type(block), _json(arguments), _identifier(block))


def block_result(block: Block) -> Result | None:
    """Return the result that a content block is, or `None`."""
    if isinstance(block, str) or not _RESULT.search(_type(block)):
        return None
    content = next((block[key] for key in ("content", "output", "outcome", "response") if key in block), None)
    failed = bool(block.get("is_error")) or block.get("status") == "error"
    identifier = next((block[key] for key in ("tool_use_id", "tool_call_id", "call_id") if key in block), None)
    return Result(_name(block), _text(content), identifier if isinstance(identifier, str) else None, failed)


def message_result(message: BaseMessage) -> Result | None:
    """Return the result that a whole message is, or `None`."""
    if isinstance(message, ToolMessage):
        return Result(message.name or "", _text(message.content), message.tool_call_id, message.status == "error")
    if isinstance(message, FunctionMessage) or (isinstance(message, ChatMessage) and message.role in _RESULT_ROLES):
        return Result(message.name or "", _text(message.content), None, failed=False)
    return None


_RESULT_ROLES = {"tool", "function"}


def calls_beside_content(message: BaseMessage) -> list[Call]:
    """Return the calls that stand in the fields of an assistant message, and not in its content."""
    if not isinstance(message, AIMessage):
        return []
    calls = [Call(call["name"], _json(call["args"]), call["id"]) for call in message.tool_calls]
    calls += [_invalid_call(call) for call in message.invalid_tool_calls]
    if calls:
        return calls
    raw = message.additional_kwargs.get("tool_calls")
    return [_raw_call(call) for call in raw if isinstance(call, Mapping)] if isinstance(raw, list) else []


def legacy_call(message: BaseMessage) -> Call | None:
    """Return the call of the kind that came before tool calls: it has no id, and a result of it has none either."""
    raw = message.additional_kwargs.get("function_call") if isinstance(message, AIMessage) else None
    if not isinstance(raw, Mapping) or calls_beside_content(message):
        return None
    return _raw_call({"function": raw})


def awaited_calls(message: BaseMessage) -> list[Call]:
    """Return the calls of an assistant message whose results are to follow it in messages of their own."""
    calls = calls_beside_content(message)
    known = {call.identifier for call in calls}
    if not isinstance(message, AIMessage):
        return []
    blocks = [block for block in as_blocks(message) if not isinstance(block, str) and _type(block) in _CLIENT_CALLS]
    return calls + [call for call in map(block_call, blocks) if call and call.identifier not in known]


def uses_tools(messages: Sequence[BaseMessage]) -> bool:
    """Say whether there is any call or result in a conversation."""
    return any(map(involves_tools, messages))


def involves_tools(message: BaseMessage) -> bool:
    """Say whether a message is a result, or holds a call or a result."""
    if message_result(message) or calls_beside_content(message) or legacy_call(message):
        return True
    if not isinstance(message, AIMessage | HumanMessage | ChatMessage):
        return False
    return any(block_call(block) or block_result(block) for block in as_blocks(message))


def spoken(block: Block) -> str:
    """Return a block as text: its own, none of a thought, and a mark such as `[image]` of anything else."""
    if isinstance(block, str):
        return block
    if isinstance(block.get("text"), str) and _type(block) in {"text", "input_text", "output_text", ""}:
        return str(block["text"])
    return "" if _type(block) in _THOUGHTS else f"[{_type(block) or 'attachment'}]"


def _unwrapped(block: Block) -> Block:
    value = block.get("value") if not isinstance(block, str) and _type(block) == "non_standard" else None
    return value if isinstance(value, Mapping) else block


def _invalid_call(call: InvalidToolCall) -> Call:
    """Return a call whose arguments are no JSON; without any, it counts as one that names no tool."""
    return Call((call["name"] or "") if call["args"] is not None else "", call["args"] or "", call["id"])


def _raw_call(call: Mapping[str, Any]) -> Call:
    function = call.get("function")
    fields = function if isinstance(function, Mapping) else {}
    return Call(_name(fields), _json(fields.get("arguments", {})), _identifier(call))


def _type(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    return kind if isinstance(kind, str) else ""


def _name(holder: Mapping[str, Any]) -> str:
    name = holder.get("name")
    return name if isinstance(name, str) else ""


def _identifier(holder: Mapping[str, Any]) -> str | None:
    """Return a call's id; where OpenAI's Responses have two, the one that results name."""
    identifier = holder.get("call_id", holder.get("id"))
    return identifier if isinstance(identifier, str) else None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(block, str | Mapping) for block in content):
        return "\n".join(map(spoken, content))
    return "" if content is None else _json(content)


def _json(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):
        return repr(value)
