"""Claims about a run that is killed with `kill -9` and resumed by another process."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import get_args

import pytest

from tests.resume.child import Case, Child, Result
from tests.resume.databases import Database
from tests.resume.mixtures import POINTS, Point, mixture
from tests.resume.providers import asked, environment, hanging
from tests.resume.shapes import SHAPES, Mode, Shape, prefixes

_uninterrupted: dict[tuple[Shape, bool], list[str]] = {}


def case_of(shape: Shape, point: Point, database: Database, *, mode: Mode, thread: str = "killed") -> Case:
    """Return the run that is killed at a point."""
    mixtures = [mixture(prefix, judged=point.is_judged) for prefix in prefixes(shape)]
    return Case(shape, mixtures, database, mode, thread)


def start_and_kill(case: Case, point: Point, *, resume: bool = False, already: int = 0) -> None:
    """Run up to a point and kill.

    Args:
        case: The run.
        point: Where.
        resume: Whether the run goes on from a checkpoint.
        already: Calls of each mixture that need not be made any more.
    """
    sides = prefixes(case.shape)
    with hanging([prefix + name for prefix in sides for name in point.hanging]) as provider:
        child = Child(case, resume=resume, environment=environment(provider))
        expected = (len(point.asked) - already) * len(sides)
        assert provider.wait_for(lambda it: len(it.requests) == expected, seconds=30), asked(provider)
        case.database.wait_for_proposals(case.thread, point.proposals * len(sides))
        child.kill()


def run_to_the_end(case: Case, *, resume: bool) -> tuple[Result, Counter[str]]:
    """Run where every model answers, and say which ones were asked how often."""
    with hanging([]) as provider:
        result = Child(case, resume=resume, environment=environment(provider)).result()
        return result, asked(provider)


def uninterrupted(case: Case, point: Point) -> list[str]:
    """Return the answers of a run that nobody kills."""
    key = (case.shape, point.is_judged)
    if key not in _uninterrupted:
        whole = case_of(case.shape, point, case.database, mode=case.mode, thread="whole")
        _uninterrupted[key] = run_to_the_end(whole, resume=False)[0].answers
    return _uninterrupted[key]


def missing(shape: Shape, point: Point) -> Counter[str]:
    """Return the calls that a resumed run has to make."""
    return Counter(prefix + name for prefix in prefixes(shape) for name in point.missing)


def cases() -> list[tuple[Mode, Shape, Point]]:
    """Return every point as a root graph, and two points for each other shape, synchronous and asynchronous."""
    everywhere: list[tuple[Mode, Shape, Point]] = [
        (mode, "root", point) for mode, point in zip(itertools.cycle(get_args(Mode)), POINTS, strict=False)
    ]
    others = itertools.product(get_args(Mode), [shape for shape in SHAPES if shape != "root"])
    turn = itertools.cycle([POINTS[1], POINTS[3], POINTS[6], POINTS[2], POINTS[5], POINTS[7]])
    return [*everywhere, *((mode, shape, next(turn)) for mode, shape in others for _ in range(2))]


@pytest.mark.parametrize(("mode", "shape", "point"), cases(), ids=str)
def test_a_resumed_run_makes_only_the_missing_calls(database: Database, mode: Mode, shape: Shape, point: Point) -> None:
    """After `kill -9` at any point, a new process asks only what is not answered and gives the same answer."""
    case = case_of(shape, point, database, mode=mode)
    start_and_kill(case, point)
    result, calls = run_to_the_end(case, resume=True)
    assert calls == missing(shape, point)
    assert result.answers == uninterrupted(case, point)
    assert not result.warnings


def test_a_run_may_be_killed_again_and_again(database: Database) -> None:
    """Killed in the first layer, and resumed, and killed in the second layer, a run still makes no call anew."""
    first, second = Point(0, 1), Point(2, 2)
    case = case_of("subgraph", first, database, mode="sync")
    start_and_kill(case, first)
    start_and_kill(case, second, resume=True, already=first.finished)
    result, calls = run_to_the_end(case, resume=True)
    assert calls == missing("subgraph", second)
    assert result.answers == uninterrupted(case, first)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_strict_durability_makes_only_the_missing_calls_too(database: Database, mode: Mode) -> None:
    """With `durability="sync"`, what is not answered before the kill is asked after it, and nothing else."""
    point = Point(2, 1)
    case = replace(case_of("root", point, database, mode=mode), durability="sync")
    start_and_kill(case, point)
    assert run_to_the_end(case, resume=True)[1] == missing("root", point)


def test_durability_exit_keeps_nothing_of_a_killed_run(database: Database) -> None:
    """With `durability="exit"`, the database of a killed run is as empty as before, the question included."""
    point = Point(2, 1)
    case = replace(case_of("root", point, database, mode="sync"), durability="exit")
    before = database.size()
    with hanging(point.hanging) as provider:
        child = Child(case, resume=False, environment=environment(provider))
        assert provider.wait_for(lambda it: len(it.requests) == len(point.asked), seconds=30)
        child.kill()
    assert database.size() == before
