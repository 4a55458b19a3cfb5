"""What goes between the benchmarks and a contender's process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.protocol import Job, Result, read_job, read_result, write

_SECONDS = st.floats(min_value=0, max_value=1e6)
_NAMES = st.lists(st.text(max_size=8), min_size=1, max_size=4)


@given(st.lists(_NAMES, max_size=3), st.text(), st.dictionaries(st.text(), st.integers()), st.booleans())
def test_a_job_survives_its_line(layers: list[list[str]], said: str, options: dict[str, int], stream: bool) -> None:  # noqa: FBT001
    """A job is one line, and is read as what was written."""
    job = Job(
        layers=layers,
        aggregator="last",
        conversations=[[{"role": "user", "content": said}]],
        options=options,
        stream=stream,
    )
    line = write(job)
    assert line.count("\n") == 1
    assert read_job(line) == job


@given(st.lists(_SECONDS, max_size=5), st.lists(st.none() | st.text(), max_size=5), st.none() | st.integers())
def test_a_result_survives_its_line(seconds: list[float], answers: list[str | None], memory: int | None) -> None:
    """A result is one line, and is read as what was written."""
    result = Result(
        seconds=seconds,
        first_token=[None, *seconds],
        answers=answers,
        errors=answers,
        elapsed=1.0,
        processor=0.5,
        memory=memory,
    )
    line = write(result)
    assert line.count("\n") == 1
    assert read_result(line) == result


def test_the_calls_of_a_job() -> None:
    """Every proposer of every layer is a call, and so is the aggregator."""
    job = Job(layers=[["a", "b"], ["c"]], aggregator="d")
    assert (job.calls, job.depth) == (4, 3)
