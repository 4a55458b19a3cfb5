"""A benchmark whose answers are rated one by one, from end to end: a mixture answers, a judge rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from langgraph_moa.evaluation.answers import texts_of
from langgraph_moa.evaluation.breakdowns import Scored
from langgraph_moa.evaluation.generation import MixtureFor, answer_samples, answers_in
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.judgments import Asked, Judgment, check_price, judge_answers, judgments_in, stamp_of
from langgraph_moa.evaluation.reports import Report
from langgraph_moa.evaluation.runs import (
    Identity,
    Outcome,
    RunLog,
    RunOptions,
    RunWatcher,
    mixture_identity,
)
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import Score
from langgraph_moa.mixture import Mixture

Watch: TypeAlias = Callable[[], RunWatcher | None]
"""Makes what shows one run."""


class Rater(Protocol):
    """What a judge is asked of an answer, and what its judgment is worth."""

    @property
    def source(self) -> str:
        """Whose wording it is, for the judge's stamp."""

    def asked(self, sample: Sample, answers: Sequence[str]) -> Iterable[Asked]:
        """Return what is asked about the answers to the turns of a sample."""

    def scores(self, judgment: Judgment) -> list[Score]:
        """Return what a judgment says."""


class Evaluation(NamedTuple):
    """What came of a run."""

    report: Report
    answering: Outcome
    judging: Outcome


class Rated(NamedTuple):
    """The same before it is a report."""

    scored: Scored
    answering: Outcome
    judging: Outcome
    notes: tuple[str, ...]
    """What must be said beside the scores: a judge that takes part, and answers that are missing."""


def answers_identity(mixture: Mixture, benchmark: str, digest: str) -> Identity:
    """Return whose answers a log holds.

    Args:
        mixture: Who answers.
        benchmark: To what.
        digest: Of its samples, as `generation.digest_of` gives it.
    """
    return mixture_identity(mixture, benchmark=benchmark, samples=digest)


async def rate(
    mixture: Mixture,
    samples: Sequence[Sample],
    judge: Judge,
    rater: Rater,
    *,
    mixture_for: MixtureFor,
    answers: RunLog,
    judgments: RunLog,
    options: RunOptions,
    watch: Watch = lambda: None,
) -> Rated:
    """Let a mixture answer every sample and a judge rate every answer.

    Args:
        mixture: Gives the scores their name.
        samples: Those of the run: `options.limit` and `options.seed` are not applied here.
        judge: Asked in this process, also when the answers come from a cluster.
        rater: How it is asked and read.
        mixture_for: The mixture as it answers each sample.
        answers: Open, of `answers_identity`.
        judgments: Open, of `judgments.judgments_identity`.
        options: `max_cost` is for answers and judgments together.
        watch: Called for the answers, and again for the judgments.

    Raises:
        ConfigurationError: A mixture has no written form for a cluster, or `max_cost` cannot be kept.
    """
    if options.max_cost is not None:
        check_price(judge)
    answering = await answer_samples(samples, mixture_for, answers, options, watcher=watch())
    texts = ((sample, texts_of(answer)) for sample, answer in answers_in(answers, samples))
    asked = [each for sample, said in texts for each in rater.asked(sample, said)]
    judging = await judge_answers(asked, judge, judgments, options.after(answering), watcher=watch())
    found = list(judgments_in(judgments, asked))
    scored = Scored(mixture.name, [score for each in found for score in rater.scores(each)], stamp_of(judge, found))
    answered = {each.about["sample"] for each in asked}
    notes = (*judge.warnings([mixture]), *_missing(len(samples), len(answered), len(asked), len(found), scored.scores))
    return Rated(scored, answering, judging, notes)


def _missing(samples: int, answered: int, asked: int, judged: int, scores: Sequence[Score]) -> Iterator[str]:
    if answered < samples:
        yield f"{samples - answered} of {samples} samples have no answer and are left out"
    if judged < asked:
        yield f"{asked - judged} of {asked} answers are not judged and are left out"
    unscored = [score for score in scores if score.value is None]
    if unscored:
        yield f"{len(unscored)} of {len(scores)} scores are unscored and left out, the first: {unscored[0].why}"
