"""What a model is called in `Mixture.limits`: strings by their parts, objects by class, chains by what they call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from langchain_together import ChatTogether

from langgraph_moa import Mixture, create_moa
from langgraph_moa.chains import chat_models_in
from langgraph_moa.mixture.naming import limit_names
from langgraph_moa.providers import PROVIDERS
from langgraph_moa.testing import ScriptedChatModel

OPENAI: Any = ChatOpenAI
TOGETHER: Any = ChatTogether
AZURE: Any = AzureChatOpenAI
GPT = OPENAI(model="gpt-4o", api_key="k")
QWEN = TOGETHER(model="Qwen/Qwen2", api_key="k")
AZURE_GPT = AZURE(
    azure_deployment="d", model="gpt-4o", api_version="2024-10-21", azure_endpoint="https://us.example", api_key="k"
)
PROMPT = ChatPromptTemplate.from_messages([("placeholder", "{messages}")])
BOTH = {"openai", "openai:gpt-4o", "together", "together:Qwen/Qwen2"}
SAYS: RunnableLambda[Any, str] = RunnableLambda(lambda _: "hello")


class ChatOllama(ScriptedChatModel):
    """Stands for a provider's class, by its name and its package."""

    __module__ = "langchain_ollama.chat_models"


@given(st.sampled_from(sorted(PROVIDERS)), st.text(min_size=1))
def test_a_string_is_named_by_its_parts(provider: str, model: str) -> None:
    """`provider:model` falls under its provider and under itself, whatever colons the model's name has."""
    assert limit_names(f"{provider}:{model}") == {provider, f"{provider}:{model}"}


@pytest.mark.parametrize(
    ("model", "names"),
    [
        pytest.param(GPT, {"openai", "openai:gpt-4o"}, id="openai"),
        pytest.param(QWEN, {"together", "together:Qwen/Qwen2"}, id="together"),
        pytest.param(ChatOllama(model_name="llama"), {"ollama", "ollama:llama"}, id="ollama"),
        pytest.param(GPT.bind(temperature=1), {"openai", "openai:gpt-4o"}, id="bound"),
        pytest.param(GPT.with_retry(), {"openai", "openai:gpt-4o"}, id="with-retry"),
        pytest.param(GPT.with_config(tags=["t"]), {"openai", "openai:gpt-4o"}, id="with-config"),
        pytest.param(PROMPT | GPT | StrOutputParser(), {"openai", "openai:gpt-4o"}, id="chain"),
        pytest.param(GPT.with_fallbacks([QWEN]), BOTH, id="fallbacks"),
        pytest.param(PROMPT | GPT | QWEN, BOTH, id="two-in-a-row"),
        pytest.param(PROMPT | GPT | SAYS | QWEN, set(), id="chain-with-a-function"),
        pytest.param(SAYS, set(), id="function"),
        pytest.param(PROMPT | SAYS, set(), id="chain-without-a-model"),
        pytest.param(create_moa(Mixture.of(["openai:a"], "openai:b")), set(), id="compiled-mixture"),
    ],
)
def test_an_object_is_named_by_what_it_surely_calls(model: Any, names: set[str]) -> None:
    """The chat models of a chain count, behind whatever wraps them, unless something in it may call others unseen."""
    assert limit_names(model) == names


def test_azure_is_a_provider_of_its_own() -> None:
    """An object of Azure's class falls under the prefix that a string of it has."""
    assert "azure_openai" in limit_names(AZURE_GPT)


def test_azure_is_not_openai() -> None:
    """Its limits are not those of the provider whose package it is in."""
    assert "openai" not in limit_names(AZURE_GPT)


def test_chat_models_of_a_chain_are_the_objects_themselves() -> None:
    """What is found are the models as they were given, in order."""
    assert chat_models_in(PROMPT | GPT | SAYS | QWEN.bind(stop=["x"])) == [GPT, QWEN]
