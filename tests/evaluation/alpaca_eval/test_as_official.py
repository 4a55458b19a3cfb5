"""Our figures beside those of the official code, in this process; `test_official` runs it in one of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.evaluation.alpaca_eval import length_controlled_win_rate, win_rate
from langgraph_moa.evaluation.alpaca_eval.asking import read_preference
from tests.evaluation.alpaca_eval.conftest import verdict
from tests.evaluation.official import index_rows, made_up_answers, official_win_rates, root_level_kept, write_gamed

pytestmark = pytest.mark.xdist_group("alpaca")
COUNT = 60


def test_recorded_models_are_as_official(recorded: Callable[[str], Path]) -> None:
    """Of all 15 recorded models, both rates are the official code's to 1e-9."""
    baseline = [int(row["len_baseline"]) for row in index_rows(recorded("alpaca_eval/index.csv"))]
    path = recorded("alpaca_eval/df_gamed.csv")
    off: dict[str, tuple[float, float]] = {}
    for line in recorded("alpaca_eval/preferences.jsonl").read_text(encoding="utf-8").splitlines():
        model = json.loads(line)
        official = official_win_rates(model["pref"], baseline, model["len"], gamed=path)
        rate = length_controlled_win_rate(model["pref"], baseline, model["len"], gamed=path)
        raw = win_rate(model["pref"]) or math.nan
        controlled = official["length_controlled_winrate"]
        off[model["model"]] = (rate - controlled, raw - official["win_rate"])
    assert len(off) == 15
    assert {name for name, (lc, raw) in off.items() if not max(abs(lc), abs(raw)) < 1e-9} == set()


@pytest.mark.filterwarnings("ignore::langgraph_moa.evaluation.length_control.LengthControlWarning")
@pytest.mark.parametrize("unscored", [0, 7])
def test_made_up_answers_are_as_official(tmp_path: Path, unscored: int) -> None:
    """Also with instructions out of order, and unscored ones among them, the figure is the official code's."""
    answers, gamed = made_up_answers(COUNT), write_gamed(tmp_path / "df_gamed.csv", COUNT)
    preferences = [math.nan] * unscored + answers.preferences[unscored:]
    indices = list(range(COUNT))[::-1]
    ours = length_controlled_win_rate(preferences, *answers[1:], gamed=gamed, indices=indices)
    official = official_win_rates(preferences, *answers[1:], gamed=gamed, indices=indices)
    assert ours == pytest.approx(official["length_controlled_winrate"], abs=1e-9)


@given(st.dictionaries(st.sampled_from(["m", "M", "The", " m"]), st.floats(-30, 0), min_size=1))
def test_the_verdict_is_read_as_officially(chances: dict[str, float]) -> None:
    """The preference is the official parser's, whichever tokens are told."""
    with root_level_kept():
        from alpaca_eval.completion_parsers import logprob_parser

    tops = [{"token": token, "logprob": logprob} for token, logprob in chances.items()]
    [theirs] = logprob_parser({"logprobs": {"content": [{"top_logprobs": tops}]}}, "m", ["m", "M"], is_binarize=False)
    ours = read_preference(verdict(chances))
    assert (ours is None) == math.isnan(theirs)
    assert ours is None or ours == pytest.approx(theirs - 1)
