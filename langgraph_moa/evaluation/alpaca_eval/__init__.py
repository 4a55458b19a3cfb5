"""AlpacaEval 2.0: how often a judge prefers a model's answer to that of a baseline (Dubois et al. 2024)."""

from langgraph_moa.evaluation.alpaca_eval.rates import win_rate
from langgraph_moa.evaluation.length_control import (
    LengthControlWarning,
    length_controlled_win_rate,
    win_rate_from_weights,
)

__all__ = ["LengthControlWarning", "length_controlled_win_rate", "win_rate", "win_rate_from_weights"]
