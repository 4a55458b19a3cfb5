"""Answers to many questions, one line each, in a file that is the log of its run and plain data for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.answers import answer_written
from langgraph_moa.evaluation.runs.identity import Identity
from langgraph_moa.evaluation.runs.jobs import Job
from langgraph_moa.evaluation.runs.lines import LineFile
from langgraph_moa.evaluation.runs.log import header_of, refuse_another
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.mixture import Mixture
from langgraph_moa.proposal import Proposal

_OF_A_PROPOSAL = ("layer", "proposer", "model", "served_model", "status", "text", "error")


def read_question(table: Mapping[str, Any]) -> Sample:
    """Make a sample of `{"id": ..., "question": ...}`; what else stands there is left out.

    Raises:
        ConfigurationError: The id is neither text nor a whole number, or the question is no text.
    """
    given, question = table.get("id"), table.get("question")
    if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
        found = "there is none" if given is None else f"got {json.dumps(given)}"
        msg = f"id must be a text or a whole number, {found}"
        raise ConfigurationError(msg)
    if not isinstance(question, str) or not question.strip():
        found = "there is none" if question is None else f"got {json.dumps(question)}"
        msg = f"question must be a text that is not blank, {found}"
        raise ConfigurationError(msg)
    return Sample(str(given), (question,), metadata={"id": given})


def bulk_jobs(mixture: Mixture, samples: Iterable[Sample]) -> Iterator[Job]:
    """Yield the job of every sample, for `answer_plainly`.

    Raises:
        ConfigurationError: A model is an object, which has no written form.
    """
    table = mixture.to_dict()
    for sample in samples:
        yield Job(sample.id, {"mixture": table, "sample": sample.to_dict()})


async def answer_plainly(data: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one question; return its line.

    Args:
        data: As `bulk_jobs` gives it.

    Raises:
        MoAError: The mixture gave no answer.
    """
    answer = await answer_written(data)
    turn = answer["turns"][-1]
    summary = turn["summary"]
    return {
        "id": data["sample"]["metadata"].get("id", answer["sample"]),
        "answer": turn["answer"],
        "degraded": summary["degraded"],
        "missing": summary["missing"],
        "mixture": answer["mixture"],
        "proposals": [_short(proposal) for proposal in turn["proposals"]],
        "usage": summary["usage"]["total"],
        "cost": answer["cost"],
        "unpriced": summary["cost"]["unpriced"],
        "seconds": round(answer["seconds"], 3),
    }


def _short(proposal: Proposal) -> dict[str, Any]:
    return {name: value for name, value in proposal.items() if name in _OF_A_PROPOSAL}


class AnswerFile:
    """A file of answers as a log; beside it stands a small file, `.run` added to its name, that says of which run.

    Raises:
        ConfigurationError: It holds the answers of another mixture or of nobody, is in use, or cannot be written.
    """

    def __init__(self, path: str | Path, identity: Identity) -> None:
        self.path = Path(path)
        self._lines = LineFile(self.path, key_field="id")
        try:
            self._claim(identity)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __contains__(self, key: object) -> bool:
        return key in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, key: str, result: Mapping[str, Any]) -> None:
        """Write a line.

        Raises:
            ConfigurationError: It is no plain data, or there is one of this key.
            OSError: It cannot be written.
        """
        self._lines.append(key, dict(result))

    def close(self) -> None:
        """Let another run have the file."""
        self._lines.close()

    def _claim(self, identity: Identity) -> None:
        beside = run_file(self.path)
        if len(self):
            refuse_another(self.path, _header(beside, self.path), identity)
            return
        try:
            beside.write_text(f"{json.dumps(header_of(identity))}\n", encoding="utf-8")
        except OSError as error:
            msg = f"cannot write {beside}: {error.strerror or error}. Name a file in a folder that can be written"
            raise ConfigurationError(msg) from error


def run_file(path: Path) -> Path:
    """Return where it stands of which run a file of answers is."""
    return path.with_name(f"{path.name}.run")


def _header(beside: Path, path: Path) -> object:
    try:
        written = beside.read_text(encoding="utf-8")
    except OSError as error:
        msg = f"{path} holds answers, but {beside.name}, which says of which mixture, cannot be read: {error.strerror}"
        raise ConfigurationError(f"{msg}. Name another file") from None
    with suppress(ValueError):
        return json.loads(written)
    return None
