"""The length-controlled win rate; `test_as_official` holds it beside the official code's."""

from __future__ import annotations

import csv
import math
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.length_control import (
    LengthControlWarning,
    checked_preferences,
    length_controlled_win_rate,
    read_gamed,
    win_rate_from_weights,
)
from tests.evaluation.official import Answers, index_rows, made_up_answers, write_gamed

PUBLISHED = {"Together-MoA": 65.380, "Together-MoA-Lite": 59.142, "gpt-4o-2024-05-13": 57.457}
COUNT = 60


@pytest.fixture(scope="module")
def gamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write made-up gamed rows of as many instructions as `answers` has."""
    return write_gamed(tmp_path_factory.mktemp("gamed") / "df_gamed.csv", COUNT)


@pytest.fixture
def answers() -> Answers:
    """Make up preferences and lengths."""
    return made_up_answers(COUNT)


def test_published_weights_give_the_published_figures(recorded: Callable[[str], Path]) -> None:
    """The published weights of three models stand for their published figures, to three decimals."""
    difficulties = [float(row["instruction_difficulty"]) for row in index_rows(recorded("alpaca_eval/index.csv"))]
    with recorded("alpaca_eval/leaderboard_glm_weights.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    found = {
        name: win_rate_from_weights(float(rows[name]["w_model"]), float(rows[name]["w_difficulty"]), difficulties)
        for name in PUBLISHED
    }
    assert {name: round(rate, 3) for name, rate in found.items()} == PUBLISHED


def test_none_is_nan(gamed: Path, answers: Answers) -> None:
    """A preference that is `None` counts as one that is NaN."""
    rates = []
    for missing in (None, math.nan):
        with pytest.warns(LengthControlWarning):
            rates.append(length_controlled_win_rate([missing, *answers.preferences[1:]], *answers[1:], gamed=gamed))
    assert rates[0] == rates[1]


def test_few_preferences_warn(gamed: Path, answers: Answers) -> None:
    """Below 400 preferences a warning says how many there are and how far the figure may be off."""
    with pytest.warns(LengthControlWarning, match=r"of 60 preferences .* 4\.2 points"):
        length_controlled_win_rate(*answers, gamed=gamed)


def test_enough_preferences_do_not_warn(tmp_path: Path) -> None:
    """From 400 preferences on, nothing is said."""
    draw = random.Random(2)  # noqa: S311 - numbers of a test
    preferences = [draw.random() for _ in range(400)]
    lengths = [draw.randrange(1, 5000) for _ in range(400)]
    path = write_gamed(tmp_path / "df_gamed.csv", 400)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 < length_controlled_win_rate(preferences, [1000] * 400, lengths, gamed=path) < 100


def test_the_configuration_of_scikit_learn_is_left_alone(gamed: Path, answers: Answers) -> None:
    """Metadata routing, which the official code switches on for the whole process, is as it was."""
    import sklearn

    before = sklearn.get_config()
    with pytest.warns(LengthControlWarning):
        length_controlled_win_rate(*answers, gamed=gamed)
    assert sklearn.get_config() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"preferences": [0.5]}, "for 1 preferences"),
        ({"preferences": [1.5, *[0.5] * 59]}, r"preferences\[0\] must be from 0 to 1.*subtract 1"),
        ({"preferences": [*[0.5] * 59, -0.1]}, r"preferences\[59\] must be from 0 to 1"),
        ({"preferences": [None] * COUNT}, "none of them is a number"),
        ({"baseline_lengths": [1] * 59}, "baseline_lengths: 59 for 60"),
        ({"output_lengths": [1] * 61}, "output_lengths: 61 for 60"),
        ({"output_lengths": [-1] * COUNT}, "output_lengths must be numbers of characters"),
        ({"baseline_lengths": [7] * COUNT, "output_lengths": [9] * COUNT}, "differ by the same"),
        ({"indices": [0] * 59}, "indices: 59 for 60"),
        ({"indices": [*range(59), 805]}, "no instruction 805; those of the gamed file are 0 to 59"),
    ],
)
def test_wrong_values_are_named(gamed: Path, answers: Answers, change: dict[str, Any], said: str) -> None:
    """A wrong value is refused with its name."""
    given_values = {**answers._asdict(), "gamed": gamed, **change}
    if len(given_values["preferences"]) == 1:
        given_values["indices"] = [0]
    with pytest.raises(ConfigurationError, match=said):
        length_controlled_win_rate(**given_values)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_answers_are_refused(gamed: Path, count: int) -> None:
    """Of no answer, or of a single one, there is no length-controlled win rate."""
    with pytest.raises(ConfigurationError, match=f"all {count} answers"):
        length_controlled_win_rate([1.0] * count, [5] * count, [6] * count, gamed=gamed)


HEADER = "preference,index,std_delta_len,instruction_difficulty,not_gamed_baseline,model"


@pytest.mark.parametrize(
    "text",
    ["", HEADER, "a,b\n1,2", f"{HEADER}\n0.1,0,1.0,0.5,True,m", f"{HEADER}\n0.1,0,x,0.5,False,m", f"{HEADER}\n0.1,0"]
    + [f"{HEADER}\n{row},False,m" for row in ("1.1,0,1.0,0.5", "0.1,0,nan,0.5", "0.1,0.5,1.0,0.5")],
)
def test_a_garbled_gamed_file_is_named(tmp_path: Path, text: str) -> None:
    """A file that is no `df_gamed.csv` is refused, with its path and the columns that it needs."""
    path = tmp_path / "other.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"other\.csv is not AlpacaEval's df_gamed\.csv .* std_delta_len"):
        read_gamed(path)


def test_a_missing_gamed_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is refused with the name of the file that is needed."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.csv cannot be read .* df_gamed\.csv"):
        read_gamed(tmp_path / "nowhere.csv")


@given(st.floats(-50, 50), st.lists(st.floats(-5, 5), min_size=1))
def test_weights_give_a_percentage(w_model: float, difficulties: list[float]) -> None:
    """Whatever the weights, the rate is a percentage; that of the opposite weights is what is left of 100."""
    rate = win_rate_from_weights(w_model, 0.5, difficulties)
    assert 0 <= rate <= 100
    assert win_rate_from_weights(-w_model, -0.5, difficulties) == pytest.approx(100 - rate)


@pytest.mark.parametrize("wrong", [(1.0, 1.0, []), (math.nan, 1.0, [0.0]), (1.0, 1.0, [math.inf])])
def test_weights_without_meaning_are_refused(wrong: tuple[float, float, list[float]]) -> None:
    """No difficulties, or numbers that are not finite, are refused."""
    with pytest.raises(ConfigurationError, match="difficulties"):
        win_rate_from_weights(*wrong)


@given(st.lists(st.none() | st.floats(0, 1)))
def test_preferences_are_kept(preferences: list[float | None]) -> None:
    """Preferences from 0 to 1 are taken as they are, and `None` as NaN."""
    checked = checked_preferences(preferences)
    assert [None if math.isnan(number) else number for number in checked] == preferences
