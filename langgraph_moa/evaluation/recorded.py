"""Answers that real models have given, as models: a mixture of them runs with no provider and no key.

```python
recorded = read_recorded("replay.jsonl")
mixture = Mixture.of(list(recorded.models.values()), Aggregator(strategy="vote"), name="six")
```
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import SkipValidation

from langgraph_moa.checks import known_keys, number, shown, text, whole_number
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.datasets import BrokenLine, read_samples
from langgraph_moa.evaluation.samples import Sample

_LONGEST_SHOWN = 80
_PROPOSALS = "proposals"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnswer:
    """What a model has said to a question."""

    text: str
    input_tokens: int | None = None
    """`None`: not recorded; then no tokens are reported."""
    output_tokens: int | None = None
    seconds: float | None = None
    """That the model took."""
    finish_reason: str | None = None
    """In the provider's word."""

    def __post_init__(self) -> None:
        """Check every field."""
        if not isinstance(self.text, str):
            msg = f"RecordedAnswer.text must be text, which may be empty; got {shown(self.text)}"
            raise ConfigurationError(msg)
        text("RecordedAnswer.finish_reason", self.finish_reason)
        number("RecordedAnswer.seconds", self.seconds, low=0)
        for name in ("input_tokens", "output_tokens"):
            if getattr(self, name) is not None:
                whole_number(f"RecordedAnswer.{name}", getattr(self, name), low=0)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> RecordedAnswer:
        """Read an answer from a table with `text`; of the rest, what is no field is left out.

        Raises:
            ConfigurationError: `text` is missing, or a field is wrong.
        """
        known = {name: value for name, value in table.items() if name in cls.__dataclass_fields__}
        return cls(**known_keys("a recorded answer", known, cls.__dataclass_fields__, required=("text",)))


class RecordedAnswers(BaseChatModel):
    """Gives the answers that a model has given, each to its own question.

    It reads the last message of a user, and no references: its place is in a first layer. A question that is unlike all
    that were recorded, white space at its ends aside, is a `LookupError`.
    """

    model_name: str
    """Of the model that gave them."""
    answers: SkipValidation[Mapping[str, RecordedAnswer | str]]
    """By question."""
    waits: bool = False
    """Whether an answer takes as long as the recorded one did, where that is known."""

    @property
    def _llm_type(self) -> str:
        return "recorded"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - the signature is BaseChatModel's
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **_: Any,  # noqa: ANN401
    ) -> ChatResult:
        return _result(self.model_name, self._answer(messages))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **_: Any,  # noqa: ANN401
    ) -> ChatResult:
        answer = self._answer(messages)
        if self.waits and answer.seconds:
            await asyncio.sleep(answer.seconds)
        return _result(self.model_name, answer)

    def _answer(self, messages: list[BaseMessage]) -> RecordedAnswer:
        asked = next((message.text for message in reversed(messages) if isinstance(message, HumanMessage)), "")
        found = self.answers.get(asked, self.answers.get(asked.strip()))
        if found is None:
            question = " ".join(asked.split())[:_LONGEST_SHOWN]
            msg = (
                f"{self.model_name} has no recorded answer to {question!r}; it has {len(self.answers)} answers. Ask a "
                "recorded question, word for word, and ask it in a first layer: references are part of a question"
            )
            raise LookupError(msg)
        return RecordedAnswer(text=found) if isinstance(found, str) else found


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a file of recorded answers holds."""

    samples: tuple[Sample, ...]
    """In the order of the file; `target` is the right answer where the file says it."""
    models: Mapping[str, RecordedAnswers]
    """By name, in the order in which the file names them."""
    broken: tuple[BrokenLine, ...]
    """Lines that hold no sample."""


def read_recorded(path: str | Path, *, waits: bool = False) -> Recorded:
    """Read recorded answers: in JSON lines, objects with `id`, `question`, `proposals` and perhaps `gold` or `target`.

    `proposals` is a table from a model's name to its answer: a text, or a table of a `RecordedAnswer`. Whatever else
    stands in a line is the sample's metadata.

    Args:
        path: Of the file.
        waits: As in `RecordedAnswers`.

    Raises:
        ConfigurationError: The file cannot be read, two lines have the same id, or two have the same question and give
            it different answers of one model.
    """
    file = read_samples(path, _sample)
    samples: list[Sample] = []
    answers: dict[str, dict[str, RecordedAnswer]] = {}
    for sample in file:
        proposals: Mapping[str, RecordedAnswer] = sample.metadata[_PROPOSALS]
        rest = {name: value for name, value in sample.metadata.items() if name != _PROPOSALS}
        samples.append(Sample(sample.id, sample.turns, sample.target, rest))
        for model, answer in proposals.items():
            known = answers.setdefault(model, {}).setdefault(sample.turns[0].strip(), answer)
            if known != answer:
                msg = f"{path}: {model} gives two answers to the question of {sample.id!r}. Keep one of them"
                raise ConfigurationError(msg)
    models = {name: RecordedAnswers(model_name=name, answers=held, waits=waits) for name, held in answers.items()}
    return Recorded(tuple(samples), models, tuple(file.broken))


def _sample(row: dict[str, Any]) -> Sample:
    given = row.get("target", row.get("gold"))
    rest = {name: value for name, value in row.items() if name not in {"id", "question", "target", "gold"}}
    rest[_PROPOSALS] = {str(model): _recorded(said) for model, said in dict(row[_PROPOSALS]).items()}
    return Sample(str(row["id"]), (row["question"],), _target(given), rest)


def _target(given: object) -> str | None:
    """Return what a right answer says; a whole number is written as one, also where JSON has it as 31.0."""
    if given is None or isinstance(given, str):
        return given
    return f"{given:.15g}" if isinstance(given, float) else json.dumps(given)


def _recorded(said: object) -> RecordedAnswer:
    if isinstance(said, str):
        return RecordedAnswer(text=said)
    if not isinstance(said, Mapping):
        msg = f"a recorded answer must be a text or a table with a text, got {type(said).__name__}"
        raise ConfigurationError(msg)
    return RecordedAnswer.from_dict(said)


def _result(model_name: str, answer: RecordedAnswer) -> ChatResult:
    read, written = answer.input_tokens, answer.output_tokens
    usage = None
    if read is not None and written is not None:
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    metadata = {"model_name": model_name, "finish_reason": answer.finish_reason}
    told = {name: value for name, value in metadata.items() if value is not None}
    return ChatResult(
        generations=[
            ChatGeneration(message=AIMessage(answer.text, usage_metadata=usage, response_metadata=told)),
        ]
    )
