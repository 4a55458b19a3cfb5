"""Models asked for an answer in a schema: by their provider's own method, or in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableParallel, RunnablePick, RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase

from langgraph_moa.schema_prompts import with_schema

AnyRunnable = Runnable[Any, Any]


class InSchema(NamedTuple):
    """A model and a request that ask for an answer in a schema."""

    model: AnyRunnable
    messages: Sequence[BaseMessage]


def in_schema(
    model: AnyRunnable, messages: Sequence[BaseMessage], json_schema: Mapping[str, Any], *, has_tools: bool
) -> InSchema:
    """Return what asks a model for an answer in a schema.

    A chat model, also with bound arguments or retries, is asked as its own `with_structured_output` does it; what comes
    back is its message all the same. An agent, a chain, or a chat model without such a method is asked in words.

    Args:
        model: To be asked.
        messages: The request.
        json_schema: With a title.
        has_tools: Whether the model is given tools besides. Then, and where tools are bound to it, it is asked in
            words: many providers have the schema called as a tool that must be chosen, and the others could not be.
    """
    asked = None if has_tools else _by_own_method(model, json_schema)
    return InSchema(model, with_schema(messages, json_schema)) if asked is None else InSchema(asked, messages)


def _by_own_method(model: AnyRunnable, json_schema: Mapping[str, Any]) -> AnyRunnable | None:
    if isinstance(model, RunnableBindingBase):
        bound = None if model.kwargs.get("tools") else _by_own_method(model.bound, json_schema)
        return None if bound is None else model.model_copy(update={"bound": bound})
    if not isinstance(model, BaseChatModel):
        return None
    try:
        return _message_of(model.with_structured_output(dict(json_schema), include_raw=True))
    except NotImplementedError:
        return None


def _message_of(structured: AnyRunnable) -> AnyRunnable:
    """Return the part of what `include_raw` gives that makes the message, without the parser behind it."""
    first = structured.first if isinstance(structured, RunnableSequence) else None
    own = first.steps__.get("raw") if isinstance(first, RunnableParallel) else None
    return structured | RunnablePick("raw") if own is None else own
