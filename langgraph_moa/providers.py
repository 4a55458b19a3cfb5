"""The providers that a `"provider:model"` string may name: data only, nothing is imported from them here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.redaction import redact


class Provider(NamedTuple):
    """How a provider's chat models are reached."""

    module: str
    """Package that is imported when a string names the provider."""
    key_variable: str | None = None
    """Environment variable of its key; `None` where it needs none, or checks its own credentials."""
    factory: str | None = None
    """`module:function` that builds a model from its name, for providers that `init_chat_model` does not know."""
    openai_client: bool = False
    """Whether its class takes an HTTP client as `ChatOpenAI` does."""
    renamed: Mapping[str, str] = {}
    """What its class calls a sampling parameter, where that is another name than ours."""
    problem: str | None = None
    """`module:function` that says of a model what it lacks on this machine."""
    is_slow_to_build: bool = False
    """Whether building a model reads its weights: then no event loop waits for it."""
    retries_off: Mapping[str, Any] = {}
    """Arguments with which its client makes no retries of its own, where they must be set when it is built."""


PROVIDERS: dict[str, Provider] = {
    "anthropic": Provider("langchain_anthropic", "ANTHROPIC_API_KEY", retries_off={"max_retries": 0}),
    "anthropic_bedrock": Provider("langchain_aws"),
    "azure_ai": Provider("langchain_azure_ai"),
    "azure_openai": Provider("langchain_openai"),
    "baseten": Provider("langchain_baseten"),
    "bedrock": Provider("langchain_aws"),
    "bedrock_converse": Provider("langchain_aws"),
    "cohere": Provider("langchain_cohere", "COHERE_API_KEY"),
    "deepseek": Provider("langchain_deepseek", "DEEPSEEK_API_KEY"),
    "fireworks": Provider("langchain_fireworks", "FIREWORKS_API_KEY"),
    "gguf": Provider(
        "langgraph_moa.gguf",
        factory="langgraph_moa.gguf:chat_model",
        openai_client=True,
        problem="langgraph_moa.gguf:problem",
        is_slow_to_build=True,
    ),
    "google_anthropic_vertex": Provider("langchain_google_vertexai"),
    "google_genai": Provider("langchain_google_genai", "GOOGLE_API_KEY"),
    "google_vertexai": Provider("langchain_google_vertexai"),
    "groq": Provider("langchain_groq", "GROQ_API_KEY", retries_off={"max_retries": 0}),
    "huggingface": Provider("langchain_huggingface"),
    "ibm": Provider("langchain_ibm"),
    "litellm": Provider("langchain_litellm"),
    "mistralai": Provider("langchain_mistralai", "MISTRAL_API_KEY"),
    "nvidia": Provider("langchain_nvidia_ai_endpoints", "NVIDIA_API_KEY"),
    "offline": Provider("langgraph_moa.offline", factory="langgraph_moa.offline:chat_model"),
    "ollama": Provider("langchain_ollama", renamed={"max_tokens": "num_predict"}),
    "openai": Provider("langchain_openai", "OPENAI_API_KEY", openai_client=True),
    "openrouter": Provider("langchain_openrouter", "OPENROUTER_API_KEY"),
    "perplexity": Provider("langchain_perplexity", "PPLX_API_KEY"),
    "together": Provider("langchain_together", "TOGETHER_API_KEY", openai_client=True),
    "upstage": Provider("langchain_upstage", "UPSTAGE_API_KEY"),
    "xai": Provider("langchain_xai", "XAI_API_KEY"),
}
"""By the prefix that `langchain.chat_models.init_chat_model` uses, and `offline`."""


class ModelName(NamedTuple):
    """A model string taken apart."""

    provider: str
    model: str


def parse_model_name(text: str) -> ModelName:
    """Split `"provider:model"`.

    Raises:
        ConfigurationError: The provider is missing or unknown, or the model is missing. Bare names are refused because
            a provider guessed from a name is often the wrong one: `deepseek-ai/DeepSeek-V3` would go to DeepSeek
            although Together serves it.
    """
    provider, colon, model = text.partition(":")
    if not colon or not model.strip() or provider not in PROVIDERS:
        if not colon or "/" in provider:
            problem = "names no provider"
        else:
            problem = "names no model" if provider in PROVIDERS else f"names the unknown provider {provider!r}"
        known = ", ".join(PROVIDERS)
        msg = f"model {text!r} {problem}. Write 'provider:model', as in 'openai:gpt-4o'; providers: {known}"
        raise ConfigurationError(redact(msg))  # it may be a key that was put in the wrong place
    return ModelName(provider, model)
