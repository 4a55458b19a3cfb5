"""What a model is called where a recipe names it: the keys of `Mixture.limits`."""

from __future__ import annotations

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from langgraph_moa.chains import chat_models_in, is_plain
from langgraph_moa.mixture.seats import Model, model_label
from langgraph_moa.providers import PROVIDERS


def limit_names(model: Model) -> set[str]:
    """Return the keys of `Mixture.limits` that mean this model: its provider, and `provider:model`.

    An object's provider is told by its class, `ChatOllama` being `ollama`. A chain has keys only where nothing but its
    chat models can ask a provider: else it would hold a place while an agent or a mixture within it waits for one.
    """
    if isinstance(model, str):
        return {model, model.partition(":")[0]}
    chat_models = chat_models_in(model) if isinstance(model, Runnable) and is_plain(model) else []
    labels = {model_label(chat_model) for chat_model in chat_models}
    providers = {provider for chat_model in chat_models for provider in _provider_of(type(chat_model))}
    return labels | {label.partition(":")[0] for label in labels} | providers


def _provider_of(kind: type[BaseChatModel]) -> list[str]:
    """Return the provider whose package a class is of; of several, the one that its name fits best."""
    module = kind.__module__.partition(".")[0]
    spelt = {name: name.replace("_", "") for name, provider in PROVIDERS.items() if provider.module == module}
    own = kind.__name__.replace("Chat", "").lower()
    exact = [name for name, spelling in spelt.items() if spelling == own]
    ending = [name for name, spelling in spelt.items() if spelling.endswith(own)]
    return (list(spelt) if len(spelt) == 1 else exact or ending)[:1]
