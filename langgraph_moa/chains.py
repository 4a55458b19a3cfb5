"""What a Runnable is made of, as far as LangChain's own ways of joining Runnables show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import BaseOutputParser
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import (
    Runnable,
    RunnableAssign,
    RunnableBranch,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase, RunnableEachBase
from langchain_core.vectorstores import VectorStoreRetriever

AnyRunnable = Runnable[Any, Any]
_PLAIN = (BaseChatModel, BasePromptTemplate, VectorStoreRetriever, RunnablePick)


class _Joint(NamedTuple):
    """How Runnables of one class are taken apart and put together again."""

    parts: Callable[[Any], Sequence[AnyRunnable]]
    of_parts: Callable[[Any, Sequence[AnyRunnable]], Mapping[str, Any]]
    """The fields that hold the parts, filled with others in the same order."""


_BOUND = _Joint(lambda model: [model.bound], lambda _, parts: {"bound": parts[0]})
_JOINTS: Mapping[type[AnyRunnable], _Joint] = {
    RunnableBindingBase: _BOUND,
    RunnableEachBase: _BOUND,
    RunnableWithFallbacks: _Joint(
        lambda model: [model.runnable, *model.fallbacks],
        lambda _, parts: {"runnable": parts[0], "fallbacks": list(parts[1:])},
    ),
    RunnableSequence: _Joint(
        lambda model: model.steps,
        lambda _, parts: {"first": parts[0], "middle": list(parts[1:-1]), "last": parts[-1]},
    ),
    RunnableParallel: _Joint(
        lambda model: list(model.steps__.values()),
        lambda model, parts: {"steps__": dict(zip(model.steps__, parts, strict=True))},
    ),
    RunnableAssign: _Joint(lambda model: [model.mapper], lambda _, parts: {"mapper": parts[0]}),
    RunnableBranch: _Joint(
        lambda model: [*(part for branch in model.branches for part in branch), model.default],
        lambda _, parts: {"branches": list(zip(parts[:-1:2], parts[1::2], strict=True)), "default": parts[-1]},
    ),
}


def _joint_of(model: AnyRunnable) -> _Joint | None:
    return _joint_of_class(type(model))


@lru_cache(maxsize=256)
def _joint_of_class(cls: type[AnyRunnable]) -> _Joint | None:
    return next((joint for kind, joint in _JOINTS.items() if issubclass(cls, kind)), None)


def opened(model: AnyRunnable) -> Sequence[AnyRunnable]:
    """Return what a Runnable is directly joined of: steps, branches, or what is bound or has retries or fallbacks.

    Nothing for one that is not joined. What an agent, a graph or a function calls is not seen.
    """
    joint = _joint_of(model)
    return () if joint is None else joint.parts(model)


def parts_of(model: AnyRunnable) -> Iterator[AnyRunnable]:
    """Yield what a Runnable is joined of in the end, or itself."""
    if _joint_of(model) is None:
        yield model
    for part in opened(model):
        yield from parts_of(part)


def chat_models_in(model: AnyRunnable) -> list[BaseChatModel]:
    """Return the chat models that a Runnable is joined of, or itself."""
    return [part for part in parts_of(model) if isinstance(part, BaseChatModel)]


def is_plain(model: AnyRunnable) -> bool:
    """Say whether a Runnable asks nobody but the chat models in it, and those one at a time.

    No function, agent or graph is in it, nor a parser or retriever that may ask a model, and no two branches at once
    have chat models.
    """
    if _joint_of(model) is None:
        return _is_plain_part(model)
    branches = [part for part in opened(model) if chat_models_in(part)]
    at_once = isinstance(model, RunnableParallel) and len(branches) > 1
    one_by_one = not at_once and not (isinstance(model, RunnableEachBase) and branches)
    return one_by_one and all(map(is_plain, opened(model)))


def _is_plain_part(part: AnyRunnable) -> bool:
    if isinstance(part, RunnablePassthrough):
        return part.func is None and part.afunc is None
    if isinstance(part, BaseOutputParser):  # one that mends what it reads holds the chain that it asks
        return not any(isinstance(held, Runnable) for held in vars(part).values())
    return isinstance(part, _PLAIN)


def map_chat_models(model: AnyRunnable, change: Callable[[BaseChatModel], AnyRunnable]) -> AnyRunnable:
    """Return a Runnable in which every chat model that `chat_models_in` finds is what `change` makes of it."""
    if isinstance(model, BaseChatModel):
        return change(model)
    joint = _joint_of(model)
    if joint is None:
        return model
    parts = [map_chat_models(part, change) for part in joint.parts(model)]
    copied: Any = model  # every joined Runnable is a Pydantic model
    changed: AnyRunnable = copied.model_copy(update=joint.of_parts(model, parts))
    return changed


def first_step(runnable: AnyRunnable) -> AnyRunnable:
    """Return what a Runnable calls first, behind retries, fallbacks and bound arguments, at the head of a chain."""
    while True:
        if isinstance(runnable, RunnableBindingBase):
            runnable = runnable.bound
        elif isinstance(runnable, RunnableWithFallbacks):
            runnable = runnable.runnable
        elif isinstance(runnable, RunnableSequence):
            runnable = runnable.first
        else:
            return runnable
