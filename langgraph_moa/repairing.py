"""Asks a model for an answer in a schema, and once more where the answer does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa.attempts import Terms, ask, is_cancelled
from langgraph_moa.errors import StructuredOutputError
from langgraph_moa.fitting import DoesNotFit, estimate_request, shorten
from langgraph_moa.ledger import Ledger
from langgraph_moa.models import ReadyModel
from langgraph_moa.proposal import Failure, status_of
from langgraph_moa.schema_prompts import repair_request
from langgraph_moa.schemas import AnswerSchema, Unreadable

LONGEST_SHOWN = 2_000
"""Tokens of an answer that does not fit, as its model is shown it again."""
_FORMS_OF_CALLS = ("tool_calls", "function_call", "parsed")
"""What providers' clients leave beside a message's content of the same value."""


async def ask_for_answer(
    model: ReadyModel, request: Sequence[BaseMessage], config: RunnableConfig, terms: Terms, ledger: Ledger
) -> None:
    """Ask a model; where the terms have a schema, leave in the ledger an answer whose text is a value of it.

    An answer that does not fit is shown to the model once, with what is wrong with it, in a request of its own; a long
    one is shortened, to `LONGEST_SHOWN` and to what the seat's context window leaves. Where that is too little to show
    anything of it, no request is made. If the next one does not fit either, the ledger holds the failure, and the
    answer as `unreadable`. A refusal, an empty answer and a call of a tool of the caller stay what they are.

    Raises:
        SelfReferenceError: The model calls the mixture that it sits in.
    """
    await ask(model, request, config, terms, ledger)
    schema = terms.schema
    unreadable = None if schema is None else _settle(schema, terms, ledger)
    if schema is None or unreadable is None or is_cancelled():
        return
    repair = _repair(model, request, unreadable, schema)
    if repair is None:
        ledger.give_up("the request would not fit into the context window")
        return
    await ask(model, repair, config, terms, ledger)
    _settle(schema, terms, ledger)


def _repair(
    model: ReadyModel, request: Sequence[BaseMessage], unreadable: Unreadable, schema: AnswerSchema
) -> list[BaseMessage] | None:
    """Return the request for a repair, in which a long answer is shortened; `None`: the window has no room for it."""
    bare = repair_request(request, "", unreadable.why, schema.json_schema)
    left = LONGEST_SHOWN if model.room is None else min(LONGEST_SHOWN, model.room - estimate_request(bare))
    try:
        (shown,) = shorten((unreadable.text,), left)
    except DoesNotFit:
        return None
    return repair_request(request, shown, unreadable.why, schema.json_schema)


def _settle(schema: AnswerSchema, terms: Terms, ledger: Ledger) -> Unreadable | None:
    """Replace the ledger's answer by its value in the schema's written form; return what it is if it has none."""
    message = ledger.message
    if message is None or _is_no_answer(message, terms.arguments):
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


def _is_no_answer(message: AIMessage, arguments: Mapping[str, Any]) -> bool:
    """Say whether a message is a refusal, or calls a tool that the caller has given.

    With tools of the caller a model is asked in words, so that a call is one of those, also of a tool that has the
    schema's name.
    """
    acts = bool(arguments.get("tools")) and bool(message.tool_calls or message.invalid_tool_calls)
    return acts or status_of(message) == "refused"


def _written(message: AIMessage, text: str) -> AIMessage:
    """Return a message with a text in place of its content and its calls."""
    others = {name: value for name, value in message.additional_kwargs.items() if name not in _FORMS_OF_CALLS}
    update = {"content": text, "tool_calls": [], "invalid_tool_calls": [], "additional_kwargs": others}
    return message.model_copy(update=update)
