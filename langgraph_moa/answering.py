"""What the caller of a chat model wants of the answer, carried to the node that asks for it.

It travels in a context variable: LangGraph's `context` belongs to the user, and would reach agents in the slots too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from langgraph_moa.histories import split_turn
from langgraph_moa.schemas import AnswerSchema

Fanout = Literal["user_turn", "every_call"]
"""When proposers are asked: once for each turn of the user, or whenever a model is called."""
ANSWER, ADVICE = "moa", "moa_advice"
"""Keys of a message's response metadata: for a mixture's own answer, and for a model that a mixture advised."""


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How the answer of one run is made. Nothing of it is kept in a checkpoint."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the call of the aggregator's model alone, such as `tools`, `tool_choice` and `stop`."""
    schema: AnswerSchema | None = None
    """That the aggregator answers in, whatever the mixture's; `None`: that of the mixture."""
    references: tuple[str, ...] | None = None
    """Of this turn of the user, from an earlier call; `None`: those of the last layer."""
    relay: Callable[[ChatGenerationChunk], None] | None = None
    """Is given every chunk of the answer, in the order in which they come; `None`: nobody waits for them."""
    listeners: Sequence[BaseCallbackHandler] = ()
    """That hear the tokens of proposers, where the mixture streams them."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """What LangGraph says of the node that the chat model was called in: there a proposer's tokens belong."""


_options: ContextVar[tuple[object, AnswerOptions] | None] = ContextVar("langgraph_moa_answer_options", default=None)


def references_of_turn(messages: Sequence[BaseMessage], mixture: str, *, key: str = ANSWER) -> tuple[str, ...] | None:
    """Return what a mixture's proposers have said in this turn of the user; `None` when they were not asked yet.

    The first answer since the user spoke last holds it, if that answer calls a tool.

    Args:
        messages: The conversation.
        mixture: Name of the mixture; what another one has said does not count.
        key: Of the response metadata that holds it.
    """
    for message in split_turn(messages)[1]:
        summary = message.response_metadata.get(key)
        if isinstance(summary, Mapping) and summary.get("mixture") == mixture:
            kept = summary.get("references")
            if isinstance(kept, list) and all(isinstance(text, str) for text in kept):
                return tuple(kept)
    return None


@contextmanager
def answering(mixture: object, options: AnswerOptions) -> Iterator[None]:
    """Make options those of the runs of a mixture that are begun in the block, and of no mixture within it."""
    token = _options.set((mixture, options))
    try:
        yield
    finally:
        _options.reset(token)


def options_for(mixture: object) -> AnswerOptions | None:
    """Return the options of the running mixture; `None` when no chat model's caller has begun its run."""
    held = _options.get()
    return held[1] if held is not None and held[0] is mixture else None
