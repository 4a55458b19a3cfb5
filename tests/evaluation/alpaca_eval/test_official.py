"""Judging by the official `alpaca-eval`, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError, MissingDependencyError, MoAError
from langgraph_moa.evaluation.alpaca_eval import (
    Output,
    answers_identity,
    evaluate_officially,
    judge_officially,
    official,
    pair_judge,
)
from langgraph_moa.evaluation.alpaca_eval.official import official_command, official_environment, read_annotations
from langgraph_moa.evaluation.arms import single
from langgraph_moa.evaluation.runs import RunLog, RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator


def chances(body: dict[str, Any]) -> dict[str, float]:
    """Prefer the second output where it says GOOD; else say something between the two."""
    request = body["messages"][-1]["content"]
    return {"M": 0.75, "m": 0.2} if "GOOD" in request.partition('"M"')[2] else {"m": 0.6, "M": 0.3, "The": 0.1}


@pytest.fixture
def outputs(samples: list[Sample]) -> list[Output]:
    """Return an output for every sample, one of them the baseline's."""
    texts = ["GOOD", "GOOD too", "base xx", "another"]
    return [Output(sample, text) for sample, text in zip(samples, texts, strict=True)]


def said(simulator: Simulator) -> list[dict[str, Any]]:
    """Return what was sent to a simulator, in an order of its own."""
    names = ("model", "messages", "temperature", "logprobs", "top_logprobs")
    bodies = [{name: request.body[name] for name in names} for request in simulator.requests]
    pairs = [(message["role"], message["content"]) for body in bodies for message in body["messages"]]
    assert pairs
    return sorted(bodies, key=lambda body: str(body["messages"][-1]["content"]))


async def test_our_judge_asks_and_counts_as_the_official_one(
    outputs: list[Output], simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same outputs, our judge in one order sends the official requests and comes to the official preferences."""
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-simulated")
    simulator.behaviour = Behaviour(reply="M", first_token=chances)
    theirs = await judge_officially(outputs, tmp_path, "moa", concurrency=2)
    sent = said(simulator)
    simulator.reset()
    judge = pair_judge(both_orders=False)
    ours = [await judge.compare(output.sample, output.text) for output in outputs]
    assert said(simulator) == sent
    assert [each.index for each in theirs] == [0, 1, 2, 3]
    assert [each.preference for each in ours] == pytest.approx([each.preference for each in theirs])
    lengths = [(each.baseline_length, each.output_length) for each in theirs]
    assert lengths == [(each.baseline_length, each.output_length) for each in ours]


def test_the_command_downloads_nothing(tmp_path: Path) -> None:
    """The command names both files of outputs and the raw metric: all that is downloaded otherwise."""
    command = official_command(tmp_path)
    assert command[:4] == [sys.executable, "-m", "alpaca_eval.main", "evaluate"]
    assert f"--reference_outputs={tmp_path / 'reference_outputs.json'}" in command
    assert "--fn_metric=get_winrate" in command
    assert official_environment(3, {"OPENAI_API_KEY": "k"}) == {
        "OPENAI_API_KEY": "k",
        "IS_ALPACA_EVAL_2": "True",
        "OPENAI_MAX_CONCURRENCY": "3",
    }


JUDGE_BY_LENGTH = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
ours, theirs = (json.loads((folder / name).read_text()) for name in ("model_outputs.json", "reference_outputs.json"))
rows = [
    {"instruction": one["instruction"], "output_1": two["output"], "output_2": one["output"],
     "preference": 1 + (len(one["output"]) > len(two["output"])), "preference_date": "2026-01-02T03:04:05",
     "preference_price_per_example": 0.25}
    for one, two in zip(ours, theirs)
]
(folder / "weighted_alpaca_eval_gpt4_turbo").mkdir(exist_ok=True)
(folder / "weighted_alpaca_eval_gpt4_turbo/annotations.json").write_text(json.dumps(rows))
"""


async def test_official_judgments_are_reported(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a mixture answers is judged by the command, and the report tells the annotator, its day and its cost."""
    mixture = single(ScriptedChatModel(replies="twelve chars"))
    command = [sys.executable, "-c", JUDGE_BY_LENGTH, str(tmp_path)]
    monkeypatch.setattr(official, "official_command", lambda *_: command)
    with RunLog.open(tmp_path / "answers.jsonl", answers_identity(mixture, "0")) as answers:
        found = await evaluate_officially(mixture, samples, answers=answers, folder=tmp_path, options=RunOptions())
    [table] = found.report.tables
    assert table.judge is not None
    assert (table.judge.model, table.judge.date) == ("weighted_alpaca_eval_gpt4_turbo", "2026-01-02")
    assert (table.rows[0][2], found.judging.made, found.judging.spent) == (100.0, 4, 1.0)


async def test_what_the_command_says_is_told(
    outputs: list[Output], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the command fails, the error holds its last words, without keys."""
    script = "import sys; sys.exit('no such model, key sk-abcdefghijklmnopqrstuvwx')"
    monkeypatch.setattr(official, "official_command", lambda *_: [sys.executable, "-c", script])
    with pytest.raises(MoAError, match="alpaca-eval ended with 1: no such model") as raised:
        await judge_officially(outputs, tmp_path, "moa")
    assert "sk-abc" not in str(raised.value)


async def test_a_cancelled_run_ends_the_command(
    outputs: list[Output], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled, the process of the command is ended as well."""
    started = tmp_path / "started"
    script = f"import os, pathlib, time; pathlib.Path({str(started)!r}).write_text(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(official, "official_command", lambda *_: [sys.executable, "-c", script])
    run = asyncio.create_task(judge_officially(outputs, tmp_path, "moa"))
    while not (started.exists() and started.read_text()):  # noqa: ASYNC110 - a file of another process
        await asyncio.sleep(0.01)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


async def test_without_the_extra_it_says_so(
    outputs: list[Output], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `alpaca-eval` is not installed, the error names the extra, and nothing is started."""
    monkeypatch.setattr(official, "official_prompt_path", lambda: None)
    with pytest.raises(MissingDependencyError, match=r"langgraph-moa\[eval\]"):
        await judge_officially(outputs, tmp_path, "moa")


def test_annotations_are_read(outputs: list[Output], tmp_path: Path) -> None:
    """Preferences run from 1 to 2 in the file; one that is missing is unscored, and an instruction may be missing."""
    found = [
        {"instruction": "question 1", "output_1": "base x", "output_2": "GOOD too", "preference": 1.75},
        {"instruction": "question 0", "output_1": "base ", "output_2": "GOOD", "preference": None},
    ]
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    first, second = read_annotations(path, outputs)
    assert (first.index, first.preference, first.cost) == (0, None, None)
    assert first.why is not None
    assert (second.index, second.preference, second.baseline_length, second.output_length) == (1, 0.75, 6, 8)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"instruction": "question 0"}]'])
def test_other_files_are_refused(outputs: list[Output], tmp_path: Path, text: str) -> None:
    """A file that holds no annotations is refused by name."""
    path = tmp_path / "annotations.json"
    path.write_text(text, encoding="utf-8")
    if text == "{}":
        path.unlink()
    with pytest.raises(ConfigurationError, match=r"annotations\.json does not hold"):
        read_annotations(path, outputs)


def test_an_unknown_preference_is_unscored(tmp_path: Path) -> None:
    """NaN, as a data frame writes what it has not got, is no preference and no price."""
    output = Output(Sample("0", ("q",), None, {"baseline": "b", "generator": "g", "dataset": "d"}), "t")
    row = (
        '{"instruction": "q", "output_1": "b", "output_2": "t", "preference": NaN, "preference_price_per_example": NaN}'
    )
    (tmp_path / "a.json").write_text(f"[{row}]")
    (found,) = read_annotations(tmp_path / "a.json", [output])
    assert (found.preference, found.cost, found.why) == (None, None, "alpaca-eval could not read the verdict")
