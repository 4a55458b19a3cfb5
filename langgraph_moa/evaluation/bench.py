"""Has several arms answer the same samples and scores what they say, each call made once and none of them lost.

Every finished answer is in a log, and every request on a tape that is played in place of an equal request: proposals
that two arms share are asked for once, and a run that was killed goes on where it was.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from langgraph_moa.compiled import MoAGraph
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.answers import Answer, Turn, answer_sample, texts_of
from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.judgments import as_mixture
from langgraph_moa.evaluation.metered import MeteredTape, paid, requests_made
from langgraph_moa.evaluation.runs import (
    Estimate,
    Identity,
    Job,
    Outcome,
    RunLog,
    RunOptions,
    RunWatcher,
    answering_estimate,
    fingerprint_of,
    forecast,
    mixture_identity,
    run_jobs,
)
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import Score
from langgraph_moa.evaluation.scoring import Scorer, read_score, score_table
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Mixture, model_label
from langgraph_moa.mixture.recipe import models_within
from langgraph_moa.preflight import prepare
from langgraph_moa.recording import taping
from langgraph_moa.tape import Take
from langgraph_moa.usage import packaged_prices

Watch = Callable[[str], "RunWatcher | None"]
"""Returns who is told of a stage, given what it is about."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One arm's answer to one sample, scored."""

    answers: tuple[str, ...]
    """Turn by turn."""
    score: Score
    cost: float | None
    """US dollars that the arm takes alone, as if nothing had been on the tape; `None`: not all of it is known."""
    seconds: float
    """That the arm takes alone: of a request from the tape, those that it took when it was made."""
    calls: int
    """Model calls as planned, without those that were skipped."""


@dataclass(frozen=True, slots=True)
class Measured:
    """An arm with its trials."""

    arm: Arm
    trials: Mapping[str, Trial]
    """By the id of the sample; one whose answer or score failed is not there."""

    def values(self, samples: Sequence[Sample]) -> list[float | None]:
        """Return the score of each sample; `None`: unscored, or no answer."""
        return [trial.score.value if (trial := self.trials.get(sample.id)) else None for sample in samples]


@dataclass
class Bench:
    """Samples, a scorer, and where finished work is kept. Made by `open_bench`, within whose block a tape hears."""

    samples: Sequence[Sample]
    scorer: Scorer
    log: RunLog
    tape: MeteredTape
    options: RunOptions = field(default_factory=RunOptions)
    """`limit` and `seed` have chosen the samples already; `cluster` is not used."""
    watch: Watch = lambda _: None
    outcomes: list[Outcome] = field(default_factory=list)
    """Of every stage so far."""

    def __post_init__(self) -> None:
        """Index the samples."""
        if self.options.cluster is not None:
            msg = "arms are compared in one process, whose tape they share: leave the cluster out"
            raise ConfigurationError(msg)
        self._by_id = {sample.id: sample for sample in self.samples}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By the first question of a sample: who asks it may make a request that another one makes as well."""

    async def test(self, arms: Sequence[Arm], samples: Sequence[Sample] | None = None) -> list[Measured]:
        """Let arms answer, and score the answers.

        Args:
            arms: Their names tell them apart.
            samples: Those of the bench's that these arms are asked; `None`: all.

        Raises:
            MissingKeyError: A model has no key. Nothing was called.
            ConfigurationError: `max_cost` cannot be kept.
        """
        chosen = self.samples if samples is None else samples
        self._refuse(arms)
        await self._answer(arms, chosen)
        if self.scorer.judge is not None:
            await self._judge(arms, chosen)
        return [Measured(arm, await self._trials(arm, chosen)) for arm in arms]

    async def said(self, arm: Arm) -> dict[str, list[str]]:
        """Let an arm answer every sample, unscored; return what it said, turn by turn, by the id of the sample.

        Raises:
            MissingKeyError: A model has no key. Nothing was called.
            ConfigurationError: `max_cost` cannot be kept.
        """
        self._refuse([arm])
        await self._answer([arm], self.samples)
        answers = {sample.id: self.answer(arm, sample) for sample in self.samples}
        return {name: texts_of(answer) for name, answer in answers.items() if answer is not None}

    def answer(self, arm: Arm, sample: Sample) -> Answer | None:
        """Return what an arm has answered, with its proposals; `None`: it has not."""
        found = self.log.get(_answer_key(arm, sample))
        return None if found is None else cast("Answer", found["answer"])

    @property
    def outcome(self) -> Outcome:
        """All stages together."""
        spent = [outcome.spent for outcome in self.outcomes if outcome.spent is not None]
        is_unknown = not any(spent) and (not spent or any(one.made and one.spent is None for one in self.outcomes))
        return Outcome(
            made=sum(outcome.made for outcome in self.outcomes),
            reused=sum(outcome.reused for outcome in self.outcomes),
            failed=tuple(failed for outcome in self.outcomes for failed in outcome.failed),
            stopped=next((outcome.stopped for outcome in self.outcomes if outcome.stopped is not None), None),
            spent=None if is_unknown else sum(spent),
            unlisted=sum(outcome.unlisted for outcome in self.outcomes),
            unaccounted=sum(outcome.unaccounted for outcome in self.outcomes),
        )

    def _refuse(self, arms: Sequence[Arm]) -> None:
        """Say what would keep arms from answering, or the judge from judging them, before anything is paid for."""
        judge = self.scorer.judge
        recipes = [arm.mixture for arm in arms] + ([] if judge is None else [as_mixture(judge)])
        for recipe in recipes:
            prepare(recipe)
            if self.options.max_cost is not None:
                answering_estimate(recipe)  # says which models have no price

    async def _answer(self, arms: Sequence[Arm], samples: Sequence[Sample]) -> None:
        by_name = {arm.name: arm for arm in arms}
        graphs: dict[str, MoAGraph] = {arm.name: create_moa(arm.mixture) for arm in arms}

        async def work(data: Mapping[str, Any]) -> Mapping[str, Any]:
            sample = self._by_id[data["sample"]]
            async with self._locks[sample.turns[0]]:
                with requests_made() as made:
                    answer = await answer_sample(graphs[data["arm"]], sample)
            return {"answer": answer, "cost": _spent(made, by_name[data["arm"]].mixture)}

        jobs = [
            Job(_answer_key(arm, sample), {"arm": arm.name, "sample": sample.id, "kind": "answer"})
            for arm in arms
            for sample in samples
        ]
        await self._run(jobs, work, self._answer_estimate(arms), _named("answers of", arms))

    async def _judge(self, arms: Sequence[Arm], samples: Sequence[Sample]) -> None:
        by_name, judge = {arm.name: arm for arm in arms}, self.scorer.judge

        async def work(data: Mapping[str, Any]) -> Mapping[str, Any]:
            sample = self._by_id[data["sample"]]
            answer = self.answer(by_name[data["arm"]], sample)
            said = [] if answer is None else texts_of(answer)
            async with self._locks[sample.turns[0]]:
                with requests_made() as made:
                    score = await self.scorer.score(sample, said)
            return {"score": score_table(score), "cost": paid(made, None if judge is None else judge.prices)}

        jobs = [
            Job(self._score_key(arm, sample, answer), {"arm": arm.name, "sample": sample.id, "kind": "score"})
            for arm in arms
            for sample in samples
            if (answer := self.answer(arm, sample)) is not None
        ]
        await self._run(jobs, work, self._judge_estimate(by_name), _named("scores of", arms))

    async def _run(self, jobs: Sequence[Job], work: Any, estimate: Estimate | None, what: str) -> None:  # noqa: ANN401
        """Run a stage with what the stages before have left of `max_cost`."""
        options, watcher = self.options.after(self.outcome), self.watch(what)
        outcome = await run_jobs(jobs, work, self.log, options, watcher=watcher, estimate=estimate)
        if outcome.stopped is not None and self.options.max_cost is not None:
            left = f"${options.max_cost:.4g} of it were left for the {what.partition(' ')[0]}"
            outcome = outcome._replace(stopped=f"max_cost is ${self.options.max_cost:.4g}, {left} of the next arms")
        self.outcomes.append(outcome)

    async def _trials(self, arm: Arm, samples: Sequence[Sample]) -> dict[str, Trial]:
        planned = arm.mixture.plan().calls
        trials = {}
        for sample in samples:
            answer = self.answer(arm, sample)
            score = None if answer is None else await self._score(arm, sample, answer)
            if answer is not None and score is not None:
                trials[sample.id] = _trial(answer, score, planned)
        return trials

    async def _score(self, arm: Arm, sample: Sample, answer: Answer) -> Score | None:
        if self.scorer.judge is None:
            return await self.scorer.score(sample, texts_of(answer))
        found = self.log.get(self._score_key(arm, sample, answer))
        return None if found is None else read_score(found["score"])

    def _score_key(self, arm: Arm, sample: Sample, answer: Answer) -> str:
        judge = self.scorer.judge
        whose = [self.scorer.stamp.settings, None if judge is None else mixture_identity(as_mixture(judge)).fingerprint]
        said = texts_of(answer)
        asked = [[str(message.content) for message in request] for request in self.scorer.requests(sample, said)]
        depends = fingerprint_of([whose, sample.id, said, asked])
        return f"score {arm.name} {sample.id} {depends}"

    def _answer_estimate(self, arms: Sequence[Arm]) -> Estimate | None:
        if self.options.max_cost is None:
            return None
        mixtures = {arm.name: arm.mixture for arm in arms}
        return lambda job: forecast(mixtures[job.data["arm"]], self._by_id[job.data["sample"]].turns).most_cost

    def _judge_estimate(self, by_name: Mapping[str, Arm]) -> Estimate | None:
        judge = self.scorer.judge
        if self.options.max_cost is None or judge is None:
            return None
        mixture = as_mixture(judge)

        def estimate(job: Job) -> float | None:
            sample = self._by_id[job.data["sample"]]
            answer = self.answer(by_name[job.data["arm"]], sample)
            asked = [] if answer is None else self.scorer.requests(sample, texts_of(answer))
            texts = ["\n".join(str(message.content) for message in request) for request in asked]
            costs = [forecast(mixture, [text]).most_cost for text in texts]
            return None if None in costs else sum(cost for cost in costs if cost is not None)

        return estimate


@contextmanager
def open_bench(
    samples: Sequence[Sample],
    scorer: Scorer,
    identity: Identity,
    *,
    log: str | Path | None = None,
    tape: str | Path | None = None,
    options: RunOptions | None = None,
    watch: Watch = lambda _: None,
) -> Iterator[Bench]:
    """Open what arms are compared with.

    Args:
        samples: Chosen already.
        scorer: Of all answers.
        identity: Of the comparison: another one's log is refused.
        log: Ends in `.jsonl`, `.sqlite` or `.db`; a run that was killed goes on there. `None`: nothing is kept.
        tape: Ends likewise; several comparisons may share one. `None`: beside the log.
        options: How the calls are made.
        watch: Says who is told of a stage.

    Raises:
        ConfigurationError: A file cannot be used, or is of another run.
    """
    with tempfile.TemporaryDirectory(prefix="moa-") as folder:
        log_path = Path(folder, "log.jsonl") if log is None else Path(log)
        tape_path = log_path.with_name(f"{log_path.stem}.tape.sqlite") if tape is None else Path(tape)
        metered = MeteredTape(tape_path, "reuse")
        with taping(metered), RunLog.open(log_path, identity) as kept:
            yield Bench(samples, scorer, kept, metered, options or RunOptions(), watch)


def _answer_key(arm: Arm, sample: Sample) -> str:
    depends = fingerprint_of([mixture_identity(arm.mixture).fingerprint, list(sample.turns)])
    return f"answer {arm.name} {sample.id} {depends}"


def _named(what: str, arms: Sequence[Arm]) -> str:
    return f"{what} {', '.join(arm.name for arm in arms)}"


def _trial(answer: Answer, score: Score, planned: int) -> Trial:
    summaries = [turn["summary"] for turn in answer["turns"]]
    is_known = answer["cost"] is not None and not any(summary["cost"]["unpriced"] for summary in summaries)
    return Trial(
        answers=tuple(texts_of(answer)),
        score=score,
        cost=answer["cost"] if is_known else None,
        seconds=sum(map(seconds_of, answer["turns"])),
        calls=sum(planned - _unasked(turn) for turn in answer["turns"]),
    )


def seconds_of(turn: Turn) -> float:
    """Return what a turn takes where nothing is on a tape.

    A layer takes as long as its slowest proposer: its clocks are of no use where some of its answers come from the
    tape, which has recorded them at different times. Waves, and layers that synthesise, are told by their clocks.
    """
    summary, proposals = turn["summary"], turn["proposals"]
    timing = summary["timing"]
    if "saved" in summary or len(summary["usage"]["slots"]) > len(proposals) + 1:
        return timing["total"]
    slowest: dict[int, float] = {}
    for proposal in proposals:
        slowest[proposal["layer"]] = max(slowest.get(proposal["layer"], 0.0), proposal["latency"] or 0.0)
    return timing["aggregator"] + sum(slowest.values())


def _spent(made: Sequence[Take], mixture: Mixture) -> float | None:
    """Return US dollars that an answer took now; `None` where the mixture's are not known, also if all was on tape."""
    prices = mixture.prices or packaged_prices()
    is_known = all(prices.knows(model_label(model)) for _, model in models_within(mixture) if isinstance(model, str))
    return paid(made, prices) if made or is_known else None


def _unasked(turn: Turn) -> int:
    return sum(proposal["attempts"] == 0 for proposal in turn["proposals"])


def halves(samples: Sequence[Sample], *, seed: int = 0) -> tuple[list[Sample], list[Sample]]:
    """Split samples by lot, the same way each time; the first half has one more where their number is odd."""
    order = sorted(samples, key=lambda sample: fingerprint_of([seed, sample.id]))
    first = {sample.id for sample in order[::2]}
    return [each for each in samples if each.id in first], [each for each in samples if each.id not in first]
