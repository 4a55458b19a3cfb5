"""What a contender is asked to do, and what came of it, as lines of JSON. Standard library only.

A contender runs in a process of its own, and may run in an environment that has nothing of this project.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

Conversation = list[dict[str, str]]
"""Messages with `role` and `content`, the last one of the user."""
Ask = Callable[[Conversation], AsyncIterator[str]]
"""Runs one mixture and gives its answer: piece by piece if the contender streams, and in one piece if it does not."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Mixtures to run, some of them at the same time."""

    layers: list[list[str]]
    """The proposers' models, layer by layer: names under which the provider knows them."""
    aggregator: str
    url: str | None = None
    """Base URL of the provider, ending in `/v1`; `None`: models in the contender's process that wait `delay`."""
    delay: float = 0.0
    """Seconds that every model in process takes."""
    conversations: list[Conversation] = field(default_factory=lambda: [[{"role": "user", "content": "Why?"}]])
    """Asked in turn, from the first again after the last."""
    mixtures: int = 1
    concurrency: int = 1
    """Mixtures under way at the same time."""
    warm_up: int = 1
    """Mixtures before the measurement, one after the other."""
    stream: bool = False
    """Whether the answer is wanted token by token."""
    options: dict[str, Any] = field(default_factory=dict)
    """Of the contender, such as `quorum` and `grace`."""

    @property
    def calls(self) -> int:
        """Model calls of one mixture."""
        return sum(map(len, self.layers)) + 1

    @property
    def depth(self) -> int:
        """Stages of model calls."""
        return len(self.layers) + 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a job; lists have an item for each mixture, in the order in which they were begun."""

    seconds: list[float]
    first_token: list[float | None]
    """Seconds from the beginning of the mixture to the first piece of its answer that is not empty."""
    answers: list[str | None]
    errors: list[str | None]
    elapsed: float
    """Seconds of the whole job."""
    processor: float
    """Seconds of processor time of the contender's process."""
    memory: int | None
    """Bytes by which the process grew at most, above what it held before; `None` where the system does not tell."""

    @property
    def answered(self) -> int:
        """Mixtures that gave an answer."""
        return sum(answer is not None for answer in self.answers)


class Contender(Protocol):
    """A module that runs mixtures."""

    NAME: str
    VERSIONS: list[str]
    """Distributions whose versions are told beside the figures."""

    def opened(self, job: Job) -> AbstractAsyncContextManager[Ask]:
        """Make ready what the job needs, and close it afterwards."""
        ...


def write(message: Job | Result) -> str:
    """Return one line."""
    return json.dumps(asdict(message)) + "\n"


def read_job(line: str) -> Job:
    """Read what `write` has written."""
    return Job(**json.loads(line))


def read_result(line: str) -> Result:
    """Read what `write` has written."""
    return Result(**json.loads(line))
