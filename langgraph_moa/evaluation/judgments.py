"""Has answers judged one by one, into a log: a judge is asked, and what it wrote is kept word for word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.arms import single
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.runs import (
    Identity,
    Job,
    Outcome,
    RunLog,
    RunOptions,
    RunWatcher,
    fingerprint_of,
    mixture_identity,
    run_jobs,
    unpriced,
)
from langgraph_moa.evaluation.scores import JudgeStamp
from langgraph_moa.mixture import Mixture
from langgraph_moa.proposal import visible_text


class Asked(NamedTuple):
    """What a judge is asked of one answer."""

    system: str
    """`""`: there is no system message."""
    prompt: str
    about: Mapping[str, Any]
    """Plain data to group by: the sample's id under `sample`, and such as `turn` and `category`."""

    @property
    def messages(self) -> list[AnyMessage]:
        """The request."""
        return [*([SystemMessage(self.system)] if self.system else []), HumanMessage(self.prompt)]

    @property
    def key(self) -> str:
        """Of the judgment: of another text there is another one."""
        whole = f"{self.system}\n{self.prompt}".encode("utf-8", "surrogatepass")
        return f"{self.about['sample']} {self.about.get('turn', 1)} {hashlib.sha256(whole).hexdigest()[:16]}"


class Judgment(NamedTuple):
    """What a judge wrote of one answer."""

    about: Mapping[str, Any]
    text: str
    date: str
    """ISO date."""


def judgments_identity(answers: Identity, judge: Judge, **how: Any) -> Identity:  # noqa: ANN401 - plain data
    """Return whose judgments a log holds; the day on which a judge is asked makes no other judge of it, nor do keys.

    Args:
        answers: What is judged.
        judge: Who judges.
        how: What else a judgment depends on, as plain data, such as the prompt.
    """
    stamp = judge.stamp._replace(date="")
    seat = mixture_identity(single(judge.proposer)).fingerprint
    told = {"answers": answers.fingerprint, "judge": list(stamp), "seat": seat, **how}
    return Identity("judgments", f"{answers.name} by {stamp.model}", fingerprint_of(told))


def as_mixture(judge: Judge) -> Mixture:
    """Return a mixture that makes a judge's call, and costs what it costs."""
    return replace(single(judge.proposer), prices=judge.prices)


def check_price(judge: Judge) -> None:
    """Refuse a judge whose cost nobody can tell, before there is something to judge that was paid for.

    Raises:
        ConfigurationError: It has no price, or no `max_tokens`.
    """
    in_the_way = unpriced(as_mixture(judge))
    if in_the_way:
        msg = f"max_cost is set, but the judge has no price, or no max_tokens: {', '.join(in_the_way)}"
        raise ConfigurationError(f"{msg}. Give Judge.prices and max_tokens, or leave max_cost out")


async def judge_answers(
    asked: Sequence[Asked], judge: Judge, log: RunLog, options: RunOptions, *, watcher: RunWatcher | None = None
) -> Outcome:
    """Ask for every judgment that the log has not got. A call that failed is no judgment: the next run makes it again.

    Args:
        asked: All that there is to ask.
        judge: Asked in this process, wherever the answers came from.
        log: Open, and of this judge.
        options: With `max_cost`, the judge needs a price and a `max_tokens`.
        watcher: Is told how it goes.

    Raises:
        ConfigurationError: `max_cost` cannot be kept.
    """
    alone = as_mixture(judge)

    async def work(data: Mapping[str, Any]) -> Mapping[str, Any]:
        verdict = await judge.consult(Asked(**data).messages)
        text = visible_text(verdict.message)
        return {"about": data["about"], "judgment": text, "date": judge.date, "cost": verdict.cost}

    def estimate(job: Job) -> float | None:
        return alone.plan(Asked(**job.data).messages).cost

    jobs = [Job(each.key, each._asdict()) for each in asked]
    here = replace(options, cluster=None)
    return await run_jobs(jobs, work, log, here, watcher=watcher, estimate=estimate)


def judgments_in(log: RunLog, asked: Iterable[Asked]) -> Iterator[Judgment]:
    """Yield what a log holds of the answers to some questions, in their order."""
    for each in asked:
        result = log.get(each.key)
        if result is not None:
            yield Judgment(result["about"], result["judgment"], result["date"])


def stamp_of(judge: Judge, judgments: Sequence[Judgment]) -> JudgeStamp:
    """Return the judge with the days on which it judged: the first and the last, where a run took several."""
    days = sorted({judgment.date for judgment in judgments})
    date = judge.date if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return judge.stamp._replace(date=date)
