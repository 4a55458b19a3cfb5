"""Claims about behaviours as data."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.testing import Behaviour, Latency, Simulator, ToolCall

BAD: Any = 0.5


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"delay": -1}, "Behaviour.delay must be a number at least 0"),
        ({"delay": None}, "Behaviour.delay must have a value"),
        ({"reply": 3}, "Behaviour.reply must be text or a function"),
        ({"tokens_per_second": 0}, "Behaviour.tokens_per_second must be a number above 0"),
        ({"requests_per_minute": float("inf")}, "Behaviour.requests_per_minute"),
        ({"status": 99}, "Behaviour.status must be a whole number in 200..599"),
        ({"context_window": 0}, "Behaviour.context_window must be a whole number in 1 or more"),
        ({"hang": "no"}, "Behaviour.hang must be true or false"),
        ({"faults": {"hiccup": 0.1}}, "must be one of 'rate_limit'"),
        ({"faults": {"hang": None}}, "Behaviour.faults['hang'] must have a value"),
        ({"faults": {"hang": 0.6, "empty": 0.6}}, "must add up to 1 or less, got 1.2"),
        ({"schedule": ["hiccup"]}, "an item of Behaviour.schedule must be one of"),
        ({"schedule": "hang"}, "Behaviour.schedule must be a list"),
    ],
)
def test_wrong_values_are_refused(fields: dict[str, Any], said: str) -> None:
    """A value that means nothing is refused with its name and what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        Behaviour(**fields)
    assert said in str(caught.value)


def test_rates_that_add_up_to_one_are_taken() -> None:
    """Ten faults of one tenth each are allowed, whatever their binary sum."""
    names: Any = ["rate_limit", "server_error", "hang", "pings", "empty", "refusal", "length", "malformed"]
    Behaviour(faults={**dict.fromkeys(names, 0.1), "no_usage": 0.1, "wrong_model": 0.1})


@pytest.mark.parametrize("fields", [{"median": 0}, {"median": None}, {"median": 1, "sigma": -1}])
def test_wrong_latencies_are_refused(fields: dict[str, Any]) -> None:
    """A latency needs a median above zero and a width that is not negative."""
    with pytest.raises(ConfigurationError, match="Latency"):
        Latency(**fields)


def test_latency_has_the_median_and_a_heavy_tail() -> None:
    """Half of the latencies lie below the median, and a few take several times as long."""
    latency, generator = Latency(median=2.0), random.Random(1)  # noqa: S311
    drawn = [latency.draw(generator) for _ in range(4000)]
    assert 1.8 < statistics.median(drawn) < 2.2
    assert 0.005 < sum(seconds > 12 for seconds in drawn) / len(drawn) < 0.03
    assert max(Latency(median=2.0, maximum=3.0).draw(generator) for _ in range(100)) == 3.0
    assert Latency(median=2.0, sigma=0).draw(generator) == pytest.approx(2.0)


def test_arguments_may_be_a_table_or_text() -> None:
    """Tool arguments are written as JSON, and text is sent as it stands, valid or not."""
    assert ToolCall(name="f", arguments={"a": 1}).json == '{"a": 1}'
    assert ToolCall(name="f", arguments="{broken").json == "{broken"
    assert ToolCall(name="f").json == "{}"
    with pytest.raises(ConfigurationError, match=r"ToolCall\.name"):
        ToolCall(name=" ")


@pytest.mark.parametrize("build", [lambda: Behaviour(latency=BAD), lambda: Simulator(models={"a": BAD})])
def test_what_is_no_behaviour_is_refused_at_once(build: Any) -> None:
    """A value of the wrong kind is an error where it is written, not a 500 of the server."""
    with pytest.raises(ConfigurationError, match=r"must be a (Latency|Behaviour)"):
        build()
