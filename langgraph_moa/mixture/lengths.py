"""How long the answer of a seat's model may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langchain_core.runnables.base import RunnableBindingBase

from langgraph_moa.chains import opened
from langgraph_moa.fitting import SMALLEST_SHARE
from langgraph_moa.mixture.seats import Model, Seat

LENGTH_NAMES = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_tokens_to_sample", "num_predict")
"""What classes of chat models call the length of an answer."""
_MOST_RESERVED = 4096
"""Tokens kept for an answer of unknown length, or a quarter of the seat's window if that is less."""


def answer_length(seat: Seat, model: Model) -> int | None:
    """Return the most tokens that a model of a seat may answer with; `None` where nobody has set a number.

    An argument for its constructor counts before the seat's `max_tokens`, and that before what an object was built or
    bound with. Of several chat models in a chain, the longest answer counts.

    Args:
        seat: Where the model sits.
        model: The seat's model or one of its fallbacks.
    """
    of_constructor = _told(seat.model_kwargs) if model == seat.model else None
    given = of_constructor or seat.max_tokens
    if given or not isinstance(model, Runnable):
        return given
    return max(_lengths(model), default=None)


def reserved_length(seat: Seat) -> int:
    """Return the tokens of a seat's context window that are kept for its answer."""
    lengths = [answer_length(seat, model) for model in seat.models]
    unknown = min(_MOST_RESERVED, (seat.context_window or 0) // 4)
    return max((length for length in lengths if length is not None), default=unknown)


def carried_length(seat: Seat) -> int:
    """Return the tokens that the synthesis of the windows before may take in each window but the first."""
    return max(reserved_length(seat), SMALLEST_SHARE)


def _lengths(model: Runnable[Any, Any]) -> Iterator[int]:
    bound = _told(model.kwargs) if isinstance(model, RunnableBindingBase) else None
    own = _told(vars(model)) if isinstance(model, BaseChatModel) else bound
    if own is not None:
        yield own
        return
    for part in opened(model):
        yield from _lengths(part)


def _told(arguments: Mapping[str, Any]) -> int | None:
    """Return the length of an answer that arguments set, `model_kwargs` among them first; one below 1 is no length."""
    further = arguments.get("model_kwargs")
    for table in (further if isinstance(further, Mapping) else {}, arguments):
        for name in LENGTH_NAMES:
            value = table.get(name)
            if isinstance(value, int) and value > 0:
                return value
    return None
