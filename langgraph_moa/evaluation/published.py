"""Our metrics on recorded data, beside what was published of it. No model is asked."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation import alpaca_eval, mt_bench
from langgraph_moa.evaluation.reports import Cell, Report, Table
from langgraph_moa.evaluation.scores import JudgeStamp
from langgraph_moa.evaluation.studies import adaptive
from langgraph_moa.evaluation.studies.final_answers import read_final_answers

OPEN_MODELS = (
    "Meta-Llama-3-70B-Instruct",
    "Qwen2-72B-Instruct",
    "gemma-2-27b-it@together",
    "Yi-1.5-34B-Chat",
    "command-r-plus",
    "Mixtral-8x7B-Instruct-v0.1",
)
"""Whose recorded GSM8K answers are voted on."""
PUBLISHED_WEIGHTS = ("Together-MoA", "Together-MoA-Lite", "gpt-4o-2024-05-13")
"""Leaderboard rows whose length-controlled win rate is worked out from the published weights of the model."""


def report(folder: str | Path) -> Report:
    """Compute every figure that the recorded data allows for.

    Args:
        folder: With `alpaca_eval/`, `mt_bench/` and `reasoning/`, as the tests' recorded data has them.

    Raises:
        ConfigurationError: A file is missing or garbled.
        MissingDependencyError: The extra `eval` is not installed.
    """
    root = Path(folder)
    date = datetime.now(UTC).date().isoformat()
    answers = read_final_answers(_existing(root / "reasoning" / "gsm8k_answers.jsonl"))
    votes = adaptive.report(adaptive.adaptive(answers, OPEN_MODELS), date=date)
    return Report(
        title="Metrics on recorded data",
        date=date,
        tables=[
            _preferences(root / "alpaca_eval"),
            _weights(root / "alpaca_eval"),
            _mt_bench(root / "mt_bench"),
            *votes.tables,
        ],
        figures=votes.figures,
        notes=["Answers, preferences and judgments are recorded ones of others; no model was asked for this page."],
        data={"gsm8k": votes.data},
    )


def _preferences(folder: Path) -> Table:
    gamed, index = _existing(folder / "df_gamed.csv"), list(_rows(folder / "index.csv"))
    baseline = [int(row["len_baseline"]) for row in index]
    rows: list[list[Cell]] = []
    for recorded in _lines(folder / "preferences.jsonl"):
        raw = alpaca_eval.win_rate(recorded["pref"]) or 0.0
        controlled = alpaca_eval.length_controlled_win_rate(recorded["pref"], baseline, recorded["len"], gamed=gamed)
        difference = controlled - recorded["lc"]
        figures_of = [recorded["win_rate"], raw, recorded["lc"], controlled, difference]
        rows.append([recorded["model"], *(round(figure, 3) + 0.0 for figure in figures_of)])
    return Table(
        title="AlpacaEval 2.0 from recorded preferences",
        columns=["model", "win rate, published", "ours", "length-controlled, published", "ours", "difference"],
        rows=rows,
        judge=JudgeStamp("weighted_alpaca_eval_gpt4_turbo", "recorded"),
        notes=["Percent, against gpt4_1106_preview, 805 instructions."],
    )


def _weights(folder: Path) -> Table:
    difficulties = [float(row["instruction_difficulty"]) for row in _rows(folder / "index.csv")]
    weights = {next(iter(row.values())): row for row in _rows(folder / "leaderboard_glm_weights.csv")}
    rows: list[list[Cell]] = []
    for model in PUBLISHED_WEIGHTS:
        row = weights[model]
        ours = alpaca_eval.win_rate_from_weights(float(row["w_model"]), float(row["w_difficulty"]), difficulties)
        rows.append([model, round(float(row["length_controlled_winrate"]), 3), round(ours, 3)])
    return Table(
        title="AlpacaEval 2.0 from the leaderboard's coefficients",
        columns=["model", "length-controlled, published", "ours"],
        rows=rows,
        judge=JudgeStamp("weighted_alpaca_eval_gpt4_turbo", "recorded"),
    )


def _mt_bench(folder: Path) -> Table:
    judgments = list(_lines(folder / "recorded_judgments.jsonl"))
    ratings = [mt_bench.parse_rating(judgment["judgment_tail"]) for judgment in judgments]
    wrong = sum(rating != float(one["score"]) for rating, one in zip(ratings, judgments, strict=True))
    score = mt_bench.mean_score(ratings)
    rounded = None if score is None else round(score, 4)
    row: list[Cell] = [judgments[0]["model"], len(judgments), ratings.count(None), wrong, rounded]
    return Table(
        title="MT-Bench from recorded judgments",
        columns=["model", "judgments", "unscored", "read otherwise than recorded", "score"],
        rows=[row],
        judge=JudgeStamp(judgments[0]["judge"], "recorded"),
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with _existing(path).open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with _existing(path).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _existing(path: Path) -> Path:
    if not path.is_file():
        msg = f"{path} is missing: give the folder of the recorded data, with alpaca_eval, mt_bench and reasoning in it"
        raise ConfigurationError(msg)
    return path
