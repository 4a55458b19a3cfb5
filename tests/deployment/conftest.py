"""One server for all claims about it, whichever of pytest's processes they are tested in."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.deployment.server import serving

Outcomes = Callable[[str], Any]
"""Returns what a scenario gave."""


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play every scenario on one server, or read what the process gave that has done so."""
    if importlib.util.find_spec("langgraph_api") is None:
        pytest.skip("no LangGraph server here: pip install 'langgraph-cli[inmem]'")
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = shared / "deployment.json"
    with FileLock(shared / "deployment.lock"):
        if not kept.exists():
            kept.write_text(json.dumps(_play(tmp_path_factory.mktemp("server"))), encoding="utf-8")
    outcomes: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return outcomes


@pytest.fixture
def outcome(played: dict[str, Any]) -> Outcomes:
    """Return what a scenario gave, or fail as it did."""

    def of(name: str) -> Any:
        given, failed = played[name]
        if failed is not None:
            pytest.fail(failed)
        return given

    return of


def _play(folder: Path) -> dict[str, Any]:
    from tests.deployment.scenarios import play

    with serving(folder) as served:
        return dict(asyncio.run(play(served)))
