"""`sequential`: the references are synthesised a window at a time, the best answer so far leading each window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from langgraph_moa import checks
from langgraph_moa.strategies.base import Ask, Case, Decision, Ruling, Steps, Strategy


@dataclass(frozen=True, slots=True)
class Sequential(Strategy):
    """Self-MoA-Seq: any number of proposals fits a model's context. Source: Li et al. 2025 (arXiv:2502.00674)."""

    name: ClassVar[str] = "sequential"

    window: int = 6
    """References in one request, the answer so far among them: 2 or more."""

    def __post_init__(self) -> None:
        """Check the window."""
        checks.whole_number("Sequential.window", self.window, low=2)

    def decide(self, case: Case) -> Steps:
        """Ask once for each window."""
        texts = [source.text for source in case.sources]
        taken, leading = self.window, list[str]()
        windows = self.requests(len(texts))
        for number in range(1, windows + 1):
            shown, texts = texts[:taken], texts[taken:]
            is_last = number == windows
            reply = yield Ask([*leading, *shown], gives_answer=is_last)
            if reply is None and not is_last:
                return None
            leading, taken = [reply or ""], self.window - 1
        why = f"the aggregator wrote the answer in {windows} windows of up to {self.window} references"
        return Ruling(None, Decision(strategy=self.name, why=why, chosen=None, windows=windows))

    def requests(self, references: int) -> int:
        """Return one for the first window, and one for each further `window - 1` references."""
        return int(references > 0) + -(-max(0, references - self.window) // (self.window - 1))
