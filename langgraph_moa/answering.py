"""What the caller of a chat model wants of the answer, carried to the node that asks for it.

It travels in a context variable: LangGraph's `context` belongs to the user, and would reach agents in the slots too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from typing_extensions import TypedDict

from langgraph_moa.histories import split_turn
from langgraph_moa.schemas import AnswerSchema

Fanout = Literal["user_turn", "every_call"]
"""When proposers are asked: once for each turn of the user, or whenever a model is called."""
ANSWER, ADVICE = "moa", "moa_advice"
"""Keys of a message's response metadata: of a mixture's own answer, and of those that advised a model, by name."""


class Proposed(TypedDict):
    """A usable proposal, as far as the next step of a turn reads it again; the names are those of `Proposal`."""

    layer: int
    index: int
    proposer: str
    model: str
    text: str


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How the answer of one run is made. Nothing of it is kept in a checkpoint."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the call of the aggregator's model alone, such as `tools`, `tool_choice` and `stop`."""
    schema: AnswerSchema | None = None
    """That the aggregator answers in, whatever the mixture's; `None`: that of the mixture."""
    references: tuple[str, ...] | None = None
    """Of this turn of the user, from an earlier call; `None`: those of the last layer."""
    proposed: Sequence[Proposed] = ()
    """Beside `references`, what that layer's slots have said, where the earlier call has kept it."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Beside `references`, what the earlier call says of the proposers: the further ones of the turn say it too."""
    relay: Callable[[ChatGenerationChunk], None] | None = None
    """Is given every chunk of the answer, in the order in which they come; `None`: nobody waits for them."""
    listeners: Sequence[BaseCallbackHandler] = ()
    """That hear the tokens of proposers, where the mixture streams them."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """What LangGraph says of the node that the chat model was called in: there a proposer's tokens belong."""


_options: ContextVar[tuple[object, AnswerOptions] | None] = ContextVar("langgraph_moa_answer_options", default=None)


def references_of_turn(messages: Sequence[BaseMessage], recipe: str) -> tuple[str, ...] | None:
    """Return what a mixture's proposers have said in this turn of the user; `None` when they were not asked yet.

    The first answer since the user spoke last holds it, if that answer calls a tool.

    Args:
        messages: The conversation.
        recipe: `Mixture.fingerprint`; what another mixture has said does not count.
    """
    kept = (_references(message.response_metadata.get(ANSWER), recipe) for message in split_turn(messages)[1])
    return next((references for references in kept if references is not None), None)


def advice_of_turn(messages: Sequence[BaseMessage], mixture: str, recipe: str) -> tuple[str, ...] | None:
    """Return what the advisers of an agent have said in this turn; `None` when they were not asked yet.

    Args:
        messages: The conversation.
        mixture: Name of the mixture that advises.
        recipe: Its fingerprint.
    """
    for message in split_turn(messages)[1]:
        notes = message.response_metadata.get(ADVICE)
        references = _references(notes.get(mixture), recipe) if isinstance(notes, Mapping) else None
        if references is not None:
            return references
    return None


def proposed_in_turn(messages: Sequence[BaseMessage], recipe: str) -> tuple[Proposed, ...]:
    """Return what stands beside the references of a turn: who has said what. Nothing where it was not kept.

    Args:
        messages: The conversation.
        recipe: `Mixture.fingerprint`.
    """
    for message in split_turn(messages)[1]:
        summary = message.response_metadata.get(ANSWER)
        if isinstance(summary, Mapping) and _references(summary, recipe) is not None:
            kept = summary.get("proposed")
            return tuple(kept) if isinstance(kept, list) and all(map(_is_proposed, kept)) else ()
    return ()


def told_in_turn(messages: Sequence[BaseMessage], recipe: str) -> dict[str, Any]:
    """Return what the first answer of a turn says of its proposers, such as `ok`, `missing` and `saved`.

    Args:
        messages: The conversation.
        recipe: `Mixture.fingerprint`.
    """
    kinds = {"degraded": bool, "ok": int, "planned": int, "missing": list, "depth": int, "saved": dict}
    for message in split_turn(messages)[1]:
        summary = message.response_metadata.get(ANSWER)
        if isinstance(summary, Mapping) and _references(summary, recipe) is not None:
            return {name: summary[name] for name, kind in kinds.items() if isinstance(summary.get(name), kind)}
    return {}


def _is_proposed(kept: object) -> TypeGuard[Proposed]:
    kinds = {"layer": int, "index": int, "proposer": str, "model": str, "text": str}
    return isinstance(kept, Mapping) and all(isinstance(kept.get(name), kind) for name, kind in kinds.items())


def _references(summary: object, recipe: str) -> tuple[str, ...] | None:
    kept = summary.get("references") if isinstance(summary, Mapping) and summary.get("recipe") == recipe else None
    return tuple(kept) if isinstance(kept, list) and all(isinstance(text, str) for text in kept) else None


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
