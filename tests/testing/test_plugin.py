"""Claims about the pytest plugin."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from langgraph_moa.testing import Simulator

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

PLANTED_TESTS = """
import os
import pytest
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether
from langgraph_moa import Mixture, create_moa

MODELS = ["openai:a", "together:b", lambda: ChatOpenAI(model="a"), lambda: ChatTogether(model="b")]

@pytest.mark.parametrize("given", MODELS)
@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_environment(moa_openai_environment, given, way):
    model = given() if callable(given) else given
    graph = create_moa(Mixture.of([model], model))
    _ = list(getattr(graph, way)({"messages": [("user", "q")]}))
    assert len(moa_openai_environment.requests) == 2
    assert {request.authorization for request in moa_openai_environment.requests} == {"Bearer simulated"}
    headers = set().union(*(request.headers for request in moa_openai_environment.requests))
    assert not headers & {"openai-organization", "openai-project", "x-planted"}

def test_it_ends_with_the_test():
    assert os.environ["OPENAI_API_BASE"] == os.environ["http_proxy"] + "/v1"
"""
PLANTED_ADDRESSES = ("OPENAI_API_BASE", "OPENAI_BASE_URL", "TOGETHER_API_BASE", "TOGETHER_BASE_URL")
PLANTED_PROXIES = ("OPENAI_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
PLANTED = {
    "OPENAI_API_KEY": "sk-canary",
    "TOGETHER_API_KEY": "canary",
    "OPENAI_ADMIN_KEY": "sk-canary",
    "OPENAI_ORG_ID": "org-canary",
    "OPENAI_ORGANIZATION": "org-canary",
    "OPENAI_PROJECT_ID": "project-canary",
    "OPENAI_CUSTOM_HEADERS": "x-planted: canary",
    "NO_PROXY": "example.com",
    "no_proxy": "example.com",
}


def test_the_fixtures_are_there_without_a_word(pytester: pytest.Pytester) -> None:
    """A test that imports nothing of the plugin gets the simulator, the scripted models and the environment."""
    pytester.makepyfile(TESTS)
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error")
    outcome.assert_outcomes(passed=3)


def test_nothing_reaches_another_endpoint(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoints, accounts and proxies of the user's are not asked, by whatever way a model is named."""
    with Simulator() as other:
        address = other.url.removesuffix("/v1")
        planted = {
            **PLANTED,
            **dict.fromkeys(PLANTED_ADDRESSES, other.url),
            **dict.fromkeys(PLANTED_PROXIES, address),
            "LANGSMITH_GATEWAY": address,
            "LANGSMITH_GATEWAY_API_KEY": "canary",
        }
        for name, value in planted.items():
            monkeypatch.setenv(name, value)
        pytester.makepyfile(PLANTED_TESTS)
        outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error")
        outcome.assert_outcomes(passed=9)
        assert other.requests == []


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
