"""What a model is called where a recipe names it: the keys of `Mixture.limits`."""

from __future__ import annotations

from collections.abc import Iterator

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableSequence, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from langgraph_moa.mixture.seats import Model, model_label
from langgraph_moa.providers import PROVIDERS


def chat_models_in(model: object) -> Iterator[BaseChatModel]:
    """Yield the chat models that a call of a model surely makes: itself, or those of a chain, bound or with retries.

    What an agent, a graph or a function calls is not seen.
    """
    if isinstance(model, BaseChatModel):
        yield model
    elif isinstance(model, RunnableBindingBase):
        yield from chat_models_in(model.bound)
    elif isinstance(model, RunnableWithFallbacks):
        yield from chat_models_in(model.runnable)
    elif isinstance(model, RunnableSequence):
        for step in model.steps:
            yield from chat_models_in(step)


def limit_names(model: Model) -> set[str]:
    """Return the keys of `Mixture.limits` that mean this model: its provider, and `provider:model`.

    An object's provider is told by its class, `ChatOllama` being `ollama`; empty where no chat model is seen.
    """
    if isinstance(model, str):
        return {model, model.partition(":")[0]}
    labels = {model_label(chat_model) for chat_model in chat_models_in(model)}
    modules = {type(chat_model).__module__.partition(".")[0] for chat_model in chat_models_in(model)}
    return labels | {label.partition(":")[0] for label in labels} | set(_providers_of(modules))


def _providers_of(modules: set[str]) -> Iterator[str]:
    for module in modules:
        of_module = [name for name, provider in PROVIDERS.items() if provider.module == module]
        if len(of_module) == 1:
            yield of_module[0]
