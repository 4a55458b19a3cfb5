"""Whose answers and judgments a log holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa import ConfigurationError, Mixture, Proposer
from langgraph_moa.evaluation import mt_bench
from langgraph_moa.evaluation.arms import single
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.judgments import judgments_identity
from langgraph_moa.evaluation.rating import answers_identity, rate
from langgraph_moa.evaluation.runs import RunLog, RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.testing import Simulator
from tests.evaluation.simulated import PRICES

MIXTURE = Mixture.of(["openai:a"], "openai:b")
WHOSE = answers_identity(MIXTURE, "flask", "0")


def test_answers_are_of_a_data_set() -> None:
    """Answers to another benchmark, other samples or of another mixture are another run's."""
    others = [
        answers_identity(MIXTURE, "mt-bench", "0"),
        answers_identity(MIXTURE, "flask", "1"),
        answers_identity(MIXTURE.swap({"aggregator": "openai:c"}), "flask", "0"),
    ]
    assert len({WHOSE.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_judgments_are_of_a_judge() -> None:
    """Another judge or another prompt makes another run; another day does not."""
    judge = Judge("openai:judge", settings="one", date="2026-01-31")
    same = Judge("openai:judge", settings="one", date="2026-02-01")
    others = [Judge("openai:other", settings="one"), Judge("openai:judge", settings="two")]
    fingerprint = judgments_identity(WHOSE, judge).fingerprint
    assert judgments_identity(WHOSE, same).fingerprint == fingerprint
    assert all(judgments_identity(WHOSE, other).fingerprint != fingerprint for other in others)


@pytest.mark.parametrize(
    "changed",
    [
        {"max_tokens": 9},
        {"model_kwargs": {"top_p": 0.1}},
        {"system_prompt": "Be kind."},
        {"fallbacks": ["openai:spare"]},
        {"temperature": 1.0},
    ],
)
def test_whatever_changes_a_verdict_makes_another_judge(changed: dict[str, Any]) -> None:
    """A log of judgments is not continued by a judge that is asked otherwise; a key is no such change."""
    seat = Proposer("openai:judge", temperature=0.0)
    fingerprint = judgments_identity(WHOSE, Judge(seat)).fingerprint
    keyed = replace(seat, model_kwargs={"api_key": "sk-secret"})
    assert judgments_identity(WHOSE, Judge(keyed)).fingerprint == fingerprint
    assert judgments_identity(WHOSE, Judge(replace(seat, **changed))).fingerprint != fingerprint


async def test_a_judge_without_a_price_is_refused_before_the_answers(simulator: Simulator, tmp_path: Path) -> None:
    """With a budget, a judge whose cost nobody can tell is told before anything is paid for."""
    kwargs = {"base_url": simulator.url, "api_key": "any"}
    mixture = single(Proposer("openai:alpha", max_tokens=9, model_kwargs=kwargs))
    priced = replace(mixture, prices=PRICES)
    judge = Judge(Proposer("openai:judge", model_kwargs=kwargs), prices=PRICES)
    sample = Sample("1", ("Why?",), metadata={"category": "writing"})
    whose = answers_identity(priced, "mt-bench", "0")
    with (
        RunLog.open(tmp_path / "a.jsonl", whose) as answers,
        RunLog.open(tmp_path / "j.jsonl", judgments_identity(whose, judge)) as judgments,
        pytest.raises(ConfigurationError, match="max_tokens: openai:judge"),
    ):
        await rate(
            priced,
            [sample],
            judge,
            mt_bench.JudgePrompts(mt_bench.OWN_PROMPTS, "own"),
            mixture_for=lambda _: priced,
            answers=answers,
            judgments=judgments,
            options=RunOptions(max_cost=1.0),
        )
    assert not simulator.requests
