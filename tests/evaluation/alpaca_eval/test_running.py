"""AlpacaEval from end to end, over scripted models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from langgraph_moa import Mixture, Proposer
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.alpaca_eval import (
    Evaluation,
    PairJudge,
    answers_identity,
    evaluate,
    judging_plan,
    judgments_identity,
    outputs_in,
    pair_judge,
    write_outputs,
)
from langgraph_moa.evaluation.arms import single
from langgraph_moa.evaluation.runs import RunLog, RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.evaluation.alpaca_eval.conftest import honest

DIGEST = "0123"


async def run(
    mixture: Mixture,
    samples: list[Sample],
    judge: PairJudge,
    folder: Path,
    *,
    max_cost: float | None = None,
) -> Evaluation:
    """Evaluate with logs in a folder, where a second run goes on."""
    identity = answers_identity(mixture, DIGEST)
    with (
        RunLog.open(folder / "answers.jsonl", identity) as answers,
        RunLog.open(folder / "judgments.jsonl", judgments_identity(identity, judge)) as judgments,
    ):
        options = RunOptions(concurrency=2, max_cost=max_cost)
        return await evaluate(mixture, samples, judge, answers=answers, judgments=judgments, options=options)


@pytest.fixture
def proposer() -> ScriptedChatModel:
    """Answer GOOD to all but one question."""
    return ScriptedChatModel(replies=lambda messages: "bad" if "question 3" in messages[-1].text else "GOOD")


@pytest.fixture
def judging() -> ScriptedChatModel:
    """Prefer whoever says GOOD."""
    return ScriptedChatModel(model_name="judge", replies=honest)


@pytest.fixture
def judge(judging: ScriptedChatModel, prompt_file: Path) -> PairJudge:
    """Ask the scripted judge in both orders."""
    return pair_judge(judging, prompt=prompt_file)


async def test_answers_are_made_and_judged(
    proposer: ScriptedChatModel, samples: list[Sample], judge: PairJudge, tmp_path: Path
) -> None:
    """Every instruction is answered and judged once; without `df_gamed.csv` the report says why there is no LC rate."""
    found = await run(single(proposer), samples, judge, tmp_path)
    [summary] = found.report.data["models"].values()
    assert (found.answering.made, found.judging.made) == (4, 4)
    assert summary["win_rate"] == pytest.approx((3 * 75 + 50) / 4, abs=0.01)
    assert summary["length_controlled"] is None
    assert any("needs AlpacaEval's df_gamed.csv" in note for note in found.report.notes)


async def test_a_second_run_makes_no_call(
    proposer: ScriptedChatModel, judging: ScriptedChatModel, samples: list[Sample], judge: PairJudge, tmp_path: Path
) -> None:
    """Run again with the same logs, nothing is asked, and the report is the same."""
    first = await run(single(proposer), samples, judge, tmp_path)
    calls = len(proposer.requests), len(judging.requests)
    second = await run(single(proposer), samples, judge, tmp_path)
    assert (len(proposer.requests), len(judging.requests)) == calls == (4, 8)
    assert (second.answering.reused, second.judging.reused) == (4, 4)
    assert second.report == first.report


async def test_what_fails_is_left_out_and_made_up_for(
    samples: list[Sample], judge: PairJudge, judging: ScriptedChatModel, tmp_path: Path
) -> None:
    """An instruction without an answer is told and left out, and the next run asks for it alone."""
    flaky = ScriptedChatModel(replies="GOOD", failures=[ValueError("broken"), *[None] * 9])
    first = await run(single(flaky), samples, judge, tmp_path)
    assert (len(first.answering.failed), first.judging.made) == (1, 3)
    assert "1 of 4 instructions have no answer and are left out" in first.report.notes
    second = await run(single(flaky), samples, judge, tmp_path)
    assert (second.answering.made, second.judging.made, second.judging.reused) == (1, 1, 3)
    assert len(judging.requests) == 8


async def test_a_judge_that_fails_is_no_verdict(
    proposer: ScriptedChatModel, samples: list[Sample], prompt_file: Path, tmp_path: Path
) -> None:
    """A pair whose judge failed is not stored: it is told, and judged by the next run."""
    model = ScriptedChatModel(replies=honest, failures=[ValueError("down"), *[None] * 20])
    judge = pair_judge(model, prompt=prompt_file)
    first = await run(single(proposer), samples, judge, tmp_path)
    assert [failed.kind for failed in first.judging.failed] == ["JudgeError"]
    assert "1 of 4 answers are not judged and are left out" in first.report.notes
    assert (await run(single(proposer), samples, judge, tmp_path)).judging.made == 1


async def test_another_judge_needs_another_log(
    proposer: ScriptedChatModel, samples: list[Sample], judge: PairJudge, tmp_path: Path
) -> None:
    """The judgments of another judge, or of another way of asking, are refused with both fingerprints."""
    await run(single(proposer), samples, judge, tmp_path)
    with pytest.raises(ConfigurationError, match=r"log of another run.*fingerprint.*fingerprint"):
        await run(single(proposer), samples, replace(judge, both_orders=False), tmp_path)


async def test_a_judge_that_proposes_is_told(samples: list[Sample], prompt_file: Path, tmp_path: Path) -> None:
    """Where the judge answers as well, the report warns of it."""
    both = ScriptedChatModel(replies=lambda messages: honest(messages) if "|" in messages[-1].text else "GOOD")
    found = await run(single(both), samples, pair_judge(both, prompt=prompt_file), tmp_path)
    assert "is also a proposer" in found.report.notes[0]


async def test_outputs_are_written_in_the_official_format(
    proposer: ScriptedChatModel, samples: list[Sample], judge: PairJudge, tmp_path: Path
) -> None:
    """The file of outputs is a list of instruction, output, generator and dataset, in the order of the set."""
    mixture = single(proposer)
    await run(mixture, samples, judge, tmp_path)
    path = tmp_path / "model_outputs.json"
    with RunLog.open(tmp_path / "answers.jsonl", answers_identity(mixture, DIGEST)) as log:
        write_outputs(list(outputs_in(log, samples)), path, "moa")
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert rows[0] == {"instruction": "question 0", "output": "GOOD", "generator": "moa", "dataset": "made up"}
    assert [row["instruction"] for row in rows] == [f"question {number}" for number in range(4)]


def test_the_plan_counts_both_orders(samples: list[Sample], prompt_file: Path) -> None:
    """What judging would take: two calls for each pair, or one; nobody is asked."""
    counts = [
        judging_plan(pair_judge("openai:gpt-4o", prompt=prompt_file, both_orders=both), samples).forecast.calls
        for both in (True, False)
    ]
    assert counts == [8, 4]


async def test_a_budget_needs_a_price_of_the_judge(
    proposer: ScriptedChatModel, samples: list[Sample], judge: PairJudge, tmp_path: Path
) -> None:
    """With a budget, a judge whose price nobody knows is refused before answers are paid for."""
    with pytest.raises(ConfigurationError, match=r"the judge has no price.*scriptedchatmodel:judge"):
        await run(single(proposer), samples, judge, tmp_path, max_cost=1.0)
    assert proposer.requests == []


async def test_the_judge_has_what_the_answers_left(
    samples: list[Sample], prompt_file: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A budget that the answers use up stops the judging, and the report says that answers are not judged."""
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-simulated")
    mixture = single(Proposer("openai:gpt-4o", max_tokens=1000))
    judge = pair_judge("openai:gpt-4o-mini", prompt=prompt_file)
    simulator.behaviour = Behaviour(reply=" ".join(["word"] * 1100))
    found = await run(mixture, samples[:2], judge, tmp_path, max_cost=0.0202)
    assert found.answering.made == 2
    assert found.judging.stopped is not None
    assert "2 of 2 answers are not judged and are left out" in found.report.notes
