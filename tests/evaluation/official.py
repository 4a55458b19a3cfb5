"""The official AlpacaEval code, given a local file in place of its download."""

from __future__ import annotations

import csv
import logging
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch


def official_win_rates(
    preferences: Sequence[float],
    baseline_lengths: Sequence[int],
    output_lengths: Sequence[int],
    *,
    gamed: Path,
    indices: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Return what `alpaca_eval` computes, such as `win_rate` and `length_controlled_winrate`."""
    with warnings.catch_warnings(), root_level_kept():
        warnings.simplefilter("ignore")
        import pandas as pd
        import sklearn
        from alpaca_eval.metrics import glm_winrate

        annotations = pd.DataFrame(
            {
                "preference": [preference + 1 for preference in preferences],
                "output_1": ["x" * length for length in baseline_lengths],
                "output_2": ["x" * length for length in output_lengths],
                "generator_1": "baseline",
                "generator_2": "model",
                "annotator": "judge",
            }
        )
        if indices is not None:
            annotations["index"] = indices
        with patch.object(glm_winrate, "hf_hub_download", return_value=str(gamed)), sklearn.config_context():
            found: dict[str, Any] = glm_winrate.get_length_controlled_winrate(annotations, save_weights_dir=None)
    return found


@contextmanager
def root_level_kept() -> Iterator[None]:
    """Take back what importing `alpaca_eval` does to the whole process: its root logger then tells of every request."""
    root = logging.getLogger()
    before = root.level
    try:
        yield
    finally:
        root.setLevel(before)


class Answers(NamedTuple):
    """Of a made-up model."""

    preferences: list[float]
    baseline_lengths: list[int]
    output_lengths: list[int]


def made_up_answers(count: int, *, seed: int = 1) -> Answers:
    """Make up preferences and lengths."""
    draw = random.Random(seed)  # noqa: S311 - numbers of a test
    return Answers(
        [round(draw.random(), 3) for _ in range(count)],
        [draw.randrange(200, 4000) for _ in range(count)],
        [draw.randrange(1, 5000) for _ in range(count)],
    )


def index_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of the recorded index of instructions."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_gamed(path: Path, instructions: int, *, seed: int = 0) -> Path:
    """Write a file of the form of `df_gamed.csv` with made-up numbers."""
    draw = random.Random(seed)  # noqa: S311 - numbers of a test
    difficulties = [draw.gauss(0, 1.5) for _ in range(instructions)]
    lines = ["preference,index,std_delta_len,instruction_difficulty,not_gamed_baseline,model"]
    for name, shift in (("verbose", -1.0), ("concise", 1.0)):
        lines += [
            f"{draw.random()},{index},{draw.gauss(shift, 1.5)},{difficulty},False,{name}"
            for index, difficulty in enumerate(difficulties)
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
