"""What the benchmarks do alike whose answers a judge rates one by one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from langgraph_moa.cli import benchmarks, bulk_options
from langgraph_moa.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from langgraph_moa.evaluation.answers import Answer
    from langgraph_moa.evaluation.datasets import BrokenLine
    from langgraph_moa.evaluation.judging import Judge
    from langgraph_moa.evaluation.judgments import Asked
    from langgraph_moa.evaluation.rating import Evaluation, Rater, Watch
    from langgraph_moa.evaluation.runs import DryRun, RunLog, RunOptions
    from langgraph_moa.evaluation.samples import Sample
    from langgraph_moa.mixture import Mixture, Proposer

_LONGEST_ANSWER = "x" * 4 * 1024
"""About 1,024 tokens, for what a judge reads at most."""


class Evaluate(Protocol):
    """`evaluate` of a benchmark."""

    def __call__(  # noqa: D102 - as above
        self,
        mixture: Mixture,
        samples: Sequence[Sample],
        judge: Judge,
        prompts: Any,  # noqa: ANN401 - each benchmark has its own
        *,
        answers: RunLog,
        judgments: RunLog,
        options: RunOptions,
        watch: Watch,
    ) -> Coroutine[Any, Any, Evaluation]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedTask:
    """What the options of such a benchmark come to."""

    name: str
    """Of the benchmark, in logs."""
    mixture: Mixture
    asked: Mixture
    """The mixture as it is asked, for the forecast."""
    samples: Sequence[Sample]
    digest: str
    """Of the whole data set."""
    judge: Judge
    prompts: Rater
    evaluate: Evaluate
    how: RunOptions
    quiet: bool

    def plans(self, kept: benchmarks.Kept | None) -> dict[str, DryRun]:
        """Return what would be called; answers that there are not yet are taken to be about 1,024 tokens long."""
        from langgraph_moa.evaluation.generation import answers_in
        from langgraph_moa.evaluation.judgments import as_mixture, judgments_identity
        from langgraph_moa.evaluation.rating import answers_identity
        from langgraph_moa.evaluation.runs import dry_run

        whose = answers_identity(self.mixture, self.name, self.digest)
        with (
            benchmarks.begun(kept and kept.answers, whose) as answers,
            benchmarks.begun(kept and kept.judgments, judgments_identity(whose, self.judge)) as judgments,
        ):
            known = (
                {} if answers is None else {sample.id: answer for sample, answer in answers_in(answers, self.samples)}
            )
            asked = (each for sample in self.samples for each in self._asked(sample, known.get(sample.id)))
            put = ((each.key, [f"{each.system}\n{each.prompt}"]) for each in asked)
            said = ((sample.id, sample.turns) for sample in self.samples)
            return {
                "answers": dry_run(self.asked, said, answers or ()),
                "judgments": dry_run(as_mixture(self.judge), put, judgments or ()),
            }

    def _asked(self, sample: Sample, answer: Answer | None) -> Iterable[Asked]:
        from langgraph_moa.evaluation.answers import texts_of

        return self.prompts.asked(sample, [_LONGEST_ANSWER] * len(sample.turns) if answer is None else texts_of(answer))

    def carry_out(self, broken: Sequence[BrokenLine], *, out: Path | None, log: Path | None, as_json: bool) -> int:
        """Run it, show the report, and return the exit code.

        Args:
            broken: Lines of the data set that were left out.
            out: Folder that the option names.
            log: File that the option names.
            as_json: Whether the report is printed as JSON.
        """
        with benchmarks.kept(out, log) as kept:
            found = self.run(kept)
        steps = [found.answering, found.judging]
        return benchmarks.show_report(found.report, steps, broken, out=out, as_json=as_json, quiet=self.quiet)

    def run(self, kept: benchmarks.Kept) -> Evaluation:
        """Let the mixture answer and the judge rate."""
        import asyncio

        from langgraph_moa.cli.bulk_views import watcher_for
        from langgraph_moa.evaluation.arms import single
        from langgraph_moa.evaluation.judgments import judgments_identity
        from langgraph_moa.evaluation.rating import answers_identity
        from langgraph_moa.evaluation.runs import RunLog
        from langgraph_moa.extras import require
        from langgraph_moa.preflight import prepare

        require("matplotlib", extra="eval")
        bulk_options.hush_cluster(self.how.cluster)
        if self.how.cluster is None:
            prepare(self.mixture)
        prepare(single(self.judge.proposer))
        whose = answers_identity(self.mixture, self.name, self.digest)
        with (
            RunLog.open(kept.answers, whose) as answers,
            RunLog.open(kept.judgments, judgments_identity(whose, self.judge)) as judgments,
        ):
            return asyncio.run(
                self.evaluate(
                    self.mixture,
                    self.samples,
                    self.judge,
                    self.prompts,
                    answers=answers,
                    judgments=judgments,
                    options=self.how,
                    watch=lambda: watcher_for(quiet=self.quiet),
                )
            )


def judge_of(model: str | None, seat: Callable[[str], Proposer], settings: str) -> Judge:
    """Return the judge that the options name, in the seat that the benchmark makes for it.

    Raises:
        ConfigurationError: They name none.
    """
    from langgraph_moa.evaluation.judging import Judge

    if model is None:
        msg = "the answers need a judge: add --judge provider:model, of another model than those that answer"
        raise ConfigurationError(msg)
    return Judge(seat(model), settings=settings)


def all_of(samples: Iterable[Sample], name: str) -> list[Sample]:
    """Return the samples of a data set.

    Raises:
        ConfigurationError: There is none, or two have one id.
    """
    found = list(samples)
    if not found:
        broken = getattr(samples, "broken", ())
        why = f", the first of its broken lines: {broken[0]}" if broken else ""
        msg = f"{name} has no sample{why}: name the benchmark's own files with --data"
        raise ConfigurationError(msg)
    return found
