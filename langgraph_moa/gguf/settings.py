"""How an engine runs a file: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError

SAMPLING = (
    "extra_body",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_retries",
    "n",
    "presence_penalty",
    "seed",
    "stop",
    "timeout",
    "top_logprobs",
    "top_p",
)
"""Arguments that are the client's, as in `ChatOpenAI`."""
_SMALLEST = 128
"""Tokens of a context with which an engine is started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Of one engine. In a slot they stand in `model_kwargs`.

    Raises:
        ConfigurationError: A value is out of its range.
    """

    context_size: int = 8192
    """Tokens of one request, its answer included, and no more than the model was made for."""
    parallel: int = 2
    """Requests that are answered at once; each takes memory for a context of its own, others wait."""
    threads: int | None = None
    """Processor threads; `None`: as llama.cpp chooses."""
    gpu_layers: int | None = None
    """Of the model that are kept on a GPU, where the engine was built for one; `None`: as llama.cpp chooses."""

    def __post_init__(self) -> None:
        """Check every field."""
        checks.whole_number("context_size", self.context_size, low=_SMALLEST)
        checks.whole_number("parallel", self.parallel, low=1, high=64)
        if self.threads is not None:
            checks.whole_number("threads", self.threads, low=1)
        if self.gpu_layers is not None:
            checks.whole_number("gpu_layers", self.gpu_layers, low=0)

    def within(self, context_length: int | None) -> EngineSettings:
        """Return the settings with no more context than a model was made for.

        Args:
            context_length: Of the model; `None`: not known.
        """
        if context_length is None or context_length >= self.context_size:
            return self
        return replace(self, context_size=max(context_length, _SMALLEST))


def split_arguments(arguments: Mapping[str, Any]) -> tuple[EngineSettings, dict[str, Any]]:
    """Return what is the engine's, and what is the client's, of the arguments of a slot.

    Raises:
        ConfigurationError: An argument is neither, or a value is out of its range.
    """
    engine = {field.name: arguments[field.name] for field in fields(EngineSettings) if field.name in arguments}
    others = {name: value for name, value in arguments.items() if name not in engine}
    unknown = sorted(set(others) - set(SAMPLING))
    if unknown:
        known = ", ".join([*(field.name for field in fields(EngineSettings)), *SAMPLING])
        msg = f"a gguf model takes no {', '.join(map(repr, unknown))} in model_kwargs. Known: {known}"
        raise ConfigurationError(msg)
    return EngineSettings(**engine), others
