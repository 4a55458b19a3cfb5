"""Claims about LangSmith experiments, those that are sent and those that are not."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs

import langsmith
import pytest

from langgraph_moa import ConfigurationError, Mixture, load_preset
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

NOW = "2026-01-01T00:00:00+00:00"
SAMPLES = [Sample("a", ("One?",), "1"), Sample("b", ("Two?",), "2"), Sample("c", ("Three?", "Sure?"))]


def run(*arguments: Any, **options: Any) -> Experiment:
    """Run by `evaluate`."""
    return run_experiment(*arguments, **options)


def arun(*arguments: Any, **options: Any) -> Experiment:
    """Run by `aevaluate`."""
    return asyncio.run(arun_experiment(*arguments, **options))


both = pytest.mark.parametrize("experiment", [run, arun], ids=["evaluate", "aevaluate"])
Run = Callable[..., Experiment]


def forget_environment() -> None:
    """Let LangSmith read its environment again."""
    remembered: Any = langsmith.utils.get_env_var
    remembered.cache_clear()


class Account(Receiver):
    """A receiver that also keeps datasets, experiments and feedback."""

    def __init__(self) -> None:
        super().__init__()
        self.datasets: list[dict[str, Any]] = []
        self.examples: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, bytes] | None:
        """Answer as LangSmith does, as far as experiments need it."""
        told: Any = json.loads(body) if body[:1] in {b"{", b"["} else {}
        found: Any = None
        match method, path.split("/")[1:]:
            case "GET", ["datasets"]:
                found = [each for each in self.datasets if each["name"] in parse_qs(query)["name"]]
            case "GET", ["datasets", identifier]:
                found = next(each for each in self.datasets if each["id"] == identifier)
            case "POST", ["datasets"]:
                found = {**told, "id": str(uuid.uuid4()), "created_at": NOW}
                self.datasets.append(found)
            case "POST", ["examples", "bulk"]:
                found = [{**each, "id": each.get("id") or str(uuid.uuid4()), "created_at": NOW} for each in told]
                self.examples += found
            case "GET", ["examples"]:
                found = self.examples if parse_qs(query).get("offset", ["0"]) == ["0"] else []
            case "POST", ["sessions"]:
                found = {**told, "tenant_id": str(uuid.uuid4())}
                self.sessions.append(found)
            case "PATCH", ["sessions", _]:
                found = self.sessions[-1]
            case "POST", ["feedback"]:
                found = told
                self.feedback.append(told)
            case _:
                return None
        return 200, json.dumps(found).encode()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Start a receiver that the environment names, with tracing switched on."""
    with Account() as running:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", running.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "langsmith-key")
        forget_environment()
        yield running
    forget_environment()
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
    """Score each turn by its length, and ask a model that has nothing to say of it."""
    await ScriptedChatModel().ainvoke("How long is it?")
    return [Score(sample.id, float(len(text))) for text in texts_of(answer)]


@both
def test_sends_nothing(experiment: Run, receiver: Account) -> None:
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
def test_uploads(experiment: Run, receiver: Account) -> None:
    """With an upload, the server has the dataset, the experiment, every trace and every score."""
    client = langsmith.Client(api_url=receiver.url, api_key="langsmith-key")
    found = experiment(mixture(), SAMPLES, [as_evaluator(exact)], upload=True, dataset="three", client=client)
    client.flush(timeout=20)
    client.close(timeout=5)
    assert [example["inputs"]["id"] for example in receiver.examples] == ["a", "b", "c"]
    (session,) = receiver.sessions
    assert session["name"] == found.name
    assert session["name"].startswith(f"panel-{mixture().fingerprint[:8]}-")
    assert session["extra"]["metadata"]["moa_fingerprint"] == mixture().fingerprint
    assert {row.sample.id: row.scores()["exact"] for row in found.rows} == {"a": 1.0, "b": 0.0, "c": None}
    told = {(said["key"], said.get("score"), said.get("comment")) for said in receiver.feedback}
    unscored = ("exact", None, "nobody has written an answer down")
    assert told == {("exact", 0.0, "compared"), ("exact", 1.0, "compared"), unscored}
    answered = [root for root in receiver.traces if root.named("moa.aggregator")]
    assert sorted(len(root.named("moa.aggregator")) for root in answered) == [1, 1, 2]


def test_uploads_to_what_is_there(receiver: Account) -> None:
    """A dataset that is there is not made again, and may be named in place of the samples."""
    client = langsmith.Client(api_url=receiver.url, api_key="langsmith-key")
    for examples in (SAMPLES, "three"):
        run(mixture(), examples, [as_evaluator(exact)], upload=True, dataset="three", client=client)
    client.close(timeout=20)
    assert len(receiver.examples) == 3
    assert len(receiver.sessions) == 2


@both
def test_a_mixture_that_fails(experiment: Run, receiver: Account, caplog: pytest.LogCaptureFixture) -> None:
    """A sample without an answer is unscored, and says why; the others are scored."""
    final = ScriptedChatModel(replies=["1", ValueError("no more")])
    found = experiment(Mixture.of([ScriptedChatModel()], final), SAMPLES[:2], [as_evaluator(exact)], concurrency=1)
    assert [row.answer is None for row in found.rows] == [False, True]
    assert [row.scores()["exact"] for row in found.rows] == [1.0, None]
    assert "no more" in found.rows[1].feedback[0].comment
    assert receiver.paths == []


def test_pairwise(receiver: Account) -> None:
    """Two experiments are compared with nothing sent: the score is the candidate's share, and unscored stays so."""

    async def longer(sample: Sample, candidate: Answer, baseline: Answer) -> Preference:
        lengths = [len(texts_of(answer)[0]) for answer in (candidate, baseline)]
        value = None if sample.id == "c" else float(lengths[0] > lengths[1])
        return Preference(sample.id, value, None, (value,), "unreadable" if value is None else None)

    other = Mixture.of([ScriptedChatModel()], ScriptedChatModel(replies="longer"), name="other")
    one, two = run(mixture(), SAMPLES), run(other, SAMPLES)
    evaluator = as_pairwise(longer)
    assert [score.value for score in compare_experiments(two, one, evaluator)] == [1.0, 1.0, None]
    assert [score.value for score in compare_experiments(one, two, evaluator)] == [0.0, 0.0, None]
    assert compare_experiments(one, two, evaluator)[2].why == "unreadable"
    with pytest.raises(ConfigurationError, match="has no answer to a, b, c"):
        compare_experiments(one, Experiment("empty", ()), evaluator)
    assert receiver.paths == []


def test_wrong_use() -> None:
    """An upload without a dataset, and the name of a dataset without an upload, are refused before any call."""
    model = ScriptedChatModel()
    asked = Mixture.of([model], model)
    with pytest.raises(ConfigurationError, match="needs a dataset"):
        run(asked, SAMPLES, upload=True, client=silent_client())
    with pytest.raises(ConfigurationError, match="'three' names a dataset in LangSmith: set upload=True"):
        run(asked, "three")
    assert model.requests == []


def test_the_silent_client_refuses(receiver: Account) -> None:
    """What would be sent all the same is refused with the way to allow it."""
    with pytest.raises(ConfigurationError, match="wanted to POST /datasets: set upload=True"):
        silent_client().create_dataset("three")
    assert receiver.paths == []


def test_names() -> None:
    """An experiment has the mixture's name, with its preset's version or its fingerprint."""
    preset = load_preset("together-moa")
    assert experiment_name(preset) == f"{preset.name}-{preset.preset_version}"
    assert experiment_name(mixture()) == f"panel-{mixture().fingerprint[:8]}"
