"""AlpacaEval 2.0: how often a judge prefers a model's answer to that of a baseline (Dubois et al. 2024)."""

from langgraph_moa.evaluation.alpaca_eval.asking import OFFICIAL_MODEL
from langgraph_moa.evaluation.alpaca_eval.comparing import Comparison, Summary, summarize
from langgraph_moa.evaluation.alpaca_eval.eval_set import EvalSet, digest, fetch, gamed_beside, load
from langgraph_moa.evaluation.alpaca_eval.judging import PairJudge, pair_judge
from langgraph_moa.evaluation.alpaca_eval.official import evaluate_officially, judge_officially
from langgraph_moa.evaluation.alpaca_eval.rates import win_rate
from langgraph_moa.evaluation.alpaca_eval.reporting import report
from langgraph_moa.evaluation.alpaca_eval.running import (
    Evaluation,
    Output,
    answers_identity,
    evaluate,
    judge_outputs,
    judging_plan,
    judgments_identity,
    outputs_in,
    write_outputs,
)
from langgraph_moa.evaluation.length_control import (
    LengthControlWarning,
    length_controlled_win_rate,
    win_rate_from_weights,
)

__all__ = [
    "OFFICIAL_MODEL",
    "Comparison",
    "EvalSet",
    "Evaluation",
    "LengthControlWarning",
    "Output",
    "PairJudge",
    "Summary",
    "answers_identity",
    "digest",
    "evaluate",
    "evaluate_officially",
    "fetch",
    "gamed_beside",
    "judge_officially",
    "judge_outputs",
    "judging_plan",
    "judgments_identity",
    "length_controlled_win_rate",
    "load",
    "outputs_in",
    "pair_judge",
    "report",
    "summarize",
    "win_rate",
    "win_rate_from_weights",
    "write_outputs",
]
