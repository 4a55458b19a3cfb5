"""The context window of a seat whose model is a GGUF file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeGuard

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.gguf.files import file_of
from langgraph_moa.gguf.settings import EngineSettings
from langgraph_moa.mixture.seats import Model, Seat

_PREFIX = "gguf:"


def context_window(seat: Seat) -> int | None:
    """Return the tokens that a seat can take: what it says itself, or else the least that its files can.

    Where the seat's own model is no file, the files among its fallbacks do not count: what is cut to fit them would be
    lost to the model that is asked first.

    Returns:
        `None` where nobody says. So it is with a file that cannot be read, which is told before any call.
    """
    if seat.context_window is not None or not _is_file(seat.model):
        return seat.context_window
    return min(_windows(seat), default=None)


def _windows(seat: Seat) -> Iterator[int]:
    for position, model in enumerate(seat.models):
        with suppress(ConfigurationError):
            if _is_file(model):
                _, header = file_of(model.removeprefix(_PREFIX))
                yield _settings({} if position else seat.model_kwargs).within(header.context_length).context_size


def _settings(arguments: Mapping[str, Any]) -> EngineSettings:
    """Return as much of an engine's settings as its context hangs on."""
    return EngineSettings(**{name: arguments[name] for name in ("context_size",) if name in arguments})


def _is_file(model: Model | None) -> TypeGuard[str]:
    return isinstance(model, str) and model.startswith(_PREFIX)
