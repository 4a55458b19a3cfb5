"""Tests of asking contenders one after the other."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from typing import Any, cast

import pytest

from benchmarks.bench import Bench
from benchmarks.limits import raise_file_limit
from benchmarks.protocol import Result
from benchmarks.reports import Row
from benchmarks.trials import Arm, answered, arms, ratio, rows_of, value
from benchmarks.workers import ContenderError


def _bench(*workers: str, **broken: str) -> Bench:
    nothing = cast("Any", None)
    return Bench(nothing, dict.fromkeys(workers, nothing), broken)


def _result(*answers: str | None) -> Result:
    many = len(answers)
    return Result(
        seconds=[1.0] * many,
        first_token=[None] * many,
        answers=list(answers),
        errors=[None if answer else "ValueError: no" for answer in answers],
        elapsed=1.0,
        processor=1.0,
        memory=None,
    )


def test_arms_end_with_peers() -> None:
    """A case's arms are those named, in their order, and then every peer that runs, of the same depth."""
    found = arms(_bench("moa", "gather", "theirs"), Arm(contender="moa", setting="deep", depth=3), "moa", depth=2)
    assert [(arm.name, arm.depth) for arm in found] == [("moa, deep", 3), ("moa", 2), ("theirs", 2)]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_job_of_an_arm(depth: int) -> None:
    """An arm's job has its depth, its options, and what else is given."""
    job = Arm(contender="moa", options={"layer": {"quorum": 2}}, depth=depth).job(None, mixtures=7)
    assert (job.depth, job.options, job.mixtures) == (depth, {"layer": {"quorum": 2}}, 7)


def test_failure_is_a_row() -> None:
    """A contender that fails has a row with the error, the next one is measured, and a broken peer is told."""

    def measure(arm: Arm) -> Mapping[str, float | None]:
        if arm.contender == "gather":
            raise ContenderError("no result within 5 s")
        return {"seconds": 1.0}

    bench = _bench("gather", "moa", theirs="does not install")
    rows = rows_of(bench, arms(bench, "gather", "moa"), measure)
    assert [(row.contender, row.error) for row in rows] == [
        ("gather", "no result within 5 s"),
        ("moa", None),
        ("theirs", "does not install"),
    ]
    assert value(rows, "moa", "seconds") == 1.0


def test_answered() -> None:
    """A result with an answer to every mixture passes; of another one the first error is raised."""
    assert answered(_result("yes", "yes")).answered == 2
    with pytest.raises(ContenderError, match="ValueError: no"):
        answered(_result("yes", None))


@pytest.mark.parametrize(("above", "below", "expected"), [(1.0, 2.0, 0.5), (None, 2.0, None), (1.0, 0.0, None)])
def test_ratio(above: float | None, below: float | None, expected: float | None) -> None:
    """A ratio with an unknown part is unknown."""
    assert ratio(above, below) == expected


def test_value_of_nobody() -> None:
    """A figure that no row has is unknown."""
    assert value([Row(contender="moa")], "moa", "seconds") is value([], "moa", "seconds") is None


def test_file_limit() -> None:
    """As many files as the system allows may be open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
