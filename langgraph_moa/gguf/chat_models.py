"""A GGUF file as a chat model: LangChain's own for OpenAI's protocol, in front of an engine in this process."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from langgraph_moa.gguf.engines import engine_for
from langgraph_moa.gguf.files import file_of
from langgraph_moa.gguf.settings import split_arguments

_CLIENT = ("api_key", "disable_streaming", "http_async_client", "max_tokens", "stream_usage", "temperature")
"""Arguments that a seat gives every model."""


def chat_model(model: str, **arguments: Any) -> BaseChatModel:  # noqa: ANN401 - whatever a slot gives
    """Return the chat model of a file, with its engine running.

    Args:
        model: Path of the file.
        arguments: `EngineSettings`, and what `ChatOpenAI` takes to sample and to call.

    Raises:
        ConfigurationError: There is no such file, it is none in GGUF or cut short, or an argument is wrong.
        MissingDependencyError: llama.cpp is not installed.
        MoAError: The engine cannot load the file.
    """
    from langchain_openai import ChatOpenAI

    own = {name: arguments.pop(name) for name in _CLIENT if name in arguments}
    settings, others = split_arguments(arguments)
    path, header = file_of(model)
    settings = settings.within(header.context_length)
    engine = engine_for(path, settings)
    return ChatOpenAI(
        **{**own, **others, "api_key": SecretStr(engine.key)},
        model=engine.name,
        base_url=engine.url,
        profile={"max_input_tokens": settings.context_size},
    )
