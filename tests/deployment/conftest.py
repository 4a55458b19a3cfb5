"""One server for all claims about it."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from tests.deployment.server import serving

Outcome = Callable[[str], Any]


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play every scenario on one server; what failed stands as the exception."""
    if importlib.util.find_spec("langgraph_api") is None:
        pytest.skip("no LangGraph server here: pip install 'langgraph-cli[inmem]'")
    from tests.deployment.scenarios import play

    with serving(tmp_path_factory.mktemp("server")) as served:
        return asyncio.run(play(served))


@pytest.fixture
def outcome(outcomes: dict[str, Any]) -> Outcome:
    """Return what a scenario gave, or raise what it raised."""

    def of(name: str) -> Any:
        given = outcomes[name]
        if isinstance(given, BaseException):
            raise given
        return given

    return of
