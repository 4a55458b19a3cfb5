"""The mixtures that a search may try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast, get_args

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.studies.design import as_writer
from langgraph_moa.mixture import Aggregator, Layer, Mixture, Proposer
from langgraph_moa.strategies.reading import STRATEGIES, StrategyName
from langgraph_moa.usage import PriceTable

USUAL: tuple[StrategyName, ...] = ("synthesize", "select", "vote", "consensus")
"""Strategies that are tried where nothing else is asked for: those that take one call or none."""
NAME = "tuned"
"""Of every mixture that is tried."""


class Suggesting(Protocol):
    """Chooses values: a trial of an optimiser."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:  # noqa: ANN401 - one of the choices
        """Return one of the choices."""

    def suggest_int(self, name: str, low: int, high: int) -> int:
        """Return a number from low to high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Candidates for each seat, and how large a mixture may be."""

    proposers: Sequence[Proposer]
    """Candidates; each is in a mixture or not. Draws of one count as `samples`."""
    aggregators: Sequence[Aggregator] = ()
    """Candidates; `()`: the proposers."""
    strategies: Sequence[StrategyName] = USUAL
    deepest: int = 3
    """Stages, the aggregator included, 2 to 8."""
    most_samples: int = 3
    """Draws of each proposer, 1 to 16."""
    prices: PriceTable | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        if not self.proposers:
            msg = "Space.proposers is empty: name at least one candidate"
            raise ConfigurationError(msg)
        labels = [seat.label for seat in self.proposers]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            msg = f"Space.proposers names {twice[0]!r} twice: name each candidate once, draws are searched over"
            raise ConfigurationError(msg)
        if not self.strategies:
            msg = f"Space.strategies is empty: name some of {', '.join(get_args(StrategyName))}"
            raise ConfigurationError(msg)
        for strategy in self.strategies:
            checks.choice("each of Space.strategies", strategy, get_args(StrategyName))
        checks.whole_number("Space.deepest", self.deepest, low=2, high=8)
        checks.whole_number("Space.most_samples", self.most_samples, low=1, high=16)

    @property
    def writers(self) -> tuple[Aggregator, ...]:
        """Candidates for the aggregator."""
        return tuple(self.aggregators) or tuple(as_writer(seat) for seat in self.proposers)

    def draw(self, trial: Suggesting) -> Arm:
        """Return the mixture that a trial chooses; several choices may come to the same one."""
        chosen = [seat for seat in self.proposers if trial.suggest_categorical(f"with {seat.label}", [True, False])]
        writers = {writer.label: writer for writer in self.writers}
        writer = writers[trial.suggest_categorical("aggregator", list(writers))]
        strategy = trial.suggest_categorical("strategy", list(self.strategies))
        depth = trial.suggest_int("depth", 2, self.deepest)
        samples = trial.suggest_int("samples", 1, self.most_samples)
        return self.arm(chosen or self.proposers[:1], writer, strategy, depth=depth, samples=samples)

    def arm(
        self, proposers: Sequence[Proposer], writer: Aggregator, strategy: StrategyName, *, depth: int, samples: int
    ) -> Arm:
        """Return one mixture of the space."""
        asks = STRATEGIES[strategy].asks_model
        seats = [replace(seat, samples=samples) for seat in proposers]
        aggregator = replace(writer, strategy=strategy) if asks else Aggregator(strategy=strategy)
        mixture = Mixture([Layer(seats)] * (depth - 1), aggregator, name=NAME, prices=self.prices)
        drawn = f" x {samples}" if samples > 1 else ""
        models = " + ".join(seat.label for seat in proposers)
        last = f"{strategy} by {writer.label}" if asks else strategy
        return Arm(f"{models}{drawn}, depth {depth}, {last}", mixture)

    def beginnings(self) -> list[Mapping[str, Any]]:
        """Return what a search tries first: each proposer alone, then all of them before each aggregator."""
        bare = {"samples": 1, "depth": 2}
        first = self.writers[0].label
        quiet = next((name for name in self.strategies if not STRATEGIES[name].asks_model), None)
        alone: list[Mapping[str, Any]] = [
            {**self._only([seat]), **bare, "aggregator": first, "strategy": quiet}
            for seat in self.proposers
            if quiet is not None
        ]
        together = [
            {**self._only(self.proposers), **bare, "aggregator": writer.label, "strategy": self.strategies[0]}
            for writer in self.writers
        ]
        return [*alone, *together]

    def written(self) -> dict[str, Any]:
        """Return all that a search's results depend on, as plain data."""
        return {
            "proposers": [seat.to_dict() for seat in self.proposers],
            "aggregators": [writer.to_dict() for writer in self.writers],
            "strategies": list(self.strategies),
            "deepest": self.deepest,
            "most_samples": self.most_samples,
        }

    def _only(self, chosen: Sequence[Proposer]) -> dict[str, bool]:
        return {f"with {seat.label}": seat in chosen for seat in self.proposers}


def strategies_of(names: Sequence[str]) -> tuple[StrategyName, ...]:
    """Read strategies as a user names them.

    Raises:
        ConfigurationError: One is unknown.
    """
    for name in names:
        checks.choice("strategy", name, get_args(StrategyName))
    return cast("tuple[StrategyName, ...]", tuple(dict.fromkeys(names)))
