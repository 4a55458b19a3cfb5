"""What a Runnable is made of, as far as LangChain's own ways of joining Runnables show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import BaseOutputParser
from langchain_core.prompts import BasePromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    Runnable,
    RunnableAssign,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase

AnyRunnable = Runnable[Any, Any]
_PLAIN = (BaseChatModel, BasePromptTemplate, BaseOutputParser, BaseRetriever, RunnablePassthrough, RunnablePick)


def parts_of(model: AnyRunnable) -> Iterator[AnyRunnable]:
    """Yield what a Runnable is joined of, or itself: steps, branches, and what is bound or has retries or fallbacks.

    What an agent, a graph or a function calls is not seen.
    """
    joined: Iterable[AnyRunnable]
    if isinstance(model, RunnableBindingBase):
        joined = (model.bound,)
    elif isinstance(model, RunnableWithFallbacks):
        joined = (model.runnable, *model.fallbacks)
    elif isinstance(model, RunnableSequence):
        joined = model.steps
    elif isinstance(model, RunnableParallel):
        joined = model.steps__.values()
    elif isinstance(model, RunnableAssign):
        joined = (model.mapper,)
    else:
        yield model
        return
    for part in joined:
        yield from parts_of(part)


def chat_models_in(model: AnyRunnable) -> list[BaseChatModel]:
    """Return the chat models that a Runnable is joined of, or itself."""
    return [part for part in parts_of(model) if isinstance(part, BaseChatModel)]


def is_plain(model: AnyRunnable) -> bool:
    """Say whether nothing but chat models, prompts, parsers and retrievers is called: no function, agent or graph."""
    return all(isinstance(part, _PLAIN) for part in parts_of(model))


def map_chat_models(model: AnyRunnable, change: Callable[[BaseChatModel], AnyRunnable]) -> AnyRunnable:
    """Return a Runnable in which every chat model, fallbacks included, is what `change` makes of it."""

    def changed(part: AnyRunnable) -> AnyRunnable:
        return map_chat_models(part, change)

    if isinstance(model, BaseChatModel):
        return change(model)
    if isinstance(model, RunnableBindingBase):
        return model.model_copy(update={"bound": changed(model.bound)})
    if isinstance(model, RunnableWithFallbacks):
        fallbacks = [changed(fallback) for fallback in model.fallbacks]
        return model.model_copy(update={"runnable": changed(model.runnable), "fallbacks": fallbacks})
    if isinstance(model, RunnableSequence):
        middle = [changed(step) for step in model.middle]
        return model.model_copy(update={"first": changed(model.first), "middle": middle, "last": changed(model.last)})
    return model


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
