"""`consensus`: the reference that agrees most with the others. No model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from langgraph_moa.consensus import agreement, medoid
from langgraph_moa.strategies.base import Case, Decision, Ruling, Source, Steps, Strategy


@dataclass(frozen=True, slots=True)
class Consensus(Strategy):
    """The medoid of the references by the words that they share: see `consensus.medoid`."""

    name: ClassVar[str] = "consensus"
    asks_model: ClassVar[bool] = False
    writes_answer: ClassVar[bool] = False

    def decide(self, case: Case) -> Steps:
        """Ask nothing."""
        yield from ()
        return by_consensus(self.name, case.in_configured_order)


def by_consensus(strategy: str, sources: Sequence[Source], why: str = "") -> Ruling:
    """Return the medoid as the ruling of a strategy.

    Args:
        strategy: Its name.
        sources: At least one.
        why: What led here, for a strategy that first tried something else.
    """
    texts = [source.text for source in sources]
    chosen = sources[medoid(texts)]
    alike = agreement(texts)
    measured = "it is the only reference" if alike is None else f"mean similarity of the references {alike:.2f}"
    reason = f"{why}{chosen.slot} shares most words with the others ({measured})"
    return Ruling(chosen.text, Decision(strategy=strategy, why=reason, chosen=chosen.slot))
