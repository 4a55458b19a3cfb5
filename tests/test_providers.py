"""Model strings: a provider is always named, and never guessed."""

from __future__ import annotations

import re

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.providers import PROVIDERS, parse_model_name


@pytest.mark.parametrize(
    ("text", "provider", "model"),
    [
        pytest.param("openai:gpt-4o", "openai", "gpt-4o", id="plain"),
        pytest.param("together:Qwen/Qwen1.5-72B-Chat", "together", "Qwen/Qwen1.5-72B-Chat", id="organisation"),
        pytest.param("ollama:llama3.2:3b", "ollama", "llama3.2:3b", id="colon-in-the-model"),
        pytest.param("openai:ft:gpt-4o:acme::7", "openai", "ft:gpt-4o:acme::7", id="fine-tuned"),
    ],
)
def test_a_string_is_split_at_its_first_colon(text: str, provider: str, model: str) -> None:
    """Everything behind the first colon is the model's name."""
    assert parse_model_name(text) == (provider, model)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("gpt-4o", "names no provider", id="bare"),
        pytest.param("deepseek-ai/DeepSeek-V3", "names no provider", id="bare-with-organisation"),
        pytest.param("meta-llama/Llama:free", "names no provider", id="bare-with-a-tag"),
        pytest.param("llama3.2:3b", "names the unknown provider 'llama3.2'", id="ollama-tag-without-provider"),
        pytest.param("OpenAI:gpt-4o", "names the unknown provider 'OpenAI'", id="wrong-case"),
        pytest.param("openai:", "names no model", id="no-model"),
        pytest.param("openai:  ", "names no model", id="blank-model"),
        pytest.param(":gpt-4o", "names the unknown provider ''", id="no-provider"),
        pytest.param("", "names no provider", id="empty"),
    ],
)
def test_refused_strings(text: str, problem: str) -> None:
    """A string without a known provider or without a model is refused with the string, the problem and the remedy."""
    expected = re.escape(f"model {text!r} {problem}. Write 'provider:model', as in 'openai:gpt-4o'")
    with pytest.raises(ConfigurationError, match=expected) as caught:
        parse_model_name(text)
    assert all(provider in str(caught.value) for provider in PROVIDERS)


def test_a_key_in_the_place_of_a_model_is_not_repeated() -> None:
    """Who pastes a key where a model belongs is told what belongs there, and does not find the key in a log."""
    with pytest.raises(ConfigurationError, match="names no provider") as caught:
        parse_model_name("sk-proj-abcdefgh12345678")
    assert "abcdefgh" not in str(caught.value)


def test_provider_names_can_be_written() -> None:
    """No provider's name holds a colon or a slash, so that every one can stand before a model."""
    assert not [name for name in PROVIDERS if ":" in name or "/" in name or name != name.lower()]


def test_keys_of_the_two_providers_that_come_with_the_package() -> None:
    """Together and OpenAI read the variables that their own clients read."""
    assert PROVIDERS["openai"].key_variable == "OPENAI_API_KEY"
    assert PROVIDERS["together"].key_variable == "TOGETHER_API_KEY"
    assert PROVIDERS["offline"].key_variable is None
