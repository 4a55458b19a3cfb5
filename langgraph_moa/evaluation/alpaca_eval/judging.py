"""The judge of AlpacaEval, and one comparison by it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from os import PathLike

from langgraph_moa.evaluation.alpaca_eval.asking import (
    OFFICIAL_MODEL,
    JudgePrompt,
    judge_prompt,
    judge_seat,
    official_order,
    read_preference,
)
from langgraph_moa.evaluation.alpaca_eval.comparing import DRAW, Comparison
from langgraph_moa.evaluation.alpaca_eval.eval_set import baseline_of, index_of
from langgraph_moa.evaluation.judging import Judge, prefer
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.mixture import Model, Proposer


@dataclass(frozen=True, slots=True, kw_only=True)
class PairJudge:
    """A judge with what it is told."""

    judge: Judge
    prompt: JudgePrompt
    both_orders: bool
    """`False`: one order, drawn by the instruction as in the official code."""

    async def compare(self, sample: Sample, output: str) -> Comparison:
        """Compare an output with the baseline's; two that are the same are a draw that nobody is asked about.

        Raises:
            JudgeError: No model of the judge answered.
        """
        baseline, [instruction] = baseline_of(sample), sample.turns
        told = partial(
            Comparison,
            index=index_of(sample),
            baseline_length=len(baseline),
            output_length=len(output),
            date=self.judge.date,
        )
        if output == baseline:
            return told(preference=DRAW, why="the outputs are the same", cost=0.0)
        found = await prefer(
            self.judge,
            sample.id,
            output,
            baseline,
            ask=partial(self.prompt.messages, instruction),
            read=read_preference,
            both_orders=self.both_orders,
            candidate_first=official_order(instruction),
        )
        why = found.why and f"{found.why}: they have no probabilities of m and M"
        return told(preference=found.value, flipped=found.flipped, why=why, cost=found.cost)


def pair_judge(
    judge: Judge | Proposer | Model = OFFICIAL_MODEL,
    *,
    prompt: str | PathLike[str] | None = None,
    both_orders: bool = True,
) -> PairJudge:
    """Return a judge with the official settings: one token, and the probabilities of the five likeliest.

    Args:
        judge: A name or a model gets the official settings; a `Proposer` or a `Judge` keeps its own, and must ask for
            the probabilities itself.
        prompt: Path of a prompt; `None`: the official one, where `alpaca-eval` is installed.
        both_orders: Whether each pair is asked twice, the outputs changed round; `False` is the official way.

    Raises:
        ConfigurationError: The prompt cannot be used.
    """
    wording = judge_prompt(prompt)
    settings = f"prompt of {wording.source}, {'both orders' if both_orders else 'one order'}"
    if isinstance(judge, Judge):
        settings = ", ".join(filter(None, (judge.settings, settings)))
        asked = Judge(judge.seat, settings, judge.date, judge.limits, judge.prices)
    else:
        asked = Judge(judge if isinstance(judge, Proposer) else judge_seat(judge), settings)
    return PairJudge(judge=asked, prompt=wording, both_orders=both_orders)
