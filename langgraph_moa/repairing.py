"""Asks a model for an answer in a schema, and once more where the answer does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa.attempts import Ledger, Terms, ask, is_cancelled
from langgraph_moa.errors import StructuredOutputError
from langgraph_moa.models import ReadyModel
from langgraph_moa.proposal import Failure, status_of
from langgraph_moa.schema_prompts import repair_request
from langgraph_moa.schemas import AnswerSchema, Unreadable

_FORMS_OF_CALLS = ("tool_calls", "function_call", "parsed")
"""What providers' clients leave beside a message's content of the same value."""


async def ask_for_answer(
    model: ReadyModel, request: Sequence[BaseMessage], config: RunnableConfig, terms: Terms, ledger: Ledger
) -> None:
    """Ask a model; where the terms have a schema, leave in the ledger an answer whose text is a value of it.

    An answer that does not fit is shown to the model once, with what is wrong with it, in a request of its own. If the
    next one does not fit either, the ledger holds the failure, and the answer as `unreadable`. A refusal, an empty
    answer and a call of another tool stay what they are.

    Raises:
        SelfReferenceError: The model calls the mixture that it sits in.
    """
    await ask(model, request, config, terms, ledger)
    schema = terms.schema
    unreadable = None if schema is None else _settle(schema, terms, ledger)
    if schema is None or unreadable is None or is_cancelled():
        return
    repair = repair_request(request, unreadable.text, unreadable.why, schema.json_schema)
    await ask(model, repair, config, terms, ledger)
    _settle(schema, terms, ledger)


def _settle(schema: AnswerSchema, terms: Terms, ledger: Ledger) -> Unreadable | None:
    """Replace the ledger's answer by its value in the schema's written form; return what it is if it has none."""
    message = ledger.message
    if message is None or _is_no_answer(schema, message, terms.arguments):
        return None
    try:
        value = schema.read(message)
    except Unreadable as unreadable:
        if not unreadable.text.strip():
            return None
        why = ledger.describe(unreadable)["message"]
        failure = Failure(kind=StructuredOutputError.__name__, message=why)
        ledger.misread(Unreadable(unreadable.text, why), failure)
        return unreadable
    ledger.message = _written(message, schema.write(value))
    return None


def _is_no_answer(schema: AnswerSchema, message: AIMessage, arguments: Mapping[str, Any]) -> bool:
    """Say whether a message is a refusal, or a call of a tool that the caller has given."""
    acts = bool(arguments.get("tools")) and any(call["name"] != schema.name for call in message.tool_calls)
    return acts or status_of(message) == "refused"


def _written(message: AIMessage, text: str) -> AIMessage:
    """Return a message with a text in place of its content and its calls."""
    others = {name: value for name, value in message.additional_kwargs.items() if name not in _FORMS_OF_CALLS}
    update = {"content": text, "tool_calls": [], "invalid_tool_calls": [], "additional_kwargs": others}
    return message.model_copy(update=update)
