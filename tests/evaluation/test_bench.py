"""Where arms answer and are scored: what is kept, shared and told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError, MissingKeyError
from langgraph_moa.evaluation.arms import Arm, drawn, single
from langgraph_moa.evaluation.bench import Bench, open_bench
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.runs import Identity, RunOptions, Standing
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scoring import ExactMatch, Rating
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.usage import PriceTable
from tests.evaluation.simulated import PRICES, answering, mixture, picking, samples, seat

IDENTITY = Identity("study", "test", "0" * 16)


@pytest.fixture
def alone(simulator: Simulator) -> Arm:
    """Return a model that is always right, alone."""
    simulator.models |= {"alpha": answering(lambda *_: True)}
    return Arm("alpha", single(seat(simulator, "alpha")))


async def test_two_arms_never_make_one_request_twice(simulator: Simulator) -> None:
    """Arms with the same proposer share its answers also while all of them run at the same time."""
    simulator.models |= {"alpha": answering(lambda *_: True), "gamma": picking()}
    arms = [Arm(f"arm {n}", single(seat(simulator, "alpha"))) for n in range(4)]
    arms.append(Arm("mixture", mixture(simulator, "alpha")))
    with open_bench(samples(2), ExactMatch(), IDENTITY, options=RunOptions(concurrency=16)) as bench:
        measured = await bench.test(arms)
    assert [[trial.score.value for trial in one.trials.values()] for one in measured] == [[1.0, 1.0]] * 5
    assert len([request for request in simulator.requests if request.body["model"] == "alpha"]) == 2


class _Midway:
    """Notices when so many jobs are done."""

    def __init__(self, count: int) -> None:
        self.reached = asyncio.Event()
        self._count = count

    def note(self, standing: Standing) -> None:
        if standing.made >= self._count:
            self.reached.set()

    def close(self) -> None:
        """Nothing is held."""


async def test_interrupted_run_goes_on(simulator: Simulator, alone: Arm, tmp_path: Path) -> None:
    """After a run that was cancelled midway, the next one makes the missing calls and those that were under way."""
    asked, log = samples(8), tmp_path / "log.jsonl"

    given: dict[str, Any] = {"log": log, "options": RunOptions(concurrency=1)}
    midway = _Midway(3)
    with open_bench(asked, ExactMatch(), IDENTITY, watch=lambda _: midway, **given) as bench:
        running = asyncio.create_task(bench.test([alone]))
        await midway.reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    with open_bench(asked, ExactMatch(), IDENTITY, log=log) as bench:
        [measured] = await bench.test([alone])
        assert bench.outcome.reused >= 3
    assert len(measured.trials) == 8
    assert 8 <= len(simulator.requests) <= 9


async def test_failed_answer_is_asked_again_by_the_next_run(simulator: Simulator, alone: Arm, tmp_path: Path) -> None:
    """An error is no answer: it is told, nothing of it is kept, and the next run asks again."""
    simulator.models |= {"alpha": Behaviour(status=400, reply="closed")}
    given: dict[str, Any] = {"log": tmp_path / "log.jsonl"}
    with open_bench(samples(1), ExactMatch(), IDENTITY, **given) as bench:
        [first] = await bench.test([alone])
        assert [failed.kind for failed in bench.outcome.failed] == ["QuorumError"]
    simulator.models |= {"alpha": answering(lambda *_: True)}
    with open_bench(samples(1), ExactMatch(), IDENTITY, **given) as bench:
        [second] = await bench.test([alone])
    assert (len(first.trials), len(second.trials)) == (0, 1)


async def test_silent_judge_leaves_the_answer(simulator: Simulator, alone: Arm, tmp_path: Path) -> None:
    """Where the judge fails the answer is kept, its score is missing, and the next run asks the judge alone."""
    simulator.models |= {"judge": Behaviour(status=400, reply="closed")}
    scorer = Rating(Judge(seat(simulator, "judge")))
    with open_bench(samples(1), scorer, IDENTITY, log=tmp_path / "log.jsonl") as bench:
        [first] = await bench.test([alone])
        assert [failed.kind for failed in bench.outcome.failed] == ["JudgeError"]
    simulator.models |= {"judge": Behaviour(reply="Rating: 8")}
    simulator.requests.clear()
    with open_bench(samples(1), scorer, IDENTITY, log=tmp_path / "log.jsonl") as bench:
        [second] = await bench.test([alone])
    assert not first.trials
    assert second.trials["q00"].score.value == 8
    assert [request.body["model"] for request in simulator.requests] == ["judge"]


async def test_another_judge_makes_its_own_scores(simulator: Simulator, alone: Arm, tmp_path: Path) -> None:
    """Scores of one judge in a log are not taken for those of another."""
    simulator.models |= {"nine": Behaviour(reply="Rating: 9"), "two": Behaviour(reply="Rating: 2")}
    scores = []
    for name in ("nine", "two"):
        with open_bench(samples(1), Rating(Judge(seat(simulator, name))), IDENTITY, log=tmp_path / "log.db") as bench:
            [measured] = await bench.test([alone])
        scores.append(measured.trials["q00"].score.value)
    assert scores == [9.0, 2.0]


async def test_calls_are_counted_without_those_of_no_model(simulator: Simulator, alone: Arm) -> None:
    """A single takes one call, though consensus chooses its only answer; a mixture of two takes three."""
    simulator.models |= {"gamma": picking()}
    with open_bench(samples(1), ExactMatch(), IDENTITY) as bench:
        measured = await bench.test([alone, Arm("mixture", mixture(simulator, "alpha", "alpha"))])
    assert [one.trials["q00"].calls for one in measured] == [1, 3]


async def test_missing_key_ends_it_at_once(simulator: Simulator) -> None:
    """Without a key nothing is called, and the key is named."""
    with open_bench(samples(1), ExactMatch(), IDENTITY) as bench:
        with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
            await bench.test([Arm("keyless", single("openai:gpt-4o"))])
        assert bench.tape.made == 0


async def test_max_cost_needs_prices(alone: Arm) -> None:
    """A limit in dollars for a model without a price is refused by name."""
    opened = open_bench(samples(1), ExactMatch(), IDENTITY, options=RunOptions(max_cost=1.0))
    with opened as bench, pytest.raises(ConfigurationError, match="openai:alpha"):
        await bench.test([alone])


def test_cluster_is_refused(tmp_path: Path) -> None:
    """Arms share a tape in one process."""
    options = RunOptions(cluster="tcp://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="leave the cluster out"):
        _open(options)


def _open(options: RunOptions) -> Bench:
    with open_bench(samples(1), ExactMatch(), IDENTITY, options=options) as bench:
        return bench


async def test_seconds_are_those_of_an_arm_that_runs_alone(simulator: Simulator) -> None:
    """Draws that come from the tape in part, recorded one after the other, take as long as the slowest of them."""
    simulator.models |= {"alpha": Behaviour(reply="The answer is 1.", delay=0.05)}
    one, many = (Arm(f"{n} draws", drawn(seat(simulator, "alpha"), n)) for n in (1, 3))
    with open_bench(samples(1), ExactMatch(), IDENTITY) as bench:
        await bench.test([one])
        [measured] = await bench.test([many])
        answer = bench.answer(many, bench.samples[0])
    assert answer is not None
    slowest = max(proposal["latency"] or 0 for proposal in answer["turns"][0]["proposals"])
    assert measured.trials["q00"].seconds == pytest.approx(slowest)


async def test_unpriced_spending_is_unknown(simulator: Simulator, alone: Arm, tmp_path: Path) -> None:
    """What a model without a price took is never told as 0, not even when all of it was on the tape."""
    for _ in range(2):
        with open_bench(samples(1), ExactMatch(), IDENTITY, tape=tmp_path / "t.sqlite") as bench:
            await bench.test([alone])
            assert bench.outcome.spent is None
    assert len(simulator.requests) == 1


async def test_judge_without_price_is_refused_before_any_answer(simulator: Simulator) -> None:
    """Where a limit in dollars is set and the judge has no price, nothing is paid for before that is said."""
    arm = Arm("alpha", replace(single(seat(simulator, "alpha", max_tokens=5)), prices=PriceTable.from_dict(PRICES)))
    scorer = Rating(Judge(seat(simulator, "unpriced", max_tokens=5)))
    limit = RunOptions(max_cost=1.0)
    with (
        open_bench(samples(2), scorer, IDENTITY, options=limit) as bench,
        pytest.raises(ConfigurationError, match="openai:unpriced"),
    ):
        await bench.test([arm])
    assert simulator.requests == []


async def test_judge_without_key_is_refused_before_any_answer(simulator: Simulator) -> None:
    """A judge whose key is missing is told before the answers that it could not judge are paid for."""
    arm = Arm("alpha", single(seat(simulator, "alpha")))
    scorer = Rating(Judge("openai:judge"))
    with open_bench(samples(2), scorer, IDENTITY) as bench, pytest.raises(MissingKeyError, match="openai:judge"):
        await bench.test([arm])
    assert simulator.requests == []


async def test_equal_questions_are_asked_once(simulator: Simulator) -> None:
    """Two samples of one question share an answer, also while both of them are under way."""
    simulator.models |= {"alpha": Behaviour(reply="4", latency=0.05)}
    twice = [Sample(name, ("What is 2 + 2?",), "4") for name in ("first", "second")]
    with open_bench(twice, ExactMatch(), IDENTITY) as bench:
        [measured] = await bench.test([Arm("alpha", single(seat(simulator, "alpha")))])
    assert len(measured.trials) == 2
    assert len(simulator.requests) == 1


async def test_what_failed_calls_may_have_cost_counts_for_later_arms(simulator: Simulator) -> None:
    """The next arm begins with what is left of the limit after calls that have failed without telling their cost."""
    simulator.models |= {name: Behaviour(status=400, reply="closed") for name in ("alpha", "beta")}
    first, second = (
        Arm(name, replace(single(seat(simulator, name, max_tokens=5)), prices=PriceTable.from_dict(PRICES)))
        for name in ("alpha", "beta")
    )
    with open_bench(samples(4), ExactMatch(), IDENTITY, options=RunOptions(max_cost=2.2e-5)) as bench:
        await bench.test([first])
        await bench.test([second])
        assert bench.outcome.stopped == "max_cost is $2.2e-05, $2e-06 of it were left for the answers of the next arms"
    assert {request.body["model"] for request in simulator.requests} == {"alpha"}
