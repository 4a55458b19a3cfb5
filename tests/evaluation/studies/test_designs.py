"""Studies over simulated models whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa import Layer, Mixture, Proposer
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.bench import open_bench
from langgraph_moa.evaluation.reports import Report, Table
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scoring import ExactMatch
from langgraph_moa.evaluation.studies import (
    collaborativeness,
    depth,
    drop_one,
    likeness,
    proposers,
    ranker,
    roles,
    tradeoffs,
)
from langgraph_moa.evaluation.studies.design import Design, conduct
from langgraph_moa.testing import Behaviour, Simulator
from tests.evaluation.simulated import answering, mixture, picking, samples

EVERY = (
    collaborativeness.design,
    proposers.design,
    roles.design,
    depth.design,
    drop_one.design,
    ranker.design,
    likeness.design,
    tradeoffs.design,
)


pytestmark = pytest.mark.usefixtures("undrawn")


async def made(design: Design, asked: list[Sample], **given: Any) -> Report:
    """Make a study."""
    scorer = ExactMatch(date="2026-01-01")
    with open_bench(asked, scorer, design.identity(scorer), **given) as bench:
        return await conduct(design, bench)


def rows(table: Table) -> dict[Any, dict[str, Any]]:
    """Return the rows of a table by their first cell; of two columns of one name, the first."""
    return {row[0]: dict(reversed(list(zip(table.columns, row, strict=True)))) for row in table.rows}


@pytest.fixture
def halves() -> Any:
    """Serve models that know the even or the odd questions, or none, and find the right answer among references."""

    def knowing(rest: int | None) -> Behaviour:
        alone, seeing = answering(lambda number, _: number % 2 == rest), picking()

        def reply(body: dict[str, Any]) -> str:
            behaviour = seeing if "The answer is" in str(body["messages"]) else alone
            assert callable(behaviour.reply)
            return str(behaviour.reply(body))

        return Behaviour(reply=reply)

    models = {"alpha": knowing(0), "beta": knowing(1), "gamma": knowing(None), "judge": knowing(0)}
    with Simulator(models=models) as simulator:
        yield simulator


async def test_collaborativeness(halves: Simulator) -> None:
    """A model that recognises what others know scores more with their answers than alone."""
    report = await made(collaborativeness.design(mixture(halves, "alpha", "beta")), samples(12))
    told = rows(report.tables[0])["openai:alpha"]
    assert (told["alone"], told["with"], told["gain"]) == (0.5, 0.5, 0.0)  # of the others, only the odd ones
    assert told["verdict"] == "not significant"
    gamma = await made(collaborativeness.design(mixture(halves, "alpha", "gamma")), samples(12))
    assert rows(gamma.tables[0])["openai:gamma"]["verdict"] == "significant gain"


async def test_proposers(halves: Simulator) -> None:
    """Two models that know different halves beat two answers of one; a third answer of one adds nothing."""
    report = await made(proposers.design(mixture(halves, "alpha", "beta"), counts=[1, 2, 3]), samples(12))
    told = rows(report.tables[0])
    assert [told[n]["models"] for n in (1, 2, 3)] == [0.5, 1.0, None]
    assert [told[n]["one model"] for n in (1, 2, 3)] == [0.5, 0.5, 0.5]
    assert told[2]["verdict"] == "significant gain"
    assert told[3]["verdict"] == "fewer models than n"


async def test_roles() -> None:
    """The model that spoils every answer is the worst aggregator and the best proposer, where only it knows."""
    models = {
        "alpha": Behaviour(reply=_knows_but_spoils),
        "beta": Behaviour(reply=_picks_but_guesses),
        "gamma": picking(),
    }
    with Simulator(models=models) as simulator:
        report = await made(roles.design(mixture(simulator, "alpha", "beta")), samples(6))
    told = rows(report.tables[0])
    assert (told["openai:alpha"]["as aggregator"], told["openai:alpha"]["as proposer"]) == (0.0, 1.0)
    assert (told["openai:beta"]["as aggregator"], told["openai:beta"]["as proposer"]) == (1.0, 0.0)


def _knows_but_spoils(body: dict[str, Any]) -> str:
    reply = answering(lambda *_: "The answer is" not in str(body["messages"])).reply
    return str(reply(body)) if callable(reply) else reply


def _picks_but_guesses(body: dict[str, Any]) -> str:
    sees = "The answer is" in str(body["messages"])
    reply = (picking() if sees else answering(lambda *_: False)).reply
    return str(reply(body)) if callable(reply) else reply


async def test_depth(halves: Simulator) -> None:
    """The aggregator alone is depth 1, and the first layer's gain is told against it."""
    report = await made(depth.design(mixture(halves, "alpha", "beta")), samples(6))
    told = rows(report.tables[0])
    assert list(told) == [1, 2, 3]
    assert [told[n]["calls"] for n in told] == [1, 3, 5]
    assert (told[1]["share right"], told[2]["share right"]) == (0.0, 1.0)
    assert told[2]["verdict"] == "significant gain"


async def test_drop_one(halves: Simulator) -> None:
    """Leaving out a proposer that knows a half costs it; leaving out one that knows nothing costs nothing."""
    recipe = mixture(halves, "alpha", "beta", "gamma", aggregator="judge")
    told = rows((await made(drop_one.design(recipe), samples(6))).tables[0])
    assert told["nobody"]["score"] == 1.0
    assert told["openai:alpha"]["gain"] == 0.5
    assert told["openai:gamma"]["gain"] == 0.0


async def test_ranker() -> None:
    """A ranker that always takes the first proposal loses against an aggregator that finds the right one."""

    def decide(body: dict[str, Any]) -> str:
        reply = picking().reply
        if "response_format" in body or "tools" in body or "best" in str(body["messages"]).lower():
            return '{"why": "it comes first", "best": 1}'
        return str(reply(body)) if callable(reply) else reply

    models = {
        "alpha": answering(lambda *_: False),
        "beta": answering(lambda *_: True),
        "gamma": Behaviour(reply=decide),
    }
    with Simulator(models=models) as simulator:
        report = await made(ranker.design(mixture(simulator, "alpha", "beta")), samples(6))
    told = rows(report.tables[0])["ranker"]
    assert (told["synthesizer"], told["the other"], told["verdict"]) == (1.0, 0.0, "significant gain")


async def test_similarity_has_its_control() -> None:
    """An answer that is like the right proposal, and a control that is just as like it, differ by nothing."""
    names = ("alpha", "beta", "cecil")
    models = {name: answering(_knowing_all_but(place)) for place, name in enumerate(names)}
    models |= {"gamma": answering(lambda *_: True)}
    with Simulator(models=models) as simulator:
        report = await made(likeness.design(mixture(simulator, "alpha", "beta", "cecil")), samples(6))
    told = rows(report.tables[0])["levenshtein"]
    assert told["rank correlation"] == pytest.approx(1)
    assert told["gain"] == 0.0
    assert told["verdict"] == "not significant"


def _knowing_all_but(rest: int) -> Callable[[int, int], bool]:
    return lambda number, _: number % 3 != rest


@pytest.mark.parametrize("measure", ["cost", "latency"])
async def test_tradeoffs_mark_the_front(halves: Simulator, measure: Any) -> None:
    """Of all recipes the cheapest is on the front, and so is the cheapest that is always right."""
    report = await made(tradeoffs.design(mixture(halves, "alpha", "beta"), measure=measure), samples(4))
    table = report.tables[0]
    assert table.rows[0][-1] == "yes"
    assert [row[-1] for row in table.rows if row[2] == 1.0].count("yes") >= 1
    known = [row[1] for row in table.rows if isinstance(row[1], float)]
    assert known == sorted(known)


async def test_calls_are_shared_and_kept(halves: Simulator, tmp_path: Path) -> None:
    """No request is made twice within a study, and a second run with its log and tape makes none."""
    design = drop_one.design(mixture(halves, "alpha", "beta", "gamma", aggregator="judge"))
    first = await made(design, samples(3), log=tmp_path / "log.sqlite")
    bodies = [repr(request.body) for request in halves.requests]
    assert len(bodies) == len(set(bodies))
    second = await made(design, samples(3), log=tmp_path / "log.sqlite")
    assert len(halves.requests) == len(bodies)
    assert second == first


async def test_studies_share_a_tape(halves: Simulator, tmp_path: Path) -> None:
    """What one study has asked, another over the same tape does not ask again."""
    recipe = mixture(halves, "alpha", "beta")
    await made(depth.design(recipe), samples(2), tape=tmp_path / "calls.sqlite")
    made_before = len(halves.requests)
    await made(collaborativeness.design(recipe), samples(2), tape=tmp_path / "calls.sqlite")
    asked = [request.body["model"] for request in halves.requests[made_before:]]
    assert len(asked) == 2 * 2  # each model with the other's answer; what each says alone is known


@pytest.mark.parametrize("design", EVERY, ids=lambda design: design.__module__.rpartition(".")[2])
async def test_every_study_survives_models_that_fail(design: Callable[[Mixture], Design]) -> None:
    """Where no model answers, a study still gives its tables, with nothing known in them, and its figures."""
    with Simulator(Behaviour(status=400, reply="closed")) as simulator:
        report = await made(design(mixture(simulator, "alpha", "beta", "gamma", aggregator="judge")), samples(1))
    assert report.figures
    assert all(arm["score"] is None and arm["missing"] == 1 for arm in report.data["arms"].values())


@pytest.mark.parametrize(("design", "least"), [(collaborativeness.design, 2), (roles.design, 2), (likeness.design, 3)])
def test_too_few_models_are_refused(design: Callable[[Mixture], Design], least: int) -> None:
    """A study that needs several models says how many."""
    recipe = Mixture([Layer([Proposer("openai:a", samples=3)])], "openai:b")
    with pytest.raises(ConfigurationError, match=f"needs {least} different proposers or more, got openai:a"):
        design(recipe)


def test_two_arms_of_one_name_are_refused() -> None:
    """Arms are told apart by their names."""
    design = depth.design(Mixture([Layer(["openai:a"])], "openai:b"))
    with pytest.raises(ConfigurationError, match="two arms are called 'depth 1'"):
        Design(name="x", title="x", arms=[design.arms[0]] * 2, tables=lambda _: [], figures=lambda _: [])


@pytest.mark.parametrize(
    ("study", "arm", "calls"), [(depth.design, 1, 4), (drop_one.design, 0, 6), (ranker.design, 0, 6)]
)
def test_draws_of_a_proposer_are_kept(study: Callable[..., Design], arm: int, calls: int) -> None:
    """A proposer that the mixture draws several times is drawn as often in the arms that stand for the mixture."""
    others = [] if study is depth.design else [Proposer("openai:beta", samples=2)]
    recipe = Mixture([Layer([Proposer("openai:alpha", samples=3), *others])], "openai:gamma")
    assert study(recipe).arms[arm].mixture.plan().calls == calls


async def test_likeness_leaves_conversations_out() -> None:
    """A model alone has another history at the second turn than as a proposer: there is nothing to compare."""
    with Simulator(models={name: Behaviour(reply=name) for name in ("alpha", "beta", "delta", "gamma")}) as simulator:
        asked = [Sample(name, ("One?", "Two?"), "alpha") for name in ("a", "b")]
        report = await made(likeness.design(mixture(simulator, "alpha", "beta", "delta")), asked)
    assert {cell for row in report.tables[0].rows for cell in row[1:-1]} == {None}
