"""Answering the samples of a benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_moa import Mixture
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.generation import answer_samples, answers_in, digest_of
from langgraph_moa.evaluation.runs import RunLog, RunOptions, mixture_identity
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.testing import ScriptedChatModel, Simulator
from tests.evaluation.serving import mixture_at

SAMPLES = [Sample(str(number), (f"Question {number}",)) for number in range(3)]


async def test_model_objects_answer_too(tmp_path: Path) -> None:
    """A mixture of model objects, which has no written form, answers in this process."""
    model = ScriptedChatModel(replies="an answer")
    mixture = Mixture.of([model], model)
    with RunLog.open(tmp_path / "log.jsonl", mixture_identity(mixture)) as log:
        outcome = await answer_samples(SAMPLES, lambda _: mixture, log, RunOptions(concurrency=1))
        assert (outcome.made, [sample.id for sample, _ in answers_in(log, SAMPLES)]) == (3, ["0", "1", "2"])


async def test_each_sample_by_its_own_mixture(simulator: Simulator, tmp_path: Path) -> None:
    """Every sample is answered by the mixture that is meant for it."""
    mixture = mixture_at(simulator)
    other = mixture.swap({"aggregator": "openai:other"})
    with RunLog.open(tmp_path / "log.jsonl", mixture_identity(mixture)) as log:
        await answer_samples(SAMPLES, lambda sample: other if sample.id == "1" else mixture, log, RunOptions())
    asked = {each.body["messages"][0]["content"][:10] for each in simulator.requests if each.model == "other"}
    assert asked == {"Question 1"}


async def test_max_cost_needs_prices(simulator: Simulator, tmp_path: Path) -> None:
    """A limit in dollars is refused before any call where nobody knows the prices."""
    mixture = mixture_at(simulator)
    with (
        RunLog.open(tmp_path / "log.jsonl", mixture_identity(mixture)) as log,
        pytest.raises(ConfigurationError, match="no price"),
    ):
        await answer_samples(SAMPLES, lambda _: mixture, log, RunOptions(max_cost=1.0))
    assert not simulator.requests


def test_digest() -> None:
    """The digest of a data set changes with a sample, and not with the order."""
    assert digest_of(SAMPLES) == digest_of(reversed(SAMPLES))
    assert digest_of(SAMPLES) != digest_of([*SAMPLES[:2], Sample("2", ("Another",))])
