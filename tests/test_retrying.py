"""Claims about retries as pure functions: which failures pass, what a provider asks for, and how long a pause is."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import ModelConnectionError, ModelInvalidRequestError, ModelRateLimitError
from langgraph.errors import GraphInterrupt

from langgraph_moa.retrying import FIRST_PAUSE, LONGEST_PAUSE, is_transient, pause_before, retry_after, root_cause

PASSING = [408, 409, 425, 429, 500, 501, 502, 503, 504, 507, 520, 529, 599]
LASTING = [400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 418, 422, 423, 424, 426, 428, 431, 451]
HEADERS = st.text() | st.floats().map(str) | st.integers().map(str) | st.datetimes().map(str) | st.none()


class Refusal(Exception):  # noqa: N818 - stands for any library's class
    """What a provider's library raises, with the attributes that the test gives it."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__("refused")
        self.__dict__.update(attributes)


class APIConnectionError(Exception):
    """Named as provider SDKs name a connection that failed."""


class ReadTimeout(APIConnectionError):  # noqa: N818 - named as HTTP clients name it
    """A special case of it."""


def seeded(seed: int) -> random.Random:
    """Return a source of jitter."""
    return random.Random(seed)  # noqa: S311 - spreads calls in time


def refused(status: int | None = 503, headers: Mapping[str, Any] | None = None, **attributes: Any) -> Refusal:
    """Return an error with the response that it was made from."""
    return Refusal(response=SimpleNamespace(status_code=status, headers=headers or {}), **attributes)


@pytest.mark.parametrize("where", ["status_code", "status", "http_status", "response"])
@pytest.mark.parametrize(
    ("status", "passes"), [*((status, True) for status in PASSING), *((status, False) for status in LASTING)]
)
def test_the_status_decides(status: int, where: str, *, passes: bool) -> None:
    """408, 409, 425, 429 and every 5xx pass, all other statuses last, wherever a library keeps its number."""
    error = refused(status) if where == "response" else Refusal(**{where: status})
    assert is_transient(error) is passes


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_a_spent_quota_does_not_pass(code: str) -> None:
    """A 429 that no waiting mends is told from one that does by its code."""
    assert not is_transient(refused(429, code=code))
    assert is_transient(refused(429, code="rate_limit_exceeded"))
    assert is_transient(refused(429, code=None))


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ConnectionResetError("gone"), True),
        (BrokenPipeError(), True),
        (TimeoutError("slow"), True),
        (json.JSONDecodeError("cut off", "{", 1), True),
        (APIConnectionError(), True),
        (ReadTimeout(), True),
        (ModelRateLimitError("slow down"), True),
        (ModelConnectionError("gone"), True),
        (ModelInvalidRequestError("no"), False),
        (ValueError("No generation chunks were returned"), True),
        (ValueError("wrong"), False),
        (TypeError("wrong"), False),
        (RuntimeError("503"), False),
        (OSError("no space left"), False),
        (PermissionError("no"), False),
        (Refusal(status_code=200), False),
        (Refusal(status="UNAVAILABLE"), False),
        (Refusal(response=None), False),
        (GraphInterrupt(), False),
        (KeyboardInterrupt(), False),
    ],
    ids=repr,
)
def test_failures_without_a_status(error: BaseException, *, passes: bool) -> None:
    """Connections and bodies that break may go well the next time; mistakes, and what stops a program, may not."""
    assert is_transient(error) is passes


@pytest.mark.parametrize("groups", range(4))
def test_a_group_of_one_is_what_it_holds(groups: int) -> None:
    """The exception in a task group's group, or in several around each other, decides whether and when to ask again."""
    for inner in (refused(429, {"retry-after": "7"}), refused(401), ConnectionResetError("gone"), ValueError("wrong")):
        error: Exception = inner
        for _ in range(groups):
            error = ExceptionGroup("unhandled errors in a TaskGroup", [error])
        assert root_cause(error) is inner
        assert is_transient(error) is is_transient(inner)
        assert retry_after(error) == retry_after(inner)


def test_a_group_of_several_stays_one() -> None:
    """Nobody can say which of several exceptions counts, so the group is a failure of its own, which lasts."""
    several = ExceptionGroup("two", [refused(429), ConnectionResetError("gone")])
    assert root_cause(ExceptionGroup("outer", [several])) is several
    assert root_cause(BaseExceptionGroup("outer", [GraphInterrupt()])).__class__ is GraphInterrupt
    assert not is_transient(several)
    assert retry_after(several) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": " 3 "}, 3.0),
        ({"retry-after": 4}, 4.0),
        ({"Retry-After": "2"}, 2.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "20", "retry-after": "1"}, 0.02),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "inf"}, float("inf")),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
    ids=repr,
)
def test_what_the_provider_asks_for(headers: dict[str, Any], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are read; the finer number counts, and nonsense is as good as nothing."""
    assert retry_after(refused(headers=headers)) == seconds


@given(st.integers(2, 10**6))
def test_a_date_is_a_time_from_now(seconds: int) -> None:
    """An HTTP date asks for the seconds until then, to the second that a date is exact to."""
    asked = retry_after(refused(headers={"retry-after": formatdate(time.time() + seconds, usegmt=True)}))
    assert asked is not None
    assert seconds - 1.5 <= asked <= seconds


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "other"]), HEADERS))
def test_no_header_does_harm(headers: dict[str, str | None]) -> None:
    """Whatever a header says, what is asked for is a time of 0 or more, or nothing."""
    asked = retry_after(refused(headers=headers))
    assert asked is None or asked >= 0


@pytest.mark.parametrize("error", [Refusal(), refused(), Refusal(response="503"), Refusal(response={}), OSError()])
def test_an_error_without_headers_asks_for_nothing(error: Exception) -> None:
    """What has no response, or one without headers, names no time."""
    assert retry_after(error) is None


@given(st.integers(1, 1000), st.integers())
def test_pauses_grow_and_are_bounded(retry: int, seed: int) -> None:
    """Without a wish of the provider, a pause is half to all of a time that doubles up to the longest."""
    whole = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (retry - 1))
    assert whole / 2 <= pause_before(retry, refused(), seeded(seed)) <= whole <= LONGEST_PAUSE


@given(st.integers(5, 1000), st.integers())
def test_no_pause_is_longer_than_eight_seconds(retry: int, seed: int) -> None:
    """From the fifth retry on, a pause for which the provider names no time is 4 to 8 seconds and grows no more."""
    assert 4 <= pause_before(retry, refused(), seeded(seed)) <= 8


@given(st.integers(1, 1000), st.floats(0, 1e6), st.integers())
def test_a_wish_is_the_least(retry: int, seconds: float, seed: int) -> None:
    """What the provider asks for is never undercut, and exceeded by a tenth of a second at most."""
    pause = pause_before(retry, refused(headers={"retry-after": repr(seconds)}), seeded(seed))
    assert seconds <= pause <= seconds + 0.1001


@given(st.integers())
def test_a_seed_gives_the_same_pauses(seed: int) -> None:
    """The random part comes from the generator alone, so equal seeds give equal pauses."""
    errors = [refused(), refused(headers={"retry-after": "2"}), refused(429), refused(headers={"retry-after-ms": "9"})]
    one, other = seeded(seed), seeded(seed)
    first = [pause_before(retry, error, one) for retry, error in enumerate(errors, start=1)]
    assert first == [pause_before(retry, error, other) for retry, error in enumerate(errors, start=1)]


def test_calls_refused_together_come_back_apart() -> None:
    """A hundred calls that are told the same time are spread over a tenth of a second."""
    jitter = seeded(1)
    pauses = [pause_before(1, refused(headers={"retry-after": "1"}), jitter) for _ in range(100)]
    assert len(set(pauses)) == 100
    assert max(pauses) - min(pauses) > 0.05
