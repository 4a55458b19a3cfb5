"""LangSmith experiments over mixtures, with our scorers; without an account, nothing leaves the machine.

LangSmith's own `upload_results=False` keeps results back, and still sends the traces of an asynchronous run. Here an
experiment that is not uploaded has a client that can send nothing.
"""

from __future__ import annotations

import inspect
import uuid
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from langgraph_moa import background
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.answers import Answer, answer_sample
from langgraph_moa.evaluation.judging import Preference
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import Score
from langgraph_moa.extras import require
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Mixture

Scorer = Callable[[Sample, Answer], "Score | Sequence[Score] | Awaitable[Score | Sequence[Score]]"]
"""Scores what was answered to a sample."""
Compare = Callable[[Sample, Answer, Answer], "Preference | Awaitable[Preference]"]
"""Says which of two answers is better: the first is the candidate."""
Evaluator = Callable[[Any, Any], dict[str, Any]]
"""LangSmith's: from a run and its example to feedback."""
PairwiseEvaluator = Callable[[Sequence[Any], Any], dict[str, Any]]
"""LangSmith's: from the runs of two experiments over one example to feedback."""
_NAMESPACE = uuid.UUID("0b8d5c5e-6f0e-5b55-9d6c-7d0f6a1c9e11")
"""Of the ids that examples have by their samples' ids."""
_SHORT = 8


class ExperimentRow(NamedTuple):
    """One sample of an experiment."""

    sample: Sample
    answer: Answer | None
    """`None`: the mixture gave none; `run.error` says why."""
    feedback: tuple[Any, ...]
    """LangSmith's `EvaluationResult`s, one for each score; where one has none, its comment says why."""
    run: Any
    """LangSmith's run tree, with the runs of every model below it."""

    def scores(self) -> dict[str, float | None]:
        """Return the scores by their key."""
        return {result.key: result.score for result in self.feedback}


class Experiment(NamedTuple):
    """What an experiment found."""

    name: str
    rows: tuple[ExperimentRow, ...]
    """In the order of the samples."""


def run_experiment(
    mixture: Mixture,
    examples: Iterable[Sample] | str,
    evaluators: Sequence[Evaluator] = (),
    *,
    name: str | None = None,
    dataset: str | None = None,
    upload: bool = False,
    concurrency: int = 8,
    client: Any = None,  # noqa: ANN401 - `langsmith.Client`, which is imported late
) -> Experiment:
    """Answer every sample and score the answers, by LangSmith's `evaluate`.

    Args:
        mixture: The recipe.
        examples: Samples; with `upload`, also the name of a dataset that has been made of samples.
        evaluators: Made by `as_evaluator`, or any of LangSmith's own.
        name: Of the experiment, to which LangSmith adds a few letters; `None`: see `experiment_name`.
        dataset: Name of the dataset in LangSmith. It is made of the samples unless it is there.
        upload: Whether experiment, traces and feedback go to LangSmith; if not, nothing is sent, whatever the
            environment says.
        concurrency: Samples that are answered side by side.
        client: For an upload; `None`: one from the environment.

    Raises:
        ConfigurationError: An upload has no dataset, or a name of one is given without an upload.
        MissingDependencyError: `langsmith` is not installed.
    """
    graph = create_moa(mixture)

    def answer(inputs: dict[str, Any]) -> dict[str, Any]:
        return _outputs(background.run(answer_sample(graph, _sample_of(inputs))))

    langsmith = require("langsmith", extra="eval")
    options = _options(mixture, examples, name=name, dataset=dataset, upload=upload, client=client)
    results = langsmith.evaluate(answer, evaluators=list(evaluators), max_concurrency=concurrency, **options)
    return _experiment(results.experiment_name, list(results), options["data"])


async def arun_experiment(
    mixture: Mixture,
    examples: Iterable[Sample] | str,
    evaluators: Sequence[Evaluator] = (),
    *,
    name: str | None = None,
    dataset: str | None = None,
    upload: bool = False,
    concurrency: int = 8,
    client: Any = None,  # noqa: ANN401 - as above
) -> Experiment:
    """Do what `run_experiment` does, by LangSmith's `aevaluate`.

    Raises:
        ConfigurationError: An upload has no dataset, or a name of one is given without an upload.
        MissingDependencyError: `langsmith` is not installed.
    """
    graph = create_moa(mixture)

    async def answer(inputs: dict[str, Any]) -> dict[str, Any]:
        return _outputs(await answer_sample(graph, _sample_of(inputs)))

    langsmith = require("langsmith", extra="eval")
    options = _options(mixture, examples, name=name, dataset=dataset, upload=upload, client=client)
    results = await langsmith.aevaluate(answer, evaluators=list(evaluators), max_concurrency=concurrency, **options)
    return _experiment(results.experiment_name, [row async for row in results], options["data"])


def experiment_name(mixture: Mixture) -> str:
    """Return a mixture's name with its version: that of its preset, or the beginning of its fingerprint."""
    return f"{mixture.name}-{mixture.preset_version or mixture.fingerprint[:_SHORT]}"


def as_evaluator(scorer: Scorer, *, key: str | None = None) -> Evaluator:
    """Return one of our scorers as LangSmith's evaluators are.

    An unscored answer becomes feedback without a score, whose comment says why. Several scores, such as one for each
    turn, are told as `<key>_1`, `<key>_2`, ...

    Args:
        scorer: May be asynchronous.
        key: Of the feedback; `None`: the scorer's own name.
    """
    named = key or _name(scorer)

    def evaluate(run: Any, example: Any) -> dict[str, Any]:  # noqa: ANN401 - LangSmith's, told by their names
        sample, answer = _sample_in(example), _answer_of(run)
        if answer is None:
            return _feedback(named, Score.unscored(sample.id, f"no answer: {run.error}"))
        scored = cast("Score | Sequence[Score]", _settled(scorer(sample, answer)))
        if isinstance(scored, Score):
            return _feedback(named, scored)
        return {"results": [_feedback(f"{named}_{number}", score) for number, score in enumerate(scored, start=1)]}

    evaluate.__name__ = named
    return evaluate


def as_pairwise(compare: Compare, *, key: str = "preference") -> PairwiseEvaluator:
    """Return a comparison of two answers as LangSmith's pairwise evaluators are.

    `langsmith.evaluate((first, second), evaluators=[as_pairwise(...)])` takes it for experiments that are uploaded, and
    `compare_experiments` for those that are not. The first experiment is the candidate's. Unscored pairs have no score.

    Args:
        compare: May be asynchronous.
        key: Of the feedback.
    """

    def evaluate(runs: Sequence[Any], example: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
        first, second = runs
        sample, answers = _sample_in(example), [_answer_of(run) for run in runs]
        if answers[0] is None or answers[1] is None:
            return {"key": key, "scores": {first.id: None, second.id: None}, "comment": "an answer is missing"}
        preference = cast("Preference", _settled(compare(sample, answers[0], answers[1])))
        value = preference.value
        scores = {first.id: value, second.id: None if value is None else 1.0 - value}
        return {"key": key, "scores": scores, "comment": preference.why}

    evaluate.__name__ = key
    return evaluate


def compare_experiments(candidate: Experiment, baseline: Experiment, evaluator: PairwiseEvaluator) -> list[Score]:
    """Compare two experiments over the same samples with nothing sent; each score is the candidate's share.

    Args:
        candidate: The experiment whose answers are scored.
        baseline: With the same samples.
        evaluator: Made by `as_pairwise`.

    Raises:
        ConfigurationError: A sample of the candidate's is missing in the baseline.
    """
    others = {row.sample.id: row for row in baseline.rows}
    missing = [row.sample.id for row in candidate.rows if row.sample.id not in others]
    if missing:
        msg = f"{baseline.name} has no answer to {', '.join(missing[:3])}: compare experiments over the same samples"
        raise ConfigurationError(msg)
    scores = []
    for row in candidate.rows:
        told = evaluator([row.run, others[row.sample.id].run], _example(row.sample))
        scores.append(Score(row.sample.id, told["scores"][row.run.id], told["comment"]))
    return scores


def silent_client() -> Any:  # noqa: ANN401 - `langsmith.Client`
    """Return a LangSmith client that drops every trace, and refuses to send anything else.

    Raises:
        MissingDependencyError: `langsmith` is not installed.
    """
    base: Any = require("langsmith", extra="eval").Client

    def refuse(_self: object, method: str, pathname: str, **_: object) -> None:
        msg = f"this experiment sends nothing, and LangSmith wanted to {method} {pathname}: set upload=True to allow it"
        raise ConfigurationError(msg)

    kind = type("SilentClient", (base,), {"request_with_retries": refuse})
    return kind(
        api_url="http://127.0.0.1:9",
        api_key="not-sent",
        auto_batch_tracing=False,
        tracing_sampling_rate=0.0,
        tracing_mode="langsmith",
        info={},
    )


def _options(
    mixture: Mixture,
    examples: Iterable[Sample] | str,
    *,
    name: str | None,
    dataset: str | None,
    upload: bool,
    client: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return what both of LangSmith's functions are told."""
    langsmith = require("langsmith", extra="eval")
    if not upload:
        if isinstance(examples, str):
            msg = f"{examples!r} names a dataset in LangSmith: set upload=True, or give samples"
            raise ConfigurationError(msg)
        warnings.filterwarnings("ignore", message="'upload_results' parameter is in beta")
        client = silent_client()
        data: list[Any] | str = [_example(sample) for sample in examples]
    else:
        client = client or langsmith.Client()
        data = examples if isinstance(examples, str) else _uploaded(client, dataset, list(examples))
    return {
        "data": data,
        "experiment_prefix": name or experiment_name(mixture),
        "metadata": _metadata(mixture),
        "upload_results": upload,
        "client": client,
    }


def _uploaded(client: Any, dataset: str | None, samples: Sequence[Sample]) -> str:  # noqa: ANN401
    if dataset is None:
        msg = "an experiment that is uploaded needs a dataset: name it, dataset='...'"
        raise ConfigurationError(msg)
    if not client.has_dataset(dataset_name=dataset):
        made = client.create_dataset(dataset)
        examples = [_example(sample) for sample in samples]
        client.create_examples(
            dataset_id=made.id,
            examples=[
                {"inputs": one.inputs, "reference_outputs": one.outputs, "metadata": one.metadata} for one in examples
            ],
        )
    return dataset


def _metadata(mixture: Mixture) -> dict[str, Any]:
    told = {
        "moa_mixture": mixture.name,
        "moa_fingerprint": mixture.fingerprint,
        "moa_preset": mixture.preset,
        "moa_preset_version": mixture.preset_version,
    }
    return {key: value for key, value in told.items() if value is not None}


def _example(sample: Sample) -> Any:  # noqa: ANN401 - `langsmith.schemas.Example`
    schemas = require("langsmith.schemas", extra="eval")
    return schemas.Example(
        id=uuid.uuid5(_NAMESPACE, sample.id),
        dataset_id=_NAMESPACE,
        created_at=datetime.now(UTC),
        inputs={"id": sample.id, "turns": list(sample.turns)},
        outputs={"target": sample.target},
        metadata=dict(sample.metadata),
    )


def _sample_of(inputs: Mapping[str, Any]) -> Sample:
    return Sample(inputs["id"], inputs["turns"])


def _sample_in(example: Any) -> Sample:  # noqa: ANN401 - LangSmith's example
    asked = _sample_of(example.inputs)
    return replace(asked, target=(example.outputs or {}).get("target"), metadata=example.metadata or {})


def _outputs(answer: Answer) -> dict[str, Any]:
    return {"answer": answer["turns"][-1]["answer"], "record": dict(answer)}


def _answer_of(run: Any) -> Answer | None:  # noqa: ANN401 - LangSmith's run
    outputs = run.outputs or {}
    return cast("Answer", outputs["record"]) if "record" in outputs else None


def _experiment(name: str, rows: Sequence[Mapping[str, Any]], data: object) -> Experiment:
    found = [
        ExperimentRow(
            sample=_sample_in(row["example"]),
            answer=_answer_of(row["run"]),
            feedback=tuple(row["evaluation_results"]["results"]),
            run=row["run"],
        )
        for row in rows
    ]
    if isinstance(data, list):
        order = {example.inputs["id"]: number for number, example in enumerate(data)}
        found.sort(key=lambda row: order[row.sample.id])
    return Experiment(name, tuple(found))


def _feedback(key: str, score: Score) -> dict[str, Any]:
    return {"key": key, "score": score.value, "comment": score.why, "metadata": dict(score.metadata) or None}


def _name(scorer: Scorer) -> str:
    return getattr(scorer, "__name__", type(scorer).__name__)


def _settled(value: object) -> object:
    """Return what a function gave, or what the coroutine that it gave comes to."""
    return background.run(_awaited(value)) if inspect.isawaitable(value) else value


async def _awaited(value: Awaitable[object]) -> object:
    return await value
