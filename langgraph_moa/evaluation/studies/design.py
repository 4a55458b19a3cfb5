"""What every study over a bench is: named arms over one set of samples, and how they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.arm_tables import Standing, arms_data, arms_figure, arms_table, difference, standing
from langgraph_moa.evaluation.arms import Arm, single
from langgraph_moa.evaluation.bench import Bench, Measured
from langgraph_moa.evaluation.comparing import alike, singles_of
from langgraph_moa.evaluation.intervals import Difference
from langgraph_moa.evaluation.judging import today
from langgraph_moa.evaluation.reports import Cell, Figure, Report, Table
from langgraph_moa.evaluation.runs import DryRun, Identity, dry_run, fingerprint_of, mixture_identity
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scoring import Scorer
from langgraph_moa.mixture import Aggregator, Mixture, Proposer


class Results(NamedTuple):
    """What came of the arms of a study."""

    bench: Bench
    tested: dict[str, Measured]
    """By name."""

    @property
    def samples(self) -> Sequence[Sample]:
        """All that were asked."""
        return self.bench.samples

    @property
    def scorer(self) -> Scorer:
        """Who scored."""
        return self.bench.scorer

    def standing(self, name: str) -> Standing:
        """Return what an arm comes to."""
        return standing(self.tested[name], self.samples)

    def ahead(self, first: str, second: str) -> Difference | None:
        """Return how far one arm is ahead of another; `None`: too few samples are scored for both."""
        return difference(self.tested[first], self.tested[second], self.samples)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *notes: str) -> Table:
        """Return a table of scores."""
        return Table(title=title, columns=columns, rows=rows, judge=self.scorer.stamp, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A study before it is made."""

    name: str
    title: str
    arms: Sequence[Arm]
    tables: Callable[[Results], Sequence[Table]]
    """What the study is about; a table of all arms is added."""
    figures: Callable[[Results], Sequence[Figure]]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse two arms of one name."""
        names = [arm.name for arm in self.arms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"study {self.name!r}: two arms are called {twice[0]!r}. Give the proposers names of their own"
            raise ConfigurationError(msg)

    def identity(self, scorer: Scorer) -> Identity:
        """Return what tells the study's log from others."""
        judge, _, settings = scorer.stamp
        arms = [[arm.name, mixture_identity(arm.mixture).fingerprint] for arm in self.arms]
        return Identity("study", self.name, fingerprint_of([self.name, arms, judge, settings]))

    def planned(self, samples: Sequence[Sample]) -> dict[str, DryRun]:
        """Say what each arm would make; requests that arms share count for each, though they are made once."""
        asked = [(sample.id, sample.turns) for sample in samples]
        return {arm.name: dry_run(arm.mixture, asked) for arm in self.arms}


async def conduct(design: Design, bench: Bench) -> Report:
    """Make a study.

    Args:
        design: Of it.
        bench: Open, with `design.identity` for its log.

    Raises:
        MissingKeyError: A model has no key.
        MissingDependencyError: matplotlib is not installed.
    """
    tested = await bench.test(design.arms)
    results = Results(bench, {one.arm.name: one for one in tested})
    judge = bench.scorer.judge
    warnings = [] if judge is None else judge.warnings([arm.mixture for arm in design.arms])
    stopped = [] if bench.outcome.stopped is None else [f"Stopped early: {bench.outcome.stopped}."]
    return Report(
        title=f"{design.title}: {len(bench.samples)} questions",
        date=today(),
        tables=[*design.tables(results), arms_table("All arms", tested, bench.samples, bench.scorer)],
        figures=design.figures(results),
        notes=[*stopped, *dict.fromkeys(warnings), *design.notes],
        data={"study": design.name, **arms_data(tested, bench.samples, bench.scorer)},
    )


def bars_of(title: str) -> Callable[[Results], Sequence[Figure]]:
    """Return what draws the score of every arm with its interval."""
    return lambda results: [arms_figure(title, list(results.tested.values()), results.samples, results.scorer)]


def gain_cells(found: Difference | None) -> list[Cell]:
    """Return a paired difference as cells for `GAIN_COLUMNS`."""
    if found is None:
        return [None, None, None, "too few questions"]
    word = "gain" if found.mean > 0 else "loss"
    return [found.mean, found.low, found.high, f"significant {word}" if found.significant else "not significant"]


GAIN_COLUMNS = ("gain", "95 % from", "to", "verdict")


def seats_of(mixture: Mixture, *, least: int = 2) -> dict[str, Proposer]:
    """Return the proposers of the first layer by label, each once and with one draw.

    Raises:
        ConfigurationError: There are fewer than the study needs.
    """
    seats = {label: replace(arm.mixture.layers[0].seats[0], samples=1) for label, arm in singles_of(mixture).items()}
    if len(seats) < least:
        msg = f"this study needs {least} different proposers or more, got {', '.join(seats)}: name others as well"
        raise ConfigurationError(msg)
    return seats


def drawn_seats_of(mixture: Mixture, *, least: int = 2) -> dict[str, Proposer]:
    """Return the proposers of the first layer by label, each once and with all the draws that it has there.

    Raises:
        ConfigurationError: There are fewer than the study needs.
    """
    singles = seats_of(mixture, least=least)
    draws = {
        label: sum(seat.samples for seat in mixture.layers[0].seats if replace(seat, samples=1) == one)
        for label, one in singles.items()
    }
    return {label: replace(one, samples=draws[label]) for label, one in singles.items()}


def alone(mixture: Mixture, seat: Proposer) -> Mixture:
    """Return one proposer and no further call."""
    return alike(mixture, single(seat))


def stage(mixture: Mixture, seats: Sequence[Proposer], aggregator: Aggregator, *, depth: int = 2) -> Mixture:
    """Return a mixture of some proposers, with all else as in another one."""
    layers = [replace(mixture.layers[0], proposers=list(seats), quorum=1, stop_when=None)] * (depth - 1)
    bare = replace(mixture, layers=layers, aggregator=aggregator, limits={}, preset=None, preset_version=None)
    return alike(mixture, bare)


def as_writer(seat: Proposer) -> Aggregator:
    """Return a proposer in the seat of the aggregator; its system prompt, view and draws stay behind."""
    return Aggregator(
        seat.model,
        temperature=seat.temperature,
        max_tokens=seat.max_tokens,
        fallbacks=seat.fallbacks,
        timeout=seat.timeout,
        context_window=seat.context_window,
        model_kwargs=seat.model_kwargs,
    )


def as_speaker(aggregator: Aggregator) -> Proposer:
    """Return an aggregator as a proposer.

    Raises:
        ConfigurationError: Its strategy asks no model.
    """
    if aggregator.model is None:
        msg = f"strategy {aggregator.decider.name!r} asks no model, and this study needs an aggregator that can answer"
        raise ConfigurationError(msg)
    return Proposer(
        aggregator.model,
        temperature=aggregator.temperature,
        max_tokens=aggregator.max_tokens,
        fallbacks=aggregator.fallbacks,
        timeout=aggregator.timeout,
        context_window=aggregator.context_window,
        model_kwargs=aggregator.model_kwargs,
    )


def scores_of(results: Results, names: Sequence[str]) -> list[Any]:
    """Return the mean scores of some arms; `None` for one that is not there."""
    return [results.standing(name).score if name in results.tested else None for name in names]
