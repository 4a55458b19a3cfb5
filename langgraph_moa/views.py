"""What a slot is shown of a conversation, and what its model can read of it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, HumanMessage, SystemMessage, ToolMessage

from langgraph_moa.prompts import read_documents
from langgraph_moa.roles import is_users

Part = Literal["system", "history", "documents", "tools"]
"""A part of a conversation besides the question, which is the latest user message.

`system`: system messages, wherever they stand. `history`: the turns before the question. `documents`: texts that
`prompts.ask_about` has put before the question, or before one of the history. `tools`: what stands behind the question,
which is calls of tools and their results; of earlier turns, together with `history`, which alone shows the answers.
"""

Kind = Literal["text", "image", "audio", "video", "file"]
"""A kind of input that a chat model takes or does not."""

AnyMessageT = TypeVar("AnyMessageT", bound=BaseMessage)

_KINDS: Mapping[str, Kind] = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "audio",
    "audio_url": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
    "input_video": "video",
    "file": "file",
    "input_file": "file",
    "document": "file",
    "text-plain": "file",
}
"""What providers and LangChain call their content blocks."""

_IN_PROFILE: Mapping[Kind, str] = {
    "text": "text_inputs",
    "image": "image_inputs",
    "audio": "audio_inputs",
    "video": "video_inputs",
    "file": "pdf_inputs",
}
"""What `BaseChatModel.profile` calls the kinds."""


def narrowed(messages: Sequence[BaseMessage], view: Sequence[Part] | None) -> list[BaseMessage]:
    """Return the parts of a conversation that a view names, and the question, in their order.

    Args:
        messages: The conversation, oldest first; never changed.
        view: `None` shows everything, an empty one the question alone.

    Returns:
        At least one message of any that came in. Without a user message, the last message stands for the question. A
        question without words of its own keeps its documents.
    """
    if view is None or not messages:
        return list(messages)
    asked = _position_of_question(messages)
    shown = [_seen(message, position - asked, view) for position, message in enumerate(messages)]
    if shown[asked] is None:
        shown[asked] = messages[asked]
    return [message for message in shown if message is not None]


def kinds_of(messages: Sequence[BaseMessage]) -> tuple[Kind, ...]:
    """Return the kinds of input that a conversation holds, in the order in which `Kind` names them.

    A block counts by its type, as LangChain or a provider calls it; of one whose type says nothing, nothing is known.
    """
    found = {kind for message in messages for kind in _kinds_in(message.content)}
    return tuple(kind for kind in _IN_PROFILE if kind in found)


def not_taken(kinds: Sequence[Kind], inputs: Sequence[Kind] | None, profile: Mapping[str, Any]) -> tuple[Kind, ...]:
    """Return the kinds that a model does not take.

    Args:
        kinds: Of a conversation.
        inputs: That it takes; `None`: what its profile says.
        profile: As `BaseChatModel.profile`; a kind that it does not refuse is taken.
    """
    if inputs is not None:
        return tuple(kind for kind in kinds if kind not in inputs)
    return tuple(kind for kind in kinds if profile.get(_IN_PROFILE[kind]) is False)


def _position_of_question(messages: Sequence[BaseMessage]) -> int:
    asked = (position for position, message in enumerate(messages) if is_users(message))
    return max(asked, default=len(messages) - 1)


def _seen(message: BaseMessage, behind: int, view: Sequence[Part]) -> BaseMessage | None:
    """Return what a view shows of a message; `None` for nothing.

    Args:
        message: It.
        behind: Messages from the question to it; 0 is the question, less stands before it.
        view: The view.
    """
    if not _parts_of(message, behind) <= set(view):
        return None
    if isinstance(message, AIMessage) and "tools" not in view:
        return _unless_emptied(message, _without_calls(message))
    if isinstance(message, HumanMessage) and "documents" not in view:
        return _unless_emptied(message, _without_documents(message))
    return message


def _parts_of(message: BaseMessage, behind: int) -> set[Part]:
    """Return the parts that a view must name to show a message; none for the question."""
    if isinstance(message, SystemMessage):
        return {"system"}
    parts: set[Part] = {"history"} if behind < 0 else set()
    return parts | {"tools"} if behind > 0 or _is_step(message) else parts


def _is_step(message: BaseMessage) -> bool:
    """Say whether a message calls tools or holds the result, and so comes before an answer."""
    if isinstance(message, AIMessage):
        calls = {"tool_calls", "function_call"} & message.additional_kwargs.keys()
        return bool(message.tool_calls or message.invalid_tool_calls or calls)
    return isinstance(message, ToolMessage | FunctionMessage)


def _unless_emptied(message: BaseMessage, shorter: BaseMessage) -> BaseMessage | None:
    """Return what is left of a message if something is."""
    return shorter if shorter is message or kinds_of([shorter]) else None


def _without_calls(message: AIMessage) -> AIMessage:
    """Return an answer without the searches that its provider made for it; the same object where there are none."""
    return _with_blocks(message, [block for block in _blocks(message) if not _is_call(block)])


def _without_documents(message: HumanMessage) -> HumanMessage:
    """Return a question without the documents before it; the same object where there are none."""
    if isinstance(message.content, str):
        question = _own_words(message.content)
        return message if question == message.content else message.model_copy(update={"content": question})
    blocks = [_block_without_documents(block) for block in _blocks(message)]
    return _with_blocks(message, [block for block in blocks if block not in ("", {"type": "text", "text": ""})])


def _block_without_documents(block: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(block, str):
        return _own_words(block)
    text = block.get("text")
    return block if not isinstance(text, str) else {**block, "text": _own_words(text)}


def _own_words(text: str) -> str:
    question, documents = read_documents(text)
    return question if documents else text


def _blocks(message: BaseMessage) -> list[str | dict[str, Any]]:
    content = message.content
    return [content] if isinstance(content, str) else content


def _with_blocks(message: AnyMessageT, blocks: list[str | dict[str, Any]]) -> AnyMessageT:
    return message if blocks == _blocks(message) else message.model_copy(update={"content": blocks})


def _is_call(block: str | dict[str, Any]) -> bool:
    """Say whether a block calls a tool or holds what came of it."""
    kind = "" if isinstance(block, str) else str(block.get("type", ""))
    return "tool" in kind or "call" in kind


def _kinds_in(content: object) -> Iterator[Kind]:
    if isinstance(content, str):
        if content.strip():
            yield "text"
    elif isinstance(content, list):
        for block in content:
            yield from _kinds_of_block(block)


def _kinds_of_block(block: object) -> Iterator[Kind]:
    if not isinstance(block, Mapping):
        yield from _kinds_in(block)
        return
    name = _name_of(block)
    if _KINDS.get(name) == "text":
        yield from _kinds_in(block.get("text"))
    elif name in _KINDS:
        yield _KINDS[name]
    elif isinstance(block.get("content"), list):  # the result of a tool
        yield from _kinds_in(block["content"])


def _name_of(block: Mapping[str, Any]) -> str:
    """Return what kind a block says it is: by its type, by its media type, or by the key that holds its data."""
    name = block.get("type")
    if name == "media":
        major = str(block.get("mime_type", "")).partition("/")[0]
        return major if major in _KINDS else "file"
    if isinstance(name, str):
        return name
    return next((key for key in block if key in _KINDS), "")
