"""Does the mixture help? It is compared with what one model does, on the same questions and at the same cost."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from textwrap import shorten
from typing import Literal, NamedTuple

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.arm_tables import (
    arms_data,
    arms_figure,
    arms_table,
    difference,
    differences_table,
    join,
    merit,
    standing,
    verdict,
)
from langgraph_moa.evaluation.arms import Arm, drawn, single
from langgraph_moa.evaluation.bench import Bench, Measured, halves
from langgraph_moa.evaluation.figures import Point, scatter
from langgraph_moa.evaluation.intervals import Difference
from langgraph_moa.evaluation.judging import today
from langgraph_moa.evaluation.reports import Figure, Report
from langgraph_moa.evaluation.runs import DryRun, Identity, dry_run, mixture_identity
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scoring import Scorer
from langgraph_moa.mixture import Mixture, Proposer, model_label
from langgraph_moa.mixture.naming import limit_names
from langgraph_moa.mixture.recipe import models_within

MIXTURE, SELF_MOA, BEST_SINGLE, EQUAL_COST = "mixture", "self-moa", "best single", "single at equal cost"
_FEW_QUESTIONS = 20
"""Below which intervals are too narrow to trust."""
MOST_DRAWS = 64
"""Of the best single, however little one of them costs."""


class Choice(NamedTuple):
    """Which single model is asked some of the samples: the best one on the others."""

    proposer: Proposer
    label: str
    samples: Sequence[Sample]


class Draws(NamedTuple):
    """Of a single, in place of the mixture."""

    number: int
    why: str


def comparison_identity(mixture: Mixture, scorer: Scorer) -> Identity:
    """Return what tells a comparison's log from others."""
    judge, _, settings = scorer.stamp
    return mixture_identity(mixture, kind="comparison", scorer=[judge, settings])


async def compare(mixture: Mixture, bench: Bench, *, seed: int = 0) -> Report:
    """Compare a mixture with Self-MoA, its best proposer alone, and that one drawn as often as the mixture's cost buys.

    Which proposer is the best is learned on one half of the samples and applied to the other half, both ways, so that
    no arm is chosen by the answers that it is scored on.

    Args:
        mixture: Its first layer holds the candidates for the best single.
        bench: Open, over at least two samples.
        seed: Of the halves.

    Raises:
        ConfigurationError: There are fewer than two samples.
        MissingKeyError: A model has no key.
    """
    if len(bench.samples) < 2:  # noqa: PLR2004 - two halves
        msg = f"a comparison needs two samples or more, got {len(bench.samples)}"
        raise ConfigurationError(msg)
    candidates = singles_of(mixture)
    whole, *alone = await bench.test([Arm(MIXTURE, mixture), *candidates.values()])
    choices = _choices(dict(zip(candidates, alone, strict=True)), bench.samples, bench.scorer.lowest, seed)
    draws = {choice.label: _draws(whole, _of(alone, choice.label)) for choice in choices}
    strategy: Literal["vote", "consensus"] = "vote" if bench.scorer.judge is None else "consensus"
    arms = {BEST_SINGLE: {choice.label: alike(mixture, single(choice.proposer)) for choice in choices}}
    if not _is_self_moa(mixture):
        arms = {SELF_MOA: {choice.label: self_moa(mixture, choice.proposer) for choice in choices}, **arms}
    arms[EQUAL_COST] = {
        choice.label: alike(mixture, drawn(choice.proposer, draws[choice.label].number, strategy=strategy))
        for choice in choices
    }
    others = [await _crossed(bench, name, by_label, choices) for name, by_label in arms.items()]
    return _report(mixture, bench, [whole, *others], alone, _chosen_notes(choices, draws, strategy))


def singles_of(mixture: Mixture) -> dict[str, Arm]:
    """Return each proposer of the first layer alone, by its label; one that stands there twice counts once."""
    arms: dict[str, Arm] = {}
    for seat in mixture.layers[0].seats:
        recipe = alike(mixture, single(seat))
        label = seat.name or model_label(seat.model)
        if any(arm.mixture == recipe for arm in arms.values()):
            continue
        label = label if label not in arms else f"{label} ({len(arms) + 1})"
        arms[label] = Arm(label, recipe)
    return arms


def self_moa(mixture: Mixture, proposer: Proposer) -> Mixture:
    """Return the mixture with draws of one proposer in place of all of them (Li et al. 2025, arXiv:2502.00674)."""
    layers = [
        replace(layer, proposers=[replace(proposer, name=None, samples=len(slots))])
        for layer, slots in zip(mixture.layers, mixture.slots, strict=True)
    ]
    bare = replace(mixture, layers=layers, name=SELF_MOA, limits={}, preset=None, preset_version=None)
    return alike(mixture, bare)


def alike(mixture: Mixture, recipe: Mixture) -> Mixture:
    """Return a recipe with the prices of a mixture, and with those of its limits that concern it."""
    names = {name for _, model in models_within(recipe) for name in limit_names(model)}
    limits = {key: limit for key, limit in mixture.limits.items() if key in names or "://" in key}
    return replace(recipe, prices=mixture.prices, limits=limits)


def planned(mixture: Mixture, samples: Sequence[Sample]) -> dict[str, DryRun]:
    """Say what each arm would make, with no call made.

    Proposals that arms share count for each, though they are asked for once. Which proposer is the best is not known
    yet: the first one stands for it, and one draw for each call of the mixture.
    """
    [first, *_] = mixture.layers[0].seats
    recipes = {MIXTURE: mixture, **{label: arm.mixture for label, arm in singles_of(mixture).items()}}
    if not _is_self_moa(mixture):
        recipes[SELF_MOA] = self_moa(mixture, first)
    recipes[EQUAL_COST] = alike(mixture, drawn(first, min(MOST_DRAWS, mixture.plan().calls)))
    asked = [(sample.id, sample.turns) for sample in samples]
    return {name: dry_run(recipe, asked) for name, recipe in recipes.items()}


def _is_self_moa(mixture: Mixture) -> bool:
    seats = [replace(seat, samples=1, name=None) for layer in mixture.layers for seat in layer.seats]
    return all(seat == seats[0] for seat in seats)


def _choices(alone: Mapping[str, Measured], samples: Sequence[Sample], lowest: float, seed: int) -> list[Choice]:
    """Return the best single of each half, to be asked the other one; one choice where both halves agree."""
    one, other = halves(samples, seed=seed)
    best_of_one, best_of_other = (_best(alone, half, lowest) for half in (one, other))
    if best_of_one == best_of_other:
        return [Choice(_proposer(alone[best_of_one]), best_of_one, samples)]
    return [
        Choice(_proposer(alone[best_of_other]), best_of_other, one),
        Choice(_proposer(alone[best_of_one]), best_of_one, other),
    ]


def _best(alone: Mapping[str, Measured], samples: Sequence[Sample], lowest: float) -> str:
    """Return the proposer of most merit; the earliest where several have it or nothing is scored."""
    chosen = {sample.id for sample in samples}
    scores = {}
    for label, tested in alone.items():
        trials = {name: trial for name, trial in tested.trials.items() if name in chosen}
        worth = merit(standing(Measured(tested.arm, trials), samples), lowest)
        scores[label] = float("-inf") if worth is None else worth
    return max(scores, key=scores.__getitem__)


def _proposer(tested: Measured) -> Proposer:
    return tested.arm.mixture.layers[0].seats[0]


def _of(alone: Sequence[Measured], label: str) -> Measured:
    return next(tested for tested in alone if tested.arm.name == label)


def _draws(whole: Measured, one: Measured) -> Draws:
    """Return how many answers of a single buys what the mixture has cost on the samples that both have answered."""
    both = whole.trials.keys() & one.trials.keys()
    spent, price = (_dollars(tested, both) for tested in (whole, one))
    if spent is None or not price:
        calls = whole.arm.mixture.plan().calls
        return Draws(min(MOST_DRAWS, calls), "as many as the mixture's calls, since what those cost is unknown")
    bought = int(spent / price + 1e-9)
    if bought > MOST_DRAWS:
        return Draws(MOST_DRAWS, f"where the mixture's cost would buy {bought}")
    return Draws(max(1, bought), "for the mixture's cost" if bought else "which costs more than the mixture")


def _dollars(tested: Measured, names: Collection[str]) -> float | None:
    costs = [tested.trials[name].cost for name in names]
    known = [cost for cost in costs if cost is not None]
    return math.fsum(known) if known and len(known) == len(costs) else None


async def _crossed(bench: Bench, name: str, by_label: Mapping[str, Mixture], choices: Sequence[Choice]) -> Measured:
    """Test an arm that asks each half of the samples the model that is the best on the other half."""
    parts = [(await bench.test([Arm(name, by_label[choice.label])], choice.samples))[0] for choice in choices]
    trials = {sample: trial for part in parts for sample, trial in part.trials.items()}
    return Measured(parts[0].arm, trials)


def _chosen_notes(choices: Sequence[Choice], draws: Mapping[str, Draws], strategy: str) -> list[str]:
    told = [f"{choice.label} for {len(choice.samples)} questions" for choice in choices]
    bought = [f"{number} draws of {label}, {why}" for label, (number, why) in draws.items()]
    alike_draws = [choice.label for choice in choices if choice.proposer.temperature == 0]
    cold = f"The draws of {join(alike_draws)} are alike, at temperature 0: several of them are no fair comparison."
    how = (
        f"{BEST_SINGLE.capitalize()}: {join(told)}, learned on one half of the questions and asked the other. "
        f"{EQUAL_COST.capitalize()}: {join(bought)}; {strategy} chooses one of them without a further call. "
        f"Self-MoA: as many proposals as the mixture's, all of that model, before its aggregator. "
        "What is chosen on one half does a little worse on the other where several are about as good; the best in "
        "hindsight does a little better than it would on new questions. The truth lies between the two."
    )
    return [how, cold] if alike_draws else [how]


def _report(
    mixture: Mixture, bench: Bench, arms: Sequence[Measured], alone: Sequence[Measured], chosen: Sequence[str]
) -> Report:
    samples, scorer = bench.samples, bench.scorer
    whole, *others = arms
    best = _of(alone, _best({one.arm.name: one for one in alone}, samples, scorer.lowest))
    hindsight = Measured(Arm(f"{best.arm.name}, best in hindsight", best.arm.mixture), best.trials)
    found = {other.arm.name: difference(whole, other, samples) for other in others}
    sentences = [
        verdict(f"the {MIXTURE}", name if name == SELF_MOA else f"the {name}", told) for name, told in found.items()
    ]
    warnings = [] if scorer.judge is None else scorer.judge.warnings([mixture])
    unread = [] if any(found.values()) else _why_unscored(arms)
    stopped = [] if bench.outcome.stopped is None else [f"Stopped early: {bench.outcome.stopped}."]
    return Report(
        title=f"Does {mixture.name} help? {len(samples)} questions",
        date=today(),
        tables=[
            arms_table("Arms", arms, samples, scorer),
            differences_table(whole, [*others, hindsight], samples, scorer),
            arms_table("Each proposer alone", alone, samples, scorer),
        ],
        figures=[arms_figure("Score of each arm", arms, samples, scorer), quality_figure(arms, samples, scorer)],
        notes=[headline(found), *unread, *sentences, *_few(len(samples)), *warnings, *stopped, *chosen],
        data={
            **arms_data([*arms, *(one for one in alone)], samples, scorer),
            "verdict": headline(found),
            "judged": any(found.values()),
            "differences": {name: None if told is None else told._asdict() for name, told in found.items()},
            "mixture": mixture.name,
        },
    )


def _few(questions: int) -> list[str]:
    """Return what to know of few questions; nothing where there are enough."""
    if questions >= _FEW_QUESTIONS:
        return []
    width = "an interval of equal scores has no width, which is no certainty"
    return [f"{questions} questions show a large difference at most: {width}. Take {_FEW_QUESTIONS} or more."]


def _why_unscored(arms: Sequence[Measured]) -> list[str]:
    """Return why the first answer without a score has none, in one short line."""
    scores = [trial.score for tested in arms for trial in tested.trials.values()]
    told = (f"{score.sample}: {shorten(score.why, 200)}" for score in scores if score.value is None and score.why)
    return [f"The first answer without a score, {each}" for each in islice(told, 1)]


def headline(found: Mapping[str, Difference | None]) -> str:
    """Say in one sentence what the comparison comes to; it may be no significant gain."""
    losses = [name for name, told in found.items() if told is not None and told.significant and told.mean < 0]
    gains = [name for name, told in found.items() if told is not None and told.significant and told.mean > 0]
    rest = [name for name in found if name not in gains]
    if all(told is None for told in found.values()):
        return "Nothing could be judged: no two questions have a score of the mixture and of an arm beside it."
    if losses:
        return f"Significant loss: the mixture is worse than {join(losses)}."
    if not rest:
        return f"Significant gain: the mixture is better than {join(gains)}."
    better = f"; it is better than {join(gains)}" if gains else ""
    return f"No significant gain of the mixture over {join(rest)}{better}."


def quality_figure(arms: Sequence[Measured], samples: Sequence[Sample], scorer: Scorer) -> Figure:
    """Draw score against dollars, or against calls where a price is unknown."""
    told = [standing(tested, samples) for tested in arms]
    is_priced = all(one.cost is not None for one in told)
    points = [Point(one.name, one.cost if is_priced else one.calls, one.score) for one in told]
    label = "$ a question" if is_priced else "calls a question"
    return scatter("Score against cost", points, x_label=label, y_label=scorer.scale)
