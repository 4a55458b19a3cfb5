"""`synthesize`: the model writes one answer from all references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from langgraph_moa.strategies.base import Ask, Case, Decision, Ruling, Steps, Strategy


@dataclass(frozen=True, slots=True)
class Synthesize(Strategy):
    """Aggregate-and-Synthesize. Source: Wang et al. 2024 (arXiv:2406.04692), table 1."""

    name: ClassVar[str] = "synthesize"

    def decide(self, case: Case) -> Steps:
        """Ask once."""
        yield Ask([source.text for source in case.sources], gives_answer=True)
        why = f"the aggregator wrote the answer from {len(case.sources)} references"
        return Ruling(None, Decision(strategy=self.name, why=why, chosen=None))
