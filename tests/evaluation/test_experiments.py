"""Claims about LangSmith experiments, those that are sent and those that are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import langsmith
import pytest

from langgraph_moa import ConfigurationError, Mixture
from langgraph_moa.evaluation.answers import Answer, texts_of
from langgraph_moa.evaluation.experiments import (
    Experiment,
    arun_experiment,
    as_evaluator,
    as_pairwise,
    compare_experiments,
    experiment_name,
    run_experiment,
    silent_client,
)
from langgraph_moa.evaluation.judging import Preference
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import Score
from langgraph_moa.testing import ScriptedChatModel
from tests.tracing.receiver import Receiver

SAMPLES = [Sample("a", ("One?",), "1"), Sample("b", ("Two?",), "2"), Sample("c", ("Three?", "Sure?"))]


def run(*arguments: Any, **options: Any) -> Experiment:
    """Run by `evaluate`."""
    return run_experiment(*arguments, **options)


def arun(*arguments: Any, **options: Any) -> Experiment:
    """Run by `aevaluate`."""
    return asyncio.run(arun_experiment(*arguments, **options))


both = pytest.mark.parametrize("experiment", [run, arun], ids=["evaluate", "aevaluate"])
Run = Callable[..., Experiment]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Start a receiver that the environment names, with tracing switched on."""
    with Receiver() as running:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", running.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "langsmith-key")
        langsmith.utils.get_env_var.cache_clear()
        yield running
    langsmith.utils.get_env_var.cache_clear()
    assert running.errors == []


def mixture() -> Mixture:
    """Return a mixture whose final answer is always 1."""
    red, green = (ScriptedChatModel(model_name=name, replies=name) for name in ("red", "green"))
    return Mixture.of([red, green], ScriptedChatModel(model_name="final", replies="1"), name="panel")


def exact(sample: Sample, answer: Answer) -> Score:
    """Score an answer that is the target."""
    if sample.target is None:
        return Score.unscored(sample.id, "nobody has written an answer down")
    return Score(sample.id, float(texts_of(answer)[-1] == sample.target), "compared")


async def lengths(sample: Sample, answer: Answer) -> Sequence[Score]:
    """Score each turn by its length, asynchronously."""
    await asyncio.sleep(0)
    return [Score(sample.id, float(len(text))) for text in texts_of(answer)]


@both
def test_sends_nothing(experiment: Run, receiver: Receiver) -> None:
    """Without an upload not one request is made, though tracing is on; scores and the runs of all models are there."""
    found = experiment(mixture(), SAMPLES, [as_evaluator(exact), as_evaluator(lengths, key="length")])
    langsmith.run_trees.get_cached_client().flush()
    assert receiver.paths == []
    assert [row.sample.id for row in found.rows] == ["a", "b", "c"]
    assert [row.scores()["exact"] for row in found.rows] == [1.0, 0.0, None]
    assert found.rows[2].scores() == {"exact": None, "length_1": 1.0, "length_2": 1.0}
    unscored = next(result for result in found.rows[2].feedback if result.key == "exact")
    assert unscored.comment == "nobody has written an answer down"
    assert [names_below(row.run).count("moa.aggregator") for row in found.rows] == [1, 1, 2]


def names_below(run: Any) -> list[str]:
    """Return the names of a run and of all below it."""
    return [run.name, *(name for child in run.child_runs for name in names_below(child))]


@both
def test_uploads(experiment: Run, receiver: Receiver) -> None:
    """With an upload, the server is sent the dataset, the experiment, every trace and every score."""
    client = langsmith.Client(api_url=receiver.url, api_key="langsmith-key")
    found = experiment(mixture(), SAMPLES, [as_evaluator(exact)], upload=True, dataset="three", client=client)
    client.flush(timeout=20)
    print(receiver.paths)
    assert len(found.rows) == 3
