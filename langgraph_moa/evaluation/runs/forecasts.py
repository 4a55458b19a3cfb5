"""What a run would make and cost, with no call made."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.messages.utils import count_tokens_approximately

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.runs.jobs import Job
from langgraph_moa.evaluation.runs.spending import Estimate
from langgraph_moa.mixture import Mixture
from langgraph_moa.usage import PlannedCall, PriceTable, add_counts, packaged_prices, planned_call


class Forecast(NamedTuple):
    """Of one sample, or of all of a run together."""

    calls: int
    least_tokens: int
    """Those of the conversation, for every call: answers and references come on top."""
    most_tokens: int | None
    """Read and written; `None`: an answer has no `max_tokens`."""
    least_cost: float | None
    """US dollars of `least_tokens`; `None`: a model has no price."""
    most_cost: float | None
    """US dollars of `most_tokens`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a run would make."""

    jobs: int
    """Without those whose results are in the log."""
    reused: int
    forecast: Forecast
    unpriced: tuple[str, ...]
    """Models whose cost nobody can tell beforehand: they have no price or no `max_tokens`."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "forecast": self.forecast._asdict(), "unpriced": list(self.unpriced)}


def forecast(mixture: Mixture, turns: Sequence[str], *, system_prompt: str | None = None) -> Forecast:
    """Say what answering a sample takes; retries and fallbacks beyond the dearest model of a seat do not count.

    Args:
        mixture: Who answers.
        turns: What the user says. A later turn is read with the answers to those before.
        system_prompt: Stands first.
    """
    prices = mixture.prices or packaged_prices()
    instructions = [] if system_prompt is None else [SystemMessage(system_prompt)]
    answered: int | None = 0
    parts = []
    for number in range(1, len(turns) + 1):
        said = count_tokens_approximately([*instructions, *(HumanMessage(turn) for turn in turns[:number])])
        calls = _calls(mixture, add_counts(said, answered), prices)
        answered = add_counts(answered, calls[-1].output_tokens)
        parts.append(_of_calls(calls, said, prices))
    return _sum(parts)


def dry_run(mixture: Mixture, asked: Iterable[tuple[str, Sequence[str]]], done: Container[str] = ()) -> DryRun:
    """Say what a run over some samples would make.

    Args:
        mixture: Who answers.
        asked: The id of every sample, and what the user says in it.
        done: Ids of those that have an answer.
    """
    whole, jobs, reused = _NOTHING, 0, 0
    for key, turns in asked:
        if key in done:
            reused += 1
        else:
            jobs += 1
            whole = _sum([whole, forecast(mixture, turns)])
    return DryRun(jobs=jobs, reused=reused, forecast=whole, unpriced=unpriced(mixture))


def answering_estimate(mixture: Mixture) -> Estimate:
    """Return what says how much a job of `answers.answer_written` costs at most.

    Raises:
        ConfigurationError: Nobody can tell; the models that are in the way are named.
    """
    in_the_way = unpriced(mixture)
    if in_the_way:
        msg = f"max_cost is set, but these have no price, or no max_tokens: {', '.join(in_the_way)}"
        raise ConfigurationError(f"{msg}. Give Mixture.prices and max_tokens, or leave max_cost out")

    def estimate(job: Job) -> float | None:
        prompt = job.data.get("system_prompt")
        return forecast(mixture, job.data["sample"]["turns"], system_prompt=prompt).most_cost

    return estimate


def unpriced(mixture: Mixture) -> tuple[str, ...]:
    """Return the models whose calls have no known cost, each once."""
    calls = _calls(mixture, 0, mixture.prices or packaged_prices())
    return tuple(dict.fromkeys(call.model for call in calls if call.cost is None))


_NOTHING = Forecast(0, 0, 0, 0.0, 0.0)


def _calls(mixture: Mixture, tokens: int | None, prices: PriceTable) -> list[PlannedCall]:
    answer_tokens = None if mixture.budget is None else mixture.budget.answer_tokens
    return list(mixture.planned_calls(tokens, prices, answer_tokens=answer_tokens))


def _of_calls(calls: Sequence[PlannedCall], said: int, prices: PriceTable) -> Forecast:
    bare = [
        planned_call(call.layer, call.slot, call.model, input_tokens=said, output_tokens=0, prices=prices)
        for call in calls
    ]
    tokens = [count for call in calls for count in (call.input_tokens, call.output_tokens)]
    return Forecast(
        calls=len(calls),
        least_tokens=said * len(calls),
        most_tokens=add_counts(*tokens),
        least_cost=_added([call.cost for call in bare]),
        most_cost=_added([call.cost for call in calls]),
    )


def _sum(parts: Sequence[Forecast]) -> Forecast:
    return Forecast(
        calls=sum(part.calls for part in parts),
        least_tokens=sum(part.least_tokens for part in parts),
        most_tokens=add_counts(*(part.most_tokens for part in parts)),
        least_cost=_added([part.least_cost for part in parts]),
        most_cost=_added([part.most_cost for part in parts]),
    )


def _added(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return math.fsum(known) if len(known) == len(costs) else None
