"""Which mixture answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_moa.cli.selection import Selection, choose
from langgraph_moa.errors import ConfigurationError


@pytest.mark.parametrize(
    ("environment", "name", "because"),
    [
        pytest.param({"TOGETHER_API_KEY": "k"}, "together-2026", "TOGETHER_API_KEY is set", id="together"),
        pytest.param({"OPENAI_API_KEY": "k"}, "self-moa-openai", "OPENAI_API_KEY is set", id="openai"),
        pytest.param({"OPENAI_API_KEY": "k", "TOGETHER_API_KEY": "k"}, "together-2026", "TOGETHER", id="both"),
        pytest.param({"OPENAI_API_KEY": " "}, "offline", "no key is set", id="blank-key"),
        pytest.param({}, "offline", "no language model", id="nothing"),
        pytest.param(
            {"LANGGRAPH_MOA_PRESET": "self-moa", "OPENAI_API_KEY": "k"},
            "self-moa",
            "LANGGRAPH_MOA_PRESET",
            id="variable",
        ),
    ],
)
def test_the_environment_decides_when_nothing_is_named(environment: dict[str, str], name: str, because: str) -> None:
    """The first of variable, Together's key, OpenAI's key and the offline preset; the reason says which."""
    chosen = choose(Selection(), environment)
    assert chosen.mixture.name == name
    assert because in chosen.reason
    assert "\n" not in chosen.reason


def test_models_of_ones_own() -> None:
    """Proposers, aggregator and depth make a mixture."""
    selection = Selection(proposers=["openai:a", "openai:b"], aggregator="openai:c", depth=3)
    assert choose(selection, {}).mixture.plan().calls == 5


def test_a_mixture_file(tmp_path: Path) -> None:
    """`--preset` takes the path of a mixture file."""
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nproposers = ["openai:a"]\naggregator = "openai:b"\n')
    assert choose(Selection(preset=str(path)), {}).mixture.name == "mine"


def test_swaps_are_made() -> None:
    """`--swap OLD=NEW` replaces a model; an `=` in the new name belongs to it."""
    selection = Selection(proposers=["openai:a"], aggregator="openai:b", swaps=["aggregator=openai:x=y"])
    assert choose(selection, {}).mixture.merger.model == "openai:x=y"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"proposers": ["openai:a"]}, "add --aggregator", id="no-aggregator"),
        pytest.param({"aggregator": "openai:a"}, "add --proposer", id="no-proposer"),
        pytest.param({"depth": 3}, "add --proposer", id="depth-alone"),
        pytest.param({"preset": "local", "proposers": ["openai:a"]}, "exclude each other", id="preset-and-proposer"),
        pytest.param({"preset": "local", "depth": 3}, "--depth exclude each other", id="preset-and-depth"),
        pytest.param({"preset": "locl"}, "Did you mean 'local'", id="misspelt"),
        pytest.param({"preset": "missing.toml"}, "cannot read missing.toml", id="no-such-file"),
        pytest.param({"preset": "local", "swaps": ["aggregator"]}, "OLD=NEW", id="swap-without-new"),
        pytest.param({"preset": "local", "swaps": ["nobody=openai:a"]}, "nobody", id="swap-of-nothing"),
        pytest.param({"proposers": ["gpt-4o"], "aggregator": "openai:a"}, "provider:model", id="no-provider"),
    ],
)
def test_contradictions_and_typing_errors_say_what_to_do(options: dict[str, object], said: str) -> None:
    """Each wrong choice is a `ConfigurationError` that names the value and the way out."""
    with pytest.raises(ConfigurationError, match=said):
        choose(Selection(**options), {})  # type: ignore[arg-type]


def test_malformed_toml_names_file_and_line(tmp_path: Path) -> None:
    """A file that is no TOML is told with its path and the place."""
    path = tmp_path / "bad.toml"
    path.write_text("name = \n")
    with pytest.raises(ConfigurationError, match=r"bad\.toml is not valid TOML: .*line 1"):
        choose(Selection(preset=str(path)), {})


@pytest.mark.parametrize("depth", [0, 1, -1])
def test_a_depth_that_is_too_small_is_refused(depth: int) -> None:
    """No depth below 2 is quietly taken for another."""
    with pytest.raises(ConfigurationError, match="depth must be a whole number in 2"):
        choose(Selection(proposers=["openai:a"], aggregator="openai:b", depth=depth), {})
