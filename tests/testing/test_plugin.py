"""Claims about the pytest plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

TESTS = """
from langchain_openai import ChatOpenAI
from langgraph_moa.testing import Behaviour

def test_simulator(moa_simulator):
    moa_simulator.behaviour = Behaviour(reply="Paris")
    model = ChatOpenAI(base_url=moa_simulator.url, api_key="any", model="any")
    assert model.invoke("capital?").content == "Paris"
    assert len(moa_simulator.requests) == 1

def test_scripted(moa_scripted_model):
    assert moa_scripted_model("a").invoke("q").content == "a"
    assert moa_scripted_model(["b"], delay=0.0).invoke("q").content == "b"
    assert len(moa_scripted_model.made) == 2

def test_environment(moa_openai_environment):
    assert ChatOpenAI(model="any").invoke("q").content == "ok"
    assert len(moa_openai_environment.requests) == 1
"""


def test_the_fixtures_are_there_without_a_word(pytester: pytest.Pytester) -> None:
    """A test that imports nothing of the plugin gets the simulator, the scripted models and the environment."""
    pytester.makepyfile(TESTS)
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error")
    outcome.assert_outcomes(passed=3)


def test_the_plugin_is_announced() -> None:
    """The installed package names the plugin, so that pytest finds it."""
    assert "langgraph_moa.testing.plugin" in {entry.value for entry in entry_points(group="pytest11")}


def test_the_plugin_loads_nothing() -> None:
    """Beside pytest, the plugin imports two empty packages and itself."""
    code = (
        "import sys, pytest; before = set(sys.modules); import langgraph_moa.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["langgraph_moa", "langgraph_moa.testing", "langgraph_moa.testing.plugin"]
