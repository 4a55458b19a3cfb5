"""Searches over simulated models whose truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa import Aggregator, Mixture, Proposer
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.bench import halves, open_bench
from langgraph_moa.evaluation.mixture_files import write_mixture
from langgraph_moa.evaluation.runs import RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scoring import ExactMatch
from langgraph_moa.evaluation.search_space import Space, strategies_of
from langgraph_moa.evaluation.tuning import Tuning, TuningOptions, about_lines, tune, tuning_identity
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.usage import PriceTable
from tests.evaluation.simulated import PRICES, access, answering, picking, samples, seat

LENGTH = 20
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def models() -> Iterator[Simulator]:
    """Serve a cheap model that knows the even questions, one that knows the odd ones, and a picker of right answers."""
    behaviours = {
        "alpha": answering(lambda number, _: number % 2 == 0),
        "beta": answering(lambda number, _: number % 2 == 1),
        "gamma": picking(),
    }
    with Simulator(models=behaviours) as simulator:
        yield simulator


def space(simulator: Simulator, **given: Any) -> Space:
    """Return a small space, with prices."""
    fields: dict[str, Any] = {"strategies": ("synthesize", "consensus"), "deepest": 2, "most_samples": 1, **given}
    return Space(
        proposers=[seat(simulator, name, max_tokens=LENGTH) for name in ("alpha", "beta")],
        aggregators=[Aggregator("openai:gamma", max_tokens=LENGTH, model_kwargs=access(simulator))],
        prices=PriceTable.from_dict(PRICES),
        **fields,
    )


async def run(
    what: Space, asked: list[Sample], options: TuningOptions | None = None, **given: Any
) -> tuple[Tuning, int]:
    """Search; return what was found and how many requests were made."""
    scorer = ExactMatch(date="2026-01-01")
    with open_bench(asked, scorer, tuning_identity(what, scorer), **given) as bench:
        return await tune(what, bench, options or TuningOptions(trials=12)), bench.tape.made


async def test_finds_what_is_best(models: Simulator) -> None:
    """Of all mixtures of two models that know a half each, the one of both before the picker is chosen."""
    found, _ = await run(space(models), samples(12))
    assert [proposer.label for proposer in found.chosen.layers[0].seats] == ["openai:alpha", "openai:beta"]
    assert found.chosen.merger.label == "openai:gamma"
    assert "1 (95 % interval 1 to 1) on the 6 that were held out" in found.why


async def test_no_request_is_made_twice(models: Simulator) -> None:
    """Within a search no request body repeats, although its mixtures share proposers."""
    _, made = await run(space(models), samples(6))
    bodies = Counter(repr(request.body) for request in models.requests)
    assert set(bodies.values()) == {1}
    assert made == len(models.requests)


async def test_second_search_makes_no_call(models: Simulator, tmp_path: Path) -> None:
    """With the tape of the first one, a search of the same seed makes no call and comes to the same."""
    first, made = await run(space(models), samples(6), tape=tmp_path / "calls.sqlite")
    second, again = await run(space(models), samples(6), tape=tmp_path / "calls.sqlite")
    assert (made, again) == (len(models.requests), 0)
    assert second.chosen == first.chosen
    assert second.report.data["held_out"] == first.report.data["held_out"]


async def test_front_is_one(models: Simulator) -> None:
    """On the front, whatever costs more is better, and the single model is its cheap end."""
    found, _ = await run(space(models), samples(8))
    rows = found.report.tables[0].rows
    costs, scores = ([row[column] for row in rows] for column in (1, 3))
    assert costs == sorted(set(costs), key=lambda cost: float(cost or 0))
    assert scores == sorted(set(scores), key=lambda score: float(score or 0))
    assert str(rows[0][0]).endswith("depth 2, consensus")


async def test_at_most_chooses_the_best_that_is_cheap_enough(models: Simulator) -> None:
    """Under a price at which only one call can be made, a single model is chosen; under a smaller one, nothing is."""
    found, _ = await run(space(models), samples(8), TuningOptions(trials=12, at_most=5e-6))
    assert found.chosen.plan().calls == 1
    with pytest.raises(ConfigurationError, match=r"takes at most \$1e-09 a question; the least is \$"):
        await run(space(models), samples(8), TuningOptions(trials=12, at_most=1e-9))


async def test_at_most_needs_prices(models: Simulator) -> None:
    """Where a candidate has no price, a limit in dollars is refused before anything is called."""
    unpriced = PriceTable.from_dict({**PRICES, "models": {}})
    with pytest.raises(ConfigurationError, match="no price: openai:alpha, openai:beta, openai:gamma"):
        await run(replace(space(models), prices=unpriced), samples(4), TuningOptions(at_most=1.0))
    assert models.requests == []


@pytest.mark.parametrize("calls", [14, 40])
async def test_budget_of_calls_is_kept(models: Simulator, calls: int) -> None:
    """A search makes no more calls than it may, and says when trials had no room."""
    found, made = await run(space(models), samples(8), TuningOptions(trials=12, budget_calls=calls))
    assert made <= calls
    assert any("trials were not made" in note for note in found.report.notes) is (calls == 14)


async def test_budget_without_room_is_refused(models: Simulator) -> None:
    """A budget that has no room for one mixture is an error that says so, and no call is made."""
    with pytest.raises(ConfigurationError, match="no room for a single mixture"):
        await run(space(models), samples(8), TuningOptions(trials=12, budget_calls=2))
    assert models.requests == []


async def test_max_cost_is_kept(models: Simulator) -> None:
    """A search spends no more dollars than it may."""
    scorer, what = ExactMatch(), space(models)
    limit = RunOptions(max_cost=4e-4, concurrency=2)
    with open_bench(samples(8), scorer, tuning_identity(what, scorer), options=limit) as bench:
        await tune(what, bench, TuningOptions(trials=12))
        assert 0 < (bench.outcome.spent or 0) <= 4e-4


async def test_figure_told_is_not_the_one_searched_on(models: Simulator) -> None:
    """The questions that the chosen mixture is measured on are none of those that it was chosen by."""
    found, _ = await run(space(models), samples(9))
    searched, held_out = (set(found.report.data[name]["samples"]) for name in ("search", "held_out"))
    assert (len(searched), len(held_out)) == (5, 4)
    assert not searched & held_out


@pytest.mark.parametrize("name", ["chosen.toml", "chosen.json"])
async def test_chosen_mixture_is_written(models: Simulator, tmp_path: Path, name: str) -> None:
    """The file holds the mixture without its key, and TOML says at its top when and from what it was chosen."""
    found, _ = await run(space(models), samples(4), TuningOptions(trials=4))
    write_mixture(found.chosen, tmp_path / name, about_lines(found, "own.jsonl"))
    again = Mixture.from_file(tmp_path / name)
    assert again.to_dict() == found.chosen.to_dict()
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert "any" not in text
    assert ("# Chosen by moa tune on " in text) is name.endswith("toml")


def test_other_endings_are_refused(tmp_path: Path) -> None:
    """A mixture is written as TOML or JSON and as nothing else."""
    with pytest.raises(ConfigurationError, match=r"ends in .toml or .json, got .*chosen.yaml"):
        write_mixture(Mixture.of(["openai:a"], "openai:b"), tmp_path / "chosen.yaml")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"proposers": []}, "name at least one candidate"),
        ({"proposers": ["a", "a"]}, "names 'openai:a' twice"),
        ({"strategies": []}, "Space.strategies is empty"),
        ({"strategies": ["guess"]}, "each of Space.strategies"),
        ({"deepest": 1}, "Space.deepest"),
        ({"most_samples": 0}, "Space.most_samples"),
    ],
)
def test_wrong_spaces_are_refused(given: dict[str, Any], said: str) -> None:
    """A space names what is wrong with it."""
    fields: dict[str, Any] = {"proposers": ["a"], **given}
    fields["proposers"] = [Proposer(f"openai:{name}") for name in fields["proposers"]]
    with pytest.raises(ConfigurationError, match=said):
        Space(**fields)


def test_unknown_strategy_is_refused() -> None:
    """A strategy that there is not is named with those that there are."""
    with pytest.raises(ConfigurationError, match=r"'synthesize'.*'guess'"):
        strategies_of(["vote", "guess"])


def test_halves_are_the_same_each_time() -> None:
    """Halves share nothing, leave nothing out, differ by one at most, and another seed gives others."""
    asked = samples(31)
    first, second = halves(asked, seed=1)
    assert halves(list(asked), seed=1) == (first, second)
    assert (len(first), len(second)) == (16, 15)
    assert {one.id for one in [*first, *second]} == {one.id for one in asked}
    assert halves(asked, seed=2)[0] != first


async def test_too_few_questions_are_refused(models: Simulator) -> None:
    """Three questions cannot be searched on and held out."""
    with pytest.raises(ConfigurationError, match="four questions or more"):
        await run(space(models), samples(3))


async def test_failing_candidate_does_not_hide_the_dollars(models: Simulator) -> None:
    """Where one candidate always fails, the others are chosen from by their dollars as before."""
    models.models |= {"beta": Behaviour(status=400, reply="closed")}
    found, _ = await run(space(models), samples(8), TuningOptions(trials=6, at_most=1.0))
    assert [seat.label for seat in found.chosen.layers[0].seats] == ["openai:alpha"]
    assert any("failed on counts as 0" in note for note in found.report.tables[0].notes)


async def test_mixture_that_seldom_answers_is_not_chosen(models: Simulator) -> None:
    """What is right on a single question and has no answer to the others is worth little."""
    asked = samples(8)
    searched, _ = halves(asked)
    known = f"question {int(searched[0].id[1:])}."
    right = f"The answer is {1000 + int(searched[0].id[1:])}."
    models.models |= {
        "alpha": answering(lambda number, _: number % 8 != 7),
        "beta": Behaviour(reply=lambda body: right if known in str(body["messages"]) else ""),
    }
    found, _ = await run(space(models, strategies=("consensus",)), asked, TuningOptions(trials=4))
    assert "openai:alpha" in [seat.label for seat in found.chosen.layers[0].seats]
