"""Claims about behaviours in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.testing import Behaviour, Latency, ToolCall
from langgraph_moa.testing.reading import read_behaviours

FILE = """
[default]
reply = "hello"
latency = 0.2
faults = { rate_limit = 0.1 }

[models."slow"]
latency = { median = 2, sigma = 1.0, maximum = 30 }

[models."org/odd"]
reply = "bye"
schedule = ["server_error", "ok", "hang"]
tool_calls = [{ name = "look", arguments = { at = "it" } }]
"""


def test_a_file_holds_behaviours(tmp_path: Path) -> None:
    """A model has what its own table says, and the default for the rest."""
    path = tmp_path / "behaviours.toml"
    path.write_text(FILE)
    default, models = read_behaviours(path)
    assert default == Behaviour(reply="hello", latency=Latency(median=0.2), faults={"rate_limit": 0.1})
    assert models["slow"].latency == Latency(median=2, sigma=1.0, maximum=30)
    assert models["slow"].reply == "hello"
    assert models["org/odd"].schedule == ("server_error", None, "hang")
    assert models["org/odd"].tool_calls == (ToolCall(name="look", arguments={"at": "it"}),)


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    """Nothing needs to be said."""
    path = tmp_path / "behaviours.toml"
    path.write_text("")
    assert read_behaviours(path) == (Behaviour(), {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[other]", "unknown key 'other'"),
        ("[default]\nspeed = 1", "[default]: unknown key 'speed'"),
        ("[models.a]\nlatency = {sigma = 1}", "missing key 'median'"),
        ("models = 3", "[models] must be a table, got 3"),
        ("[models]\na = 3", "[models.'a'] must be a table"),
        ("[default]\nreply = 3", "[default]: reply must be text"),
        ('[default]\nschedule = "hang"', "schedule must be a list"),
        ('[default]\nschedule = ["never"]', "must be one of"),
        ("[default]\nfaults = 3", "Behaviour.faults must be a table"),
        ('[default]\ntool_calls = [{arguments = "{}"}]', "missing key 'name'"),
        ('[default]\nlatency = "slow"', "Behaviour.latency must be a Latency"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    """What a file may not hold is refused with the table and the key."""
    path = tmp_path / "behaviours.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_behaviours(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_the_table_of_a_mistake_is_named(tmp_path: Path) -> None:
    """A value that a behaviour refuses is told with the file and the model."""
    path = tmp_path / "behaviours.toml"
    path.write_text('[models."org/odd"]\ndelay = -1')
    with pytest.raises(ConfigurationError) as caught:
        read_behaviours(path)
    assert str(caught.value).startswith(f"{path}: [models.'org/odd']: Behaviour.delay must be a number at least 0")
