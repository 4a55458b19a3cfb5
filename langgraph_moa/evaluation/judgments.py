"""Has answers judged one by one, into a log: a judge is asked, and what it wrote is kept word for word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage, convert_to_messages

from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.runs import Job, Outcome, RunOptions, RunWatcher, run_jobs
from langgraph_moa.evaluation.runs.log import RunLog
from langgraph_moa.evaluation.scores import JudgeStamp
from langgraph_moa.proposal import visible_text


class Asked(NamedTuple):
    """What a judge is asked of one answer."""

    key: str
    """Unlike that of any other question to it."""
    system: str
    """`""`: there is no system message."""
    prompt: str
    about: Mapping[str, Any]
    """Plain data to group by: the sample's id under `sample`, and such as `turn` and `category`."""

    @property
    def messages(self) -> list[AnyMessage]:
        """The request."""
        return [*([SystemMessage(self.system)] if self.system else []), HumanMessage(self.prompt)]


class Judgment(NamedTuple):
    """What a judge wrote of one answer."""

    about: Mapping[str, Any]
    text: str
    date: str


async def judge_answers(
    asked: Iterable[Asked], judge: Judge, log: RunLog, options: RunOptions, *, watcher: RunWatcher | None = None
) -> Outcome:
    """Ask for every judgment that the log has not got. A call that failed is no judgment: the next run makes it again.

    Args:
        asked: Pulled one by one.
        judge: Asked in this process, wherever the answers came from.
        log: Open, and of this judge and these answers.
        options: `concurrency` is that of the calls.
        watcher: Is told how it goes.
    """

    async def work(data: Mapping[str, Any]) -> Mapping[str, Any]:
        message = await judge.ask(cast("Sequence[AnyMessage]", convert_to_messages(data["messages"])))
        return {"about": data["about"], "judgment": visible_text(message), "date": judge.date, "cost": None}

    jobs = (Job(each.key, {"messages": _written(each), "about": dict(each.about)}) for each in asked)
    here = RunOptions(concurrency=options.concurrency)
    return await run_jobs(jobs, work, log, here, watcher=watcher)


def judgments_in(log: RunLog) -> Iterator[Judgment]:
    """Yield what the log holds, in the order in which it was written."""
    for _, result in log.results():
        yield Judgment(result["about"], result["judgment"], result["date"])


def stamp_of(judge: Judge, judgments: Sequence[Judgment]) -> JudgeStamp:
    """Return the judge with the days on which it judged: the first and the last, where a run took several."""
    days = sorted({judgment.date for judgment in judgments})
    date = judge.date if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return judge.stamp._replace(date=date)


def _written(asked: Asked) -> list[list[str]]:
    return [["system" if isinstance(each, SystemMessage) else "user", str(each.content)] for each in asked.messages]
