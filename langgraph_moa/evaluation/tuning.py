"""Searches for the mixtures that are worth their cost, on a user's own questions and within a budget.

One half of the questions is searched on; what is told of the chosen mixtures is measured on the other half. Every call
is on the tape, and none is made twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.arm_tables import Standing, arms_data, arms_table, merit, standing
from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.bench import Bench, Measured, halves
from langgraph_moa.evaluation.figures import Point, scatter
from langgraph_moa.evaluation.intervals import pareto_front
from langgraph_moa.evaluation.judging import today
from langgraph_moa.evaluation.reports import Cell, Report, Table
from langgraph_moa.evaluation.runs import Identity, fingerprint_of, mixture_identity
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import mean
from langgraph_moa.evaluation.scoring import Scorer
from langgraph_moa.evaluation.search_space import Space
from langgraph_moa.extras import require
from langgraph_moa.mixture import Mixture
from langgraph_moa.usage import packaged_prices

if TYPE_CHECKING:
    from optuna.study import Study

SEARCH_SHARE = 2 / 3
"""Of the budget: the rest is for the questions that are held out."""
MOST_REFUSED = 30
"""Trials in a row that the budget has no room for, before the search ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningOptions:
    """How long to search, and what is wanted."""

    trials: int = 40
    """Mixtures that are drawn; one that was drawn before takes nothing."""
    seed: int = 0
    """Of the search and of the halves: with the same tape, the same seed comes to the same result."""
    budget_calls: int | None = None
    """Requests that may be made in all, retries and those on the tape apart; `None`: no limit."""
    at_most: float | None = None
    """US dollars a question that the chosen mixture may take; `None`: the best is chosen, whatever it takes."""

    def __post_init__(self) -> None:
        """Check every field."""
        checks.whole_number("TuningOptions.trials", self.trials, low=1)
        checks.whole_number("TuningOptions.seed", self.seed, low=0)
        if self.budget_calls is not None:
            checks.whole_number("TuningOptions.budget_calls", self.budget_calls, low=1)
        checks.number("TuningOptions.at_most", self.at_most, above=0)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search came to."""

    chosen: Mixture
    why: str
    """In one sentence, with the figures of both halves."""
    report: Report


def tuning_identity(space: Space, scorer: Scorer) -> Identity:
    """Return what tells a search's log from others; trials, seed and budget may differ from run to run."""
    judge, _, settings = scorer.stamp
    return Identity("tuning", "tuning", fingerprint_of([space.written(), judge, settings]))


async def tune(space: Space, bench: Bench, options: TuningOptions) -> Tuning:
    """Search for good mixtures.

    Args:
        space: What may be tried.
        bench: Open, over at least four samples. Its `max_cost` holds for the whole search.
        options: How long.

    Raises:
        ConfigurationError: There are fewer than four samples, the budget has no room for any mixture, or none of those
            tried is within `at_most`.
        MissingDependencyError: Optuna is not installed.
        MissingKeyError: A model has no key.
    """
    if len(bench.samples) < 4:  # noqa: PLR2004 - two to search on and two that are held out
        msg = f"tuning needs four questions or more, half of them to search on; got {len(bench.samples)}"
        raise ConfigurationError(msg)
    if options.at_most is not None:
        _refuse_unpriced(space)
    searched, held_out = halves(bench.samples, seed=options.seed)
    search = _Search(space, bench, searched, options)
    await search.run()
    front = search.front()
    chosen = _chosen(front, options, is_priced=search.is_priced)
    told = await _held_out(bench, [chosen, *(one for one in front if one.arm != chosen.arm)], held_out, options)
    return _tuning(search, front, chosen, told, held_out)


class _Search:
    """Trials, the mixtures that they came to, and what those are worth."""

    def __init__(self, space: Space, bench: Bench, samples: Sequence[Sample], options: TuningOptions) -> None:
        self.space = space
        self.bench = bench
        self.samples = samples
        self.options = options
        self.tested: dict[str, Measured] = {}
        """By fingerprint, in the order in which they were tried."""
        self.refused = 0
        """Trials that the budget had no room for."""

    @property
    def is_priced(self) -> bool:
        """Whether dollars are known, of mixtures of which no call failed at least; else calls stand for them."""
        known = [_dollars(tested) is not None for tested in self.tested.values() if tested.trials]
        return any(known) and (all(known) or not _unpriced(self.space))

    def take(self, tested: Measured) -> float | None:
        """Return dollars or calls a question: what a mixture's merit is set against."""
        return _dollars(tested) if self.is_priced else standing(tested, self.samples).calls

    def merit(self, told: Standing) -> float | None:
        """Return what a mixture is chosen by."""
        return merit(told, self.bench.scorer.lowest)

    def standings(self) -> list[Standing]:
        """Return what every mixture comes to on the questions that were searched on."""
        return [standing(tested, self.samples) for tested in self.tested.values()]

    async def run(self) -> None:
        """Make the trials, as far as the budget goes."""
        budget = self.bench.options
        share = None if budget.max_cost is None else budget.max_cost * SEARCH_SHARE
        self.bench.options = replace(budget, max_cost=share)
        with _quiet():
            study = _study(self.options.seed)
            for values in self.space.beginnings():
                study.enqueue_trial(dict(values))
            await self._trials(study)
        self.bench.options = budget
        if not self.tested:
            msg = "the budget has no room for a single mixture: raise it, or take fewer questions with --limit"
            raise ConfigurationError(msg)

    async def _trials(self, study: Study) -> None:
        from optuna.trial import TrialState

        in_a_row = 0
        for _ in range(self.options.trials):
            trial = study.ask()
            told = await self._try(self.space.draw(trial))
            worth = None if told is None else self.merit(told)
            if told is None or worth is None:
                in_a_row = in_a_row + 1 if told is None else 0
                study.tell(trial, state=TrialState.FAIL)
            else:
                in_a_row = 0
                spent = told.cost if told.cost is not None else told.calls
                study.tell(trial, [worth, spent or 0.0])
            if in_a_row >= MOST_REFUSED or self.bench.outcome.stopped is not None:
                return

    async def _try(self, arm: Arm) -> Standing | None:
        """Return what a mixture comes to; `None`: the budget has no room for it, or ran out on the way."""
        key = mixture_identity(arm.mixture).fingerprint
        if key not in self.tested:
            if not _has_room(self.bench, arm, self.samples, self._calls):
                self.refused += 1
                return None
            [tested] = await self.bench.test([arm], self.samples)
            if self.bench.outcome.stopped is not None:
                return None
            self.tested[key] = tested
        return standing(self.tested[key], self.samples)

    @property
    def _calls(self) -> int | None:
        calls = self.options.budget_calls
        return None if calls is None else int(calls * SEARCH_SHARE)

    def front(self) -> list[Measured]:
        """Return the mixtures that no other one beats, the cheapest first; of equal ones the first that was tried."""
        told, tested = self.standings(), list(self.tested.values())
        points = [(self.take(one), self.merit(each)) for one, each in zip(tested, told, strict=True)]
        distinct = {points[index]: index for index in reversed(pareto_front(points))}
        return [tested[index] for index in sorted(distinct.values(), key=lambda index: points[index][0] or 0.0)]


def _refuse_unpriced(space: Space) -> None:
    unpriced = _unpriced(space)
    if unpriced:
        msg = f"at_most is set, but these have no price: {', '.join(unpriced)}. Give Space.prices, or leave it out"
        raise ConfigurationError(msg)


def _unpriced(space: Space) -> list[str]:
    prices = space.prices or packaged_prices()
    labels = [seat.label for seats in (space.proposers, space.writers) for seat in seats]
    return [label for label in dict.fromkeys(labels) if not prices.knows(label)]


def _dollars(tested: Measured) -> float | None:
    """Return US dollars a question, of those whose cost is known: a call that failed may not have told its tokens."""
    return mean(trial.cost for trial in tested.trials.values())


def _has_room(bench: Bench, arm: Arm, samples: Sequence[Sample], most: int | None) -> bool:
    """Say whether a mixture can be tried without passing the budget, should none of its calls be on the tape."""
    turns = sum(len(sample.turns) for sample in samples)
    judged = 2 * len(samples) if bench.scorer.judge is not None else 0
    return most is None or bench.tape.made + arm.mixture.plan().calls * turns + judged <= most


def _chosen(front: Sequence[Measured], options: TuningOptions, *, is_priced: bool) -> Measured:
    """Return the best mixture of the front, of those within `at_most`."""
    if not front:
        msg = "no mixture that was tried has a score: see which calls failed"
        raise ConfigurationError(msg)
    if options.at_most is None:
        return front[-1]
    if not is_priced:
        msg = "at_most is set, but a model has not told its tokens, so that its cost is unknown: leave at_most out"
        raise ConfigurationError(msg)
    costs = {tested.arm.name: _dollars(tested) or 0.0 for tested in front}
    within = [tested for tested in front if costs[tested.arm.name] <= options.at_most]
    if not within:
        least = min(costs.values())
        msg = f"no mixture that was tried takes at most ${options.at_most:g} a question; the least is ${least:.4g}"
        raise ConfigurationError(msg)
    return within[-1]


async def _held_out(
    bench: Bench, front: Sequence[Measured], samples: Sequence[Sample], options: TuningOptions
) -> dict[str, Measured]:
    """Measure the front on the questions that were not searched on, the chosen one first, as far as the budget goes."""
    told: dict[str, Measured] = {}
    for tested in front:
        if not _has_room(bench, tested.arm, samples, options.budget_calls):
            continue
        [told[tested.arm.name]] = await bench.test([tested.arm], samples)
    return told


def _tuning(
    search: _Search, front: Sequence[Measured], chosen: Measured, told: dict[str, Measured], held_out: Sequence[Sample]
) -> Tuning:
    scorer = search.bench.scorer
    why = _why(search, chosen, told.get(chosen.arm.name), held_out)
    searched = standing(chosen, search.samples)
    measure = "$ a question" if search.is_priced else "calls a question"
    points = [
        Point(tested.arm.name, search.take(tested), search.merit(standing(tested, search.samples)))
        for tested in search.tested.values()
    ]
    judge = scorer.judge
    warnings = [] if judge is None else judge.warnings([chosen.arm.mixture])
    report = Report(
        title=f"Tuning: {len(search.tested)} mixtures on {len(search.samples)} questions",
        date=today(),
        tables=[
            _front_table(search, front, told, held_out),
            arms_table("All that were tried", list(search.tested.values()), search.samples, scorer),
        ],
        figures=[scatter("Mixtures that were tried", points, x_label=measure, y_label=scorer.scale)],
        notes=[why, *_limits(search), *warnings],
        data={
            "chosen": chosen.arm.to_dict(),
            "why": why,
            "searched": {**searched._asdict(), "interval": _pair(searched)},
            "front": [tested.arm.to_dict() for tested in front],
            "search": arms_data(list(search.tested.values()), search.samples, scorer),
            "held_out": arms_data(list(told.values()), held_out, scorer),
            "requests": search.bench.tape.made,
        },
    )
    return Tuning(chosen.arm.mixture, why, report)


def _pair(told: Standing) -> list[float] | None:
    return None if told.interval is None else list(told.interval)


def _limits(search: _Search) -> list[str]:
    notes = []
    if search.refused:
        notes.append(f"{search.refused} trials were not made: the budget had no room for them.")
    if search.bench.outcome.stopped is not None:
        notes.append(f"Stopped early: {search.bench.outcome.stopped}. The search may take two thirds of the limit.")
    return notes


def _why(search: _Search, chosen: Measured, told: Measured | None, held_out: Sequence[Sample]) -> str:
    searched = standing(chosen, search.samples)
    found_by = f"{search.merit(searched):.4g} on the {len(search.samples)} questions that were searched on"
    start = f"{chosen.arm.name}: {found_by}"
    if told is None or (found := standing(told, held_out)).score is None:
        return f"{start}; the budget had no room for the {len(held_out)} that were held out."
    interval = (
        "" if found.interval is None else f" (95 % interval {found.interval.low:.4g} to {found.interval.high:.4g})"
    )
    cost = "" if found.cost is None else f", at ${found.cost:.4g} a question"
    missing = f", {found.missing} of them left out for want of an answer" if found.missing else ""
    return f"{start}, {found.score:.4g}{interval} on the {len(held_out)} that were held out{missing}{cost}."


def _front_table(
    search: _Search, front: Sequence[Measured], told: dict[str, Measured], held_out: Sequence[Sample]
) -> Table:
    rows: list[list[Cell]] = []
    for tested in front:
        searched = standing(tested, search.samples)
        found = None if tested.arm.name not in told else standing(told[tested.arm.name], held_out)
        low, high = (None, None) if found is None or found.interval is None else found.interval
        held = [None if found is None else found.score, low, high]
        rows.append([tested.arm.name, _dollars(tested), searched.calls, search.merit(searched), *held])
    return Table(
        title="Pareto front",
        columns=["mixture", "$ a question", "calls", "searched on", "held out", "95 % from", "to"],
        rows=rows,
        judge=search.bench.scorer.stamp,
        notes=_front_notes(search),
    )


def _front_notes(search: _Search) -> list[str]:
    notes = ["Scores on the questions that were searched on are too good: hold to those held out."]
    if any(one.missing for one in search.standings()):
        lowest = search.bench.scorer.lowest
        notes.append(f"A question that a mixture has failed on counts as {lowest:g} where it is searched on.")
    if not search.is_priced:
        return [*notes, "A model has no price: cost is counted in calls."]
    if any(one.cost is None and one.calls is not None for one in search.standings()):
        notes.append("The $ leave out questions whose cost is not known, since a call failed or told no tokens.")
    return notes


def _study(seed: int) -> Study:
    optuna = require("optuna", extra="eval")
    sampler = optuna.samplers.TPESampler(seed=seed)
    study: Study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    return study


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the optimiser from telling every trial."""
    require("optuna", extra="eval")
    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def about_lines(tuning: Tuning, source: str) -> list[str]:
    """Return what a file of the chosen mixture says at its top: date, source and figures."""
    return [f"Chosen by moa tune on {tuning.report.date} from {source}.", tuning.why]
