"""A mixture of two layers of three whose every call has a name of its own, and the points where it may be killed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from langgraph_moa import Layer, Mixture, Proposer

WIDTH = 3
ONE, MERGE, TWO, FINAL = (
    [f"one-{number}" for number in range(1, WIDTH + 1)],
    ["merge"],
    [f"two-{number}" for number in range(1, WIDTH + 1)],
    ["final"],
)


@dataclass(frozen=True)
class Point:
    """Where a run is killed: while it waits for the rest of a stage."""

    stage: int
    """0: the first layer, 1: its join, 2: the second layer, 3: the aggregator."""
    finished: int
    """Calls of that stage that are answered, the first ones."""

    @property
    def is_judged(self) -> bool:
        """Whether the first layer has an aggregator of its own."""
        return self.stage == 1

    @property
    def stages(self) -> list[list[str]]:
        """Models in the order in which they are asked, stage by stage."""
        return [ONE, MERGE if self.is_judged else [], TWO, FINAL]

    @property
    def asked(self) -> list[str]:
        """Models that are asked before the kill."""
        return [name for stage in self.stages[: self.stage + 1] for name in stage]

    @property
    def hanging(self) -> list[str]:
        """Models that do not answer before the kill."""
        return self.stages[self.stage][self.finished :]

    @property
    def missing(self) -> list[str]:
        """Models that a resumed run has to ask."""
        return [*self.hanging, *(name for stage in self.stages[self.stage + 1 :] for name in stage)]

    @property
    def proposals(self) -> int:
        """Proposals that are finished before the kill."""
        return len([name for name in self.asked if name in {*ONE, *TWO}]) - (
            len(self.hanging) if self.stage in {0, 2} else 0
        )

    def __str__(self) -> str:
        """Name the test's case."""
        return f"{('layer_1', 'join', 'layer_2', 'aggregator')[self.stage]}-{self.finished}"


POINTS = [
    *(Point(0, finished) for finished in range(WIDTH)),
    Point(1, 0),
    *(Point(2, finished) for finished in range(WIDTH)),
    Point(3, 0),
]
"""Of n proposers in either layer 0, 1 and n - 1 have answered, or all n, and a join or the aggregator is at work."""


def mixture(prefix: str = "", *, judged: bool = False) -> Mixture:
    """Return the mixture.

    Args:
        prefix: Of the models' names.
        judged: Whether the first layer has an aggregator of its own.
    """
    judge = f"openai:{prefix}{MERGE[0]}" if judged else None
    first, second = ([Proposer(f"openai:{prefix}{name}") for name in names] for names in (ONE, TWO))
    layers = [Layer(first, aggregator=judge), Layer(second)]
    return Mixture(layers, f"openai:{prefix}{FINAL[0]}", name=f"{prefix}moa")


def reply(body: dict[str, Any]) -> str:
    """Answer with a word that depends on the model and on every byte that it was shown."""
    shown = json.dumps([message["content"] for message in body["messages"]])
    return f"{body['model']} {hashlib.sha256(shown.encode()).hexdigest()[:16]}"
