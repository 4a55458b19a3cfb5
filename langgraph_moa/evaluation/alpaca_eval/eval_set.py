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
from langgraph_moa.evaluation.extras import require
from langgraph_moa.evaluation.samples import Sample

HOME = "tatsu-lab/alpaca_eval"
"""The data set on the Hugging Face hub."""
EVAL_FILE = "alpaca_eval_gpt4_baseline.json"
"""Instructions with the outputs of gpt4_1106_preview, the baseline of AlpacaEval 2.0."""
GAMED_FILE = "df_gamed.csv"


class EvalSet:
    """The samples of a file. A sample's id is its place in the file, from 0, or its `index` where that is given.

    Args:
        path: JSON or JSON lines with `instruction`, `output` (the baseline's), and maybe `generator`, `dataset`, `index`.

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


def load(path: str | PathLike[str] | None = None) -> EvalSet:
    """Return the samples of a file, or the official ones, which are downloaded and kept by `huggingface_hub`.

    Raises:
        ConfigurationError: The file cannot be read, or downloaded.
        MissingDependencyError: It is to be downloaded and the extra `eval` is not installed.
    """
    return EvalSet(download(EVAL_FILE) if path is None else path)


def download(name: str) -> Path:
    """Return where a file of the official data set is on this machine; it is downloaded if it is not.

    Raises:
        ConfigurationError: It cannot be had.
        MissingDependencyError: The extra `eval` is not installed.
    """
    hub = require("huggingface_hub", extra="eval")
    try:
        return Path(hub.hf_hub_download(repo_id=HOME, filename=name, repo_type="dataset"))
    except Exception as error:  # the hub's errors come from several libraries
        why = " ".join(str(error).split())
        msg = f"{name} cannot be had from {HOME} ({type(error).__name__}: {why:.200}). Give the path of a copy"
        raise ConfigurationError(msg) from error


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
