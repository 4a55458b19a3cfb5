"""Claims about accuracy against calls, on recorded answers of real models and on small ones."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import Aggregator, ConfigurationError, Layer, Mixture, Proposer, StopWhen, create_moa
from langgraph_moa.evaluation.studies.adaptive import (
    AdaptiveStudy,
    Asked,
    adaptive,
    ask_in_waves,
    learned_order,
    report,
    split_halves,
)
from langgraph_moa.evaluation.studies.final_answers import FinalAnswers, parse_final_answers, read_final_answers
from langgraph_moa.final_answers import canonical, extract_answer
from langgraph_moa.strategies import plurality
from langgraph_moa.testing import ScriptedChatModel

SIX = [
    "Meta-Llama-3-70B-Instruct",
    "Qwen2-72B-Instruct",
    "gemma-2-27b-it@together",
    "Yi-1.5-34B-Chat",
    "command-r-plus",
    "Mixtral-8x7B-Instruct-v0.1",
]


@pytest.fixture(scope="module")
def recorded() -> FinalAnswers:
    """Return the recorded final answers to GSM8K."""
    folder = os.environ.get("LANGGRAPH_MOA_DATA")
    if folder is None:
        pytest.skip("LANGGRAPH_MOA_DATA is not set: it names the folder of the recorded answers")
    return read_final_answers(Path(folder) / "reasoning" / "gsm8k_answers.jsonl")


@pytest.fixture(scope="module")
def study(recorded: FinalAnswers) -> AdaptiveStudy:
    """Return the study of six open models."""
    return adaptive(recorded, SIX)


def test_single_models_and_their_vote(study: AdaptiveStudy) -> None:
    """Of six open models the best is right on 93.03 % of GSM8K, their plurality on 94.92 %, one of them on 98.18 %."""
    assert study["questions"] == 1319
    assert study["best_single"]["policy"] == SIX[0]
    assert round(study["best_single"]["accuracy"], 2) == 93.03
    assert round(study["plurality"]["accuracy"], 2) == 94.92
    assert round(study["oracle"]["accuracy"], 2) == 98.18
    assert study["weighted_plurality"]["accuracy"] >= study["plurality"]["accuracy"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_that_agree_are_as_good_as_all(recorded: FinalAnswers, seed: int) -> None:
    """Whatever the halves, the two strongest and a stop where they agree reach the vote's accuracy at 39 % of it."""
    found = adaptive(recorded, SIX, seed=seed)
    two = next(point for point in found["waves"] if point["policy"] == "2 first")
    assert round(two["accuracy"], 1) == 95.0
    assert two["accuracy"] >= found["plurality"]["accuracy"]
    assert round(two["share"], 2) == 0.39
    until = next(point for point in found["one_by_one"] if point["policy"] == "until 60% agree")
    assert until["accuracy"] >= two["accuracy"]
    assert until["share"] < two["share"]


def test_the_report_holds_every_policy(study: AdaptiveStudy) -> None:
    """The report's table names each policy once, and its figure shows what no other beats."""
    pytest.importorskip("matplotlib", reason="the figure needs the extra eval")
    written = report(study, date="2026-01-01")
    policies = [row[0] for row in written.tables[0].rows]
    assert len(set(policies)) == len(policies)
    assert {"2 first", "until 60% agree", "plurality", "oracle"} <= set(policies)
    front = r"until 60% agree at 2\.\d+, 95\.\d+ \(on the Pareto front\)"
    assert re.search(front, written.figures[0].description)


def test_all_models_together(recorded: FinalAnswers) -> None:
    """Of all 44 models, the two strongest first reach the accuracy of all at less than a tenth of the calls."""
    found = adaptive(recorded)
    two = next(point for point in found["waves"] if point["policy"] == "2 first")
    assert len(found["models"]) == 44
    assert two["accuracy"] >= found["plurality"]["accuracy"] > found["best_single"]["accuracy"]
    assert two["share"] < 0.1


def test_the_study_is_plain_data(study: AdaptiveStudy) -> None:
    """The study survives JSON."""
    assert json.loads(json.dumps(study)) == study


def replayed(recorded: FinalAnswers, order: Sequence[str]) -> dict[str, ScriptedChatModel]:
    """Return models that answer the question of a number as they did when they were recorded."""

    def answering(model: str) -> ScriptedChatModel:
        def reply(messages: list[Any]) -> str:
            answer = recorded.answers[model][int(str(messages[0].content).split()[-1])]
            return "I cannot say." if answer is None else f"So the answer is {answer!r}."

        return ScriptedChatModel(replies=reply)

    return {model: answering(model) for model in order}


def of_every_length(recorded: FinalAnswers, rule: StopWhen, each: int = 4) -> list[int]:
    """Choose questions, so many of each number of calls that the study reckons with."""
    found: dict[int, list[int]] = {}
    questions = list(range(len(recorded.gold)))
    random.Random(7).shuffle(questions)  # noqa: S311 - a choice, no secret
    for question in questions:
        given = [recorded.answers[name][question] for name in SIX]
        found.setdefault(ask_in_waves(given, rule).calls, []).append(question)
    return [question for alike in found.values() for question in alike[:each]]


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(StopWhen(), id="two-first"),
        pytest.param(StopWhen(waves=[3, 1]), id="three-then-one"),
        pytest.param(StopWhen(waves=[2, 1, 1, 1], share=0.6), id="until-sixty-percent-agree"),
    ],
)
async def test_a_mixture_does_what_the_study_reckons(recorded: FinalAnswers, rule: StopWhen) -> None:
    """A real run whose models replay recorded answers makes the calls and gives the answer that the study computes."""
    questions = of_every_length(recorded, rule)
    models = replayed(recorded, SIX)
    proposers = [Proposer(model, name=f"{at}") for at, model in enumerate(models.values())]
    mixture = Mixture([Layer(proposers, stop_when=rule)], Aggregator(strategy="vote"), on_partial="raise")
    graph = create_moa(mixture)
    for question in questions:
        before = {name: len(model.requests) for name, model in models.items()}
        out = await graph.ainvoke({"messages": [("user", f"question {question}")]})
        asked = [name for name, model in models.items() if len(model.requests) > before[name]]
        given = [recorded.answers[name][question] for name in SIX]
        expected = ask_in_waves(given, rule)
        said = extract_answer(out["messages"][-1].text)
        assert asked == SIX[: expected.calls]
        assert (None if said is None else float(canonical(said))) == expected.answer
        assert out["messages"][-1].response_metadata["moa"]["saved"]["calls"] == 6 - expected.calls


def test_halves_divide_the_questions() -> None:
    """Every question is in one half, the halves differ by one at most, and a seed gives the same ones again."""
    first, second = split_halves(9, seed=3)
    assert sorted([*first, *second]) == list(range(9))
    assert len(second) - len(first) == 1
    assert split_halves(9, seed=3) == (first, second)
    assert split_halves(9, seed=4) != (first, second)


SMALL = FinalAnswers(gold=[1, 2, 3, 4], answers={"weak": [1, 0, 0, 0], "none": [None] * 4, "strong": [1, 2, 3, 0]})


def test_order_is_learned_from_the_questions_given() -> None:
    """The most accurate comes first; equals stay in their order."""
    assert learned_order(SMALL, ["weak", "none", "strong"], range(4)) == ["strong", "weak", "none"]
    assert learned_order(SMALL, ["weak", "none", "strong"], [3]) == ["weak", "none", "strong"]


@given(
    answers=st.lists(st.sampled_from([None, 1.0, 2.0]), min_size=2, max_size=8),
    waves=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    share=st.sampled_from([0.6, 1.0]),
)
def test_a_stop_is_an_agreement(answers: list[Any], waves: list[int], share: float) -> None:
    """Who is not asked is spared by an answer that so many of the asked gave; without a stop it is the plurality."""
    asked = ask_in_waves(answers, StopWhen(waves=waves, share=share))
    seen = answers[: asked.calls]
    if asked.calls < len(answers):
        assert seen.count(asked.answer) >= share * len(seen)
        assert asked.answer is not None
    else:
        assert asked == Asked(plurality(answers), len(answers))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        pytest.param([], "it: the first line must hold the right answers", id="empty"),
        pytest.param(['{"model": "a", "answers": [1]}'], "the first line must hold the right answers", id="no-gold"),
        pytest.param(['{"gold": [1, 2]}', "{"], "it:2 is no JSON", id="broken"),
        pytest.param(['{"gold": [1]}', '{"model": "a"}'], "table 2 is without answers", id="no-answers"),
        pytest.param(['{"gold": [1]}', '{"model": "a", "answers": [1, 2]}'], "a has 2 answers to 1 quest", id="more"),
        pytest.param(['{"gold": [1]}', '{"model": "a", "answers": ["x"]}'], r"a\[0\] must be a number", id="word"),
        pytest.param(
            ['{"gold": [1]}', *['{"model": "a", "answers": [1]}'] * 2], "table 3 is a second time 'a'", id="twice"
        ),
    ],
)
def test_a_broken_record_is_refused(lines: list[str], problem: str) -> None:
    """An error names the file, the line or the model, and what is wrong."""
    with pytest.raises(ConfigurationError, match=problem):
        parse_final_answers(lines, what="it")


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        (["weak", "wise"], "no answers of wise. There are: weak, none, strong"),
        (["weak", "weak"], "weak named twice"),
        (["weak"], "needs 2 models and 2 questions or more, got 1 and 4"),
    ],
)
def test_models_that_cannot_be_compared_are_refused(models: list[str], problem: str) -> None:
    """A model without answers, one named twice, and one alone are refused by name."""
    with pytest.raises(ConfigurationError, match=problem):
        adaptive(SMALL, models)


def test_many_models_make_a_short_table() -> None:
    """Of many models the tables show ten and say how many more there are; the data holds all of them."""
    names = [f"model {n}" for n in range(30)]
    answers = {name: [1.0 if (at + n) % 7 else 0.0 for at in range(10)] for n, name in enumerate(names)}
    study = adaptive(FinalAnswers([1.0] * 10, answers))
    policies, singles = report(study, date="2026-01-01").tables
    assert (len(policies.rows), len(singles.rows)) == (3 + 10 + 1 + 2 + 1, 10)
    assert "20 more models are in the JSON report." in singles.notes
    assert "19 more sizes of the first wave are in the JSON report." in policies.notes
    assert (len(study["waves"]), len(study["singles"])) == (30, 30)
