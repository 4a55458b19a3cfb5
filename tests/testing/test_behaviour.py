"""Claims about behaviours as data."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import random
import statistics
from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.testing import Behaviour, Fault, Latency, Simulator, ToolCall

BAD: Any = 0.5


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"delay": -1}, "Behaviour.delay must be a number at least 0"),
        ({"delay": None}, "Behaviour.delay must have a value"),
        ({"reply": 3}, "Behaviour.reply must be text or a function"),
        ({"tokens_per_second": 0}, "Behaviour.tokens_per_second must be a number above 0"),
        ({"requests_per_minute": float("inf")}, "Behaviour.requests_per_minute"),
        ({"status": 99}, "Behaviour.status, unless it is 200, must be a whole number in 400..599"),
        ({"status": 302}, "in 400..599, got 302"),
        ({"status": True}, "in 400..599"),
        ({"latency": "slow"}, "Behaviour.latency must be a Latency, the median in seconds, or None; got 'slow'"),
        ({"latency": True}, "Behaviour.latency must be a Latency"),
        ({"latency": -1}, "Latency.median must be a number above 0"),
        ({"faults": ["hang"]}, "Behaviour.faults must be a table"),
        ({"faults": None}, "Behaviour.faults must be a table"),
        ({"tool_calls": ToolCall(name="f")}, "Behaviour.tool_calls must be a list"),
        ({"tool_calls": ["f"]}, "an item of Behaviour.tool_calls must be a ToolCall, got 'f'"),
        ({"first_token": {"m": 0}}, "Behaviour.first_token['m'] must be a number above 0"),
        ({"first_token": {"m": 1.5}}, "Behaviour.first_token['m'] must be a number"),
        ({"first_token": "m"}, "Behaviour.first_token must be a table"),
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


@pytest.mark.parametrize("arguments", [None, 3, ["a"], {"a": object()}])
def test_wrong_arguments_are_refused(arguments: Any) -> None:
    """Arguments that are neither text nor a table of what JSON knows are refused."""
    with pytest.raises(ConfigurationError, match=r"ToolCall\.arguments"):
        ToolCall(name="f", arguments=arguments)


def test_a_number_is_a_median() -> None:
    """A latency may be given as the median alone, as in a file."""
    assert Behaviour(latency=0.5) == Behaviour(latency=Latency(median=0.5))


def test_a_behaviour_does_not_change() -> None:
    """A behaviour keeps copies of lists and tables, is hashed by its value, and survives copies and pickles."""
    faults: dict[Fault, float] = {"hang": 0.5}
    schedule: list[Fault | None] = ["hang"]
    nested: dict[str, Any] = {"a": [1]}
    behaviour = Behaviour(faults=faults, schedule=schedule, tool_calls=[ToolCall(name="f", arguments=nested)])
    same = Behaviour(faults=faults, schedule=schedule, tool_calls=[ToolCall(name="f", arguments={"a": [1]})])
    faults["empty"] = 0.5
    schedule.append("empty")
    nested["a"].append(2)
    assert behaviour == same
    assert len({behaviour, same, copy.deepcopy(behaviour), pickle.loads(pickle.dumps(behaviour))}) == 1  # noqa: S301
    assert dataclasses.asdict(behaviour)["faults"] == {"hang": 0.5}
    assert dataclasses.replace(behaviour, seed=1).faults == behaviour.faults


@pytest.mark.parametrize(
    "build",
    [
        lambda: Simulator(BAD),
        lambda: Simulator(False),  # type: ignore[arg-type]  # noqa: FBT003
        lambda: Simulator(models={"a": BAD}),
    ],
)
def test_what_is_no_behaviour_is_refused_at_once(build: Any) -> None:
    """A value of the wrong kind is an error where it is written, not a 500 of the server."""
    with pytest.raises(ConfigurationError, match="must be a Behaviour"):
        build()
