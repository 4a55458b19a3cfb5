"""Comparisons whose truth is known, since the models are simulated."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa import Layer, Mixture, Proposer
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.bench import halves, open_bench
from langgraph_moa.evaluation.comparing import compare, comparison_identity, headline, planned, self_moa, singles_of
from langgraph_moa.evaluation.intervals import Difference
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.reports import Report
from langgraph_moa.evaluation.runs import Outcome, RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scoring import ExactMatch, Rating, Scorer
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.usage import PriceTable
from tests.evaluation.simulated import PRICES, answering, mixture, often, picking, samples, seat

pytestmark = pytest.mark.usefixtures("undrawn")


async def run(
    recipe: Mixture, asked: list[Sample], scorer: Scorer | None = None, **given: Any
) -> tuple[Report, Outcome]:
    """Compare over some samples."""
    scorer = scorer or ExactMatch()
    with open_bench(asked, scorer, comparison_identity(recipe, scorer), **given) as bench:
        return await compare(recipe, bench), bench.outcome


def complementary() -> Simulator:
    """Return models of which each knows half of the questions, and an aggregator that recognises a right answer."""
    return Simulator(
        models={
            "alpha": answering(lambda number, draw: number % 2 == 0),
            "beta": answering(lambda number, draw: number % 2 == 1),
            "gamma": picking(),
        }
    )


async def test_mixture_that_helps_is_found() -> None:
    """Where each proposer knows half of the questions, the mixture of both is said to beat every other arm."""
    with complementary() as simulator:
        report, _ = await run(mixture(simulator, "alpha", "beta"), samples(14))
    assert report.notes[0].startswith("Significant gain: the mixture is better than self-moa, best single and")
    scores = {name: arm["score"] for name, arm in report.data["arms"].items()}
    assert scores["mixture"] == 1.0
    assert scores["best single"] == pytest.approx(0.5, abs=0.1)


async def test_mixture_that_does_not_help_is_found() -> None:
    """Where every model is right as often as the others, it is said that there is no significant gain."""
    models = {name: answering(often(0.6, name)) for name in ("alpha", "beta", "gamma")}
    with Simulator(models=models) as simulator:
        report, _ = await run(mixture(simulator, "alpha", "beta"), samples(10))
    assert report.notes[0] == (
        "No significant gain of the mixture over self-moa, best single and single at equal cost."
    )


async def test_mixture_that_harms_is_found() -> None:
    """Where the aggregator spoils what a proposer knows, the loss is named."""
    with Simulator(
        models={"alpha": answering(lambda *_: True), "gamma": Behaviour(reply="The answer is 7.")}
    ) as server:
        report, _ = await run(mixture(server, "alpha", "beta"), samples(8))
    assert report.notes[0].startswith("Significant loss: the mixture is worse than")


async def test_shared_proposals_are_asked_for_once() -> None:
    """A proposer alone and the best single take the answers that the mixture was given; only draws are asked anew."""
    with complementary() as simulator:
        report, _ = await run(mixture(simulator, "alpha", "beta"), samples(4))
        made = Counter(request.body["model"] for request in simulator.requests)
    assert {name: arm["calls"] for name, arm in report.data["arms"].items()} == {
        "mixture": 3,
        "self-moa": 3,
        "best single": 1,
        "single at equal cost": 3,
        "openai:alpha": 1,
        "openai:beta": 1,
    }
    assert made["gamma"] == 4 + 4
    assert made["alpha"] + made["beta"] == 4 + 4 + 4 * 2  # of the mixture, and two more draws, which Self-MoA shares


async def test_killed_comparison_goes_on(tmp_path: Path) -> None:
    """A second run over the same log makes no request at all, and comes to the same report."""
    log = tmp_path / "log.jsonl"
    with complementary() as simulator:
        recipe = mixture(simulator, "alpha", "beta")
        first, _ = await run(recipe, samples(3), log=log)
        made = len(simulator.requests)
        second, outcome = await run(recipe, samples(3), log=log)
        assert len(simulator.requests) == made
    assert outcome.made == 0
    assert second.data == first.data


async def test_lost_log_costs_nothing_while_there_is_the_tape(tmp_path: Path) -> None:
    """With the tape alone a comparison is made again without a request."""
    with complementary() as simulator:
        recipe = mixture(simulator, "alpha", "beta")
        first, _ = await run(recipe, samples(4), tape=tmp_path / "calls.sqlite")
        made = len(simulator.requests)
        second, outcome = await run(recipe, samples(4), tape=tmp_path / "calls.sqlite")
        assert len(simulator.requests) == made
    assert outcome.spent == 0
    assert second.data["arms"]["mixture"]["score"] == first.data["arms"]["mixture"]["score"]


async def test_log_of_another_mixture_is_refused(tmp_path: Path) -> None:
    """A log that another mixture has begun is refused, with both fingerprints."""
    with complementary() as simulator:
        await run(mixture(simulator, "alpha", "beta"), samples(2), log=tmp_path / "log.jsonl")
        with pytest.raises(ConfigurationError, match=r"fingerprint \w{16}\. This run: .* fingerprint \w{16}"):
            await run(mixture(simulator, "beta", "alpha"), samples(2), log=tmp_path / "log.jsonl")


async def test_equal_cost_is_the_measured_one() -> None:
    """The single at equal cost is drawn as often as the mixture's measured dollars buy, and costs no more."""
    with complementary() as simulator:
        report, _ = await run(mixture(simulator, "alpha", "beta"), samples(4))
    arms = report.data["arms"]
    assert arms["single at equal cost"]["cost"] <= arms["mixture"]["cost"]
    assert arms["single at equal cost"]["calls"] == int(arms["mixture"]["cost"] / arms["best single"]["cost"])


async def test_best_single_is_not_chosen_by_its_own_scores() -> None:
    """Of two proposers that know one half of the lots each, the one that is best on one half is scored on the other."""
    asked = samples(12)
    first, _ = halves(asked)
    known = {int(sample.id[1:]) for sample in first}
    models = {
        "alpha": answering(lambda number, draw: number in known),
        "beta": answering(lambda number, draw: number not in known),
        "gamma": picking(),
    }
    with Simulator(models=models) as simulator:
        report, _ = await run(mixture(simulator, "alpha", "beta"), asked)
    assert report.data["arms"]["best single"]["score"] == 0.0
    assert report.data["arms"]["openai:alpha"]["score"] == 0.5
    hindsight = report.tables[1].rows[-1]
    assert hindsight[:2] == ["openai:alpha, best in hindsight", 0.5]


async def test_failing_arm_is_told_and_the_others_go_on() -> None:
    """A proposer that always fails has no score and is told as missing; the mixture answers without it."""
    models = {"alpha": answering(lambda *_: True), "beta": Behaviour(status=400), "gamma": picking()}
    with Simulator(models=models) as simulator:
        report, outcome = await run(mixture(simulator, "alpha", "beta"), samples(4))
    arms = report.data["arms"]
    assert (arms["openai:beta"]["score"], arms["openai:beta"]["missing"]) == (None, 4)
    assert arms["mixture"]["score"] == 1.0
    assert len(outcome.failed) == 4


async def test_max_cost_holds_for_all_arms_together() -> None:
    """A comparison never spends beyond its limit, and says why it ended."""
    with complementary() as simulator:
        recipe = mixture(simulator, "alpha", "beta").map_seats(_with_length)
        report, outcome = await run(recipe, samples(10), options=RunOptions(max_cost=0.0001, concurrency=2))
    assert outcome.stopped is not None
    assert (outcome.spent or 0) <= 0.0001
    assert any(note.startswith("Stopped early: max_cost") for note in report.notes)


def _with_length(given: Any) -> Any:
    return replace(given, max_tokens=20)


async def test_judged_comparison_names_the_judge_and_warns() -> None:
    """A judge's comparison bears its stamp on every table, and warns where the judge also proposes."""
    rate = Behaviour(reply=lambda body: "Rating: 9" if "gamma says" in str(body["messages"]) else "Rating: 4")
    models = {"alpha": Behaviour(reply="alpha says"), "gamma": Behaviour(reply="gamma says"), "judge": rate}
    with Simulator(models=models) as simulator:
        scorer = Rating(Judge(seat(simulator, "judge"), date="2026-02-03"))
        report, _ = await run(mixture(simulator, "alpha", "judge"), samples(3), scorer)
    assert {table.judge for table in report.tables} == {scorer.stamp}
    assert report.data["arms"]["mixture"]["score"] == 9.0
    assert any("openai:judge is also a proposer of 'trio'" in note for note in report.notes)


def test_self_moa_keeps_shape_and_aggregator(simulator: Simulator) -> None:
    """Self-MoA has as many slots in every layer as the mixture, all of one model, and the same aggregator."""
    recipe = mixture(simulator, "alpha", "beta")
    made = self_moa(recipe, Proposer("openai:alpha"))
    assert [len(slots) for slots in made.slots] == [len(slots) for slots in recipe.slots]
    assert {slot.proposer.model for slots in made.slots for slot in slots} == {"openai:alpha"}
    assert made.merger == recipe.merger


def test_a_proposer_that_stands_twice_is_one_single() -> None:
    """Two seats of one model and the same settings are one arm; with other settings they are two."""
    hot = Proposer("openai:alpha", temperature=1)
    recipe = Mixture([Layer(["openai:alpha", Proposer("openai:alpha", samples=2), hot])], "openai:gamma")
    assert list(singles_of(recipe)) == ["openai:alpha", "openai:alpha (2)"]


def test_dry_run_counts_calls() -> None:
    """What would be called is told for each arm with no call made."""
    recipe = Mixture([Layer(["openai:alpha", "openai:beta"])], "openai:gamma")
    calls = {name: plan.forecast.calls for name, plan in planned(recipe, samples(5)).items()}
    assert calls == {
        "mixture": 15,
        "openai:alpha": 5,
        "openai:beta": 5,
        "self-moa": 15,
        "single at equal cost": 15,
    }


def test_headline_is_not_carried_away() -> None:
    """A gain over some arms alone is no gain: the headline names those that the mixture is not ahead of."""
    ahead, even = Difference(0.3, 0.1, 0.5, True, 20), Difference(0.1, -0.1, 0.3, False, 20)  # noqa: FBT003
    assert headline({"a": ahead, "b": even}) == "No significant gain of the mixture over b; it is better than a."
    assert headline({"a": ahead, "b": None}).startswith("No significant gain of the mixture over b")


async def test_one_sample_is_too_few(simulator: Simulator) -> None:
    """A comparison over one sample is refused before anything is called."""
    with pytest.raises(ConfigurationError, match="two samples or more, got 1"):
        await run(mixture(simulator, "alpha"), samples(1))
    assert simulator.requests == []


def _rarely(*numbers: int) -> Behaviour:
    """Return a model that answers some of the questions, those rightly, and the others not at all."""
    right = {f"question {number}.": f"The answer is {1000 + number}." for number in numbers}
    return Behaviour(reply=lambda body: next((said for key, said in right.items() if key in str(body["messages"])), ""))


async def test_single_that_seldom_answers_is_not_the_best() -> None:
    """A proposer that fails on all questions but one of each half is not chosen for being right on those."""
    one, other = halves(samples(12))
    known = [int(half[0].id[1:]) for half in (one, other)]
    models = {"alpha": answering(lambda number, _: number % 6 != 0), "beta": _rarely(*known), "gamma": picking()}
    with Simulator(models=models) as simulator:
        report, _ = await run(mixture(simulator, "alpha", "beta"), samples(12))
    assert report.data["arms"]["openai:beta"]["score"] == 1.0
    assert "Best single: openai:alpha for 12 questions" in report.notes[-1]
    assert report.tables[1].rows[-1][0] == "openai:alpha, best in hindsight"


async def test_equal_cost_by_calls_is_told() -> None:
    """Where prices are unknown, the notes say that the draws are as many as the calls, not of equal cost."""
    with complementary() as simulator:
        recipe = replace(mixture(simulator, "alpha", "beta"), prices=PriceTable.from_dict({**PRICES, "models": {}}))
        report, _ = await run(recipe, samples(4))
    assert "as many as the mixture's calls, since what those cost is unknown" in report.notes[-1]


async def test_draws_at_temperature_0_are_told() -> None:
    """Several draws of a proposer at temperature 0 are said to be alike."""
    with complementary() as simulator:
        cold = Layer([seat(simulator, name, temperature=0) for name in ("alpha", "beta")])
        report, _ = await run(replace(mixture(simulator, "alpha", "beta"), layers=[cold]), samples(4))
    assert report.notes[-1].startswith("The draws of openai:")
