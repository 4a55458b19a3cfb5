"""AlpacaEval's instructions, each with the output of the baseline, from a file or from their public home."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.datasets import BrokenLine, read_samples
from langgraph_moa.evaluation.homes import fetched
from langgraph_moa.evaluation.samples import Sample

EVAL_SET = "alpaca_eval/alpaca_eval_gpt4_baseline.json"
"""One of `homes.HOMES`: the instructions with the outputs of gpt4_1106_preview, AlpacaEval 2.0's baseline."""
GAMED = "alpaca_eval/df_gamed.csv"
"""One of `homes.HOMES`: what the length-controlled win rate needs."""


class EvalSet:
    """The samples of a file. A sample's id is its place in the file, from 0, or its `index` where that is given.

    Args:
        path: JSON, JSON lines or CSV with `instruction`, the baseline's `output`, and maybe `generator`, `dataset`,
            `index`.

    Raises:
        ConfigurationError: The file cannot be read.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self._file = read_samples(self.path, _read)

    @property
    def broken(self) -> list[BrokenLine]:
        """Lines that hold no sample, as far as the last iteration has come."""
        return self._file.broken

    def __iter__(self) -> Iterator[Sample]:
        """Yield every sample.

        Raises:
            ConfigurationError: An instruction or an index stands there twice.
        """
        seen: set[str] = set()
        for number, sample in enumerate(self._file):
            given = sample.metadata["index"]
            identifier = str(number + len(self.broken) if given is None else given)
            if identifier in seen:
                msg = f"{self.path}: the index {identifier} stands for two instructions. Give every row one, or none"
                raise ConfigurationError(msg)
            seen.add(identifier)
            yield replace(sample, id=identifier)

    def count(self) -> int:
        """Read the file through, so that a wrong one is refused before anything is asked; return its samples."""
        return sum(1 for _ in self)


def load(path: str | PathLike[str]) -> EvalSet:
    """Return the samples of a file, or of the official one in a folder.

    Raises:
        ConfigurationError: It cannot be read.
    """
    given = Path(path)
    return EvalSet(given / Path(EVAL_SET).name if given.is_dir() else given)


def fetch(folder: Path) -> Path:
    """Return the official set's file; a copy and `df_gamed.csv` beside it are fetched where the folder has none.

    Raises:
        ConfigurationError: They cannot be fetched.
    """
    fetched(GAMED, folder)
    return fetched(EVAL_SET, folder)


def gamed_beside(path: str | PathLike[str]) -> Path | None:
    """Return the `df_gamed.csv` in the folder of a data set; `None` when there is none."""
    beside = Path(path).with_name(Path(GAMED).name)
    return beside if beside.is_file() else None


def baseline_of(sample: Sample) -> str:
    """Return the baseline's output."""
    return str(sample.metadata["baseline"])


def index_of(sample: Sample) -> int:
    """Return which instruction of the set it is."""
    return int(sample.id)


def output_row(sample: Sample, output: str, generator: str) -> dict[str, str]:
    """Return an output as a row of the official format, whose files hold a list of them."""
    return {
        "instruction": sample.turns[0],
        "output": output,
        "generator": generator,
        "dataset": str(sample.metadata["dataset"]),
    }


def baseline_row(sample: Sample) -> dict[str, str]:
    """Return the baseline's output as such a row."""
    return output_row(sample, baseline_of(sample), str(sample.metadata["generator"]))


def digest(samples: EvalSet) -> str:
    """Return 16 hexadecimal digits that change with any id, instruction or baseline of the set."""
    hashed = hashlib.sha256()
    for sample in samples:
        hashed.update(repr((sample.id, sample.turns, baseline_of(sample))).encode())
    return hashed.hexdigest()[:16]


def _read(row: Mapping[str, Any]) -> Sample:
    instruction, output = (_text(row, name) for name in ("instruction", "output"))
    index = row.get("index")
    if index is not None and not str(index).isdecimal():
        msg = f"index must be a whole number from 0, got {index!r:.50}"
        raise ConfigurationError(msg)
    found = {
        "baseline": output,
        "generator": str(row.get("generator") or "baseline"),
        "dataset": str(row.get("dataset") or "custom"),
        "index": None if index is None else int(index),
    }
    return Sample(hashlib.sha256(instruction.encode("utf-8", "surrogatepass")).hexdigest(), (instruction,), None, found)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        found = "there is none" if value is None else f"got {value!r:.100}"
        msg = f"{name} must be a text, {found}"
        raise ConfigurationError(msg)
    return value
