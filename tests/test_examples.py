"""Claims about the code that the README and the docs print, and about the example scripts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from langgraph_moa.testing import Simulator
from tests.children import Children, Ended
from tests.obliging import ObligingProvider
from tests.ways import use_simulator

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
WITH_KEY = re.findall(r"^\| \[(\S+)\].* yes \|$", (ROOT / "examples" / "README.md").read_text(), re.MULTILINE)
FRESH = ("calling_a_graph", "opentelemetry_spans", "tracing")
"""Run by an interpreter of their own: one to see that imports are complete, the others as they trace from the start."""


def in_new_interpreter(script: Path, folder: Path) -> Ended:
    """Run a script as a user does."""
    done = subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_blocks_run(page: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python blocks of a page run as printed, one after the other, with a provider on loopback behind them."""
    for provider, variable in (("OPENAI", "OPENAI_BASE_URL"), ("TOGETHER", "TOGETHER_API_BASE")):
        monkeypatch.setenv(f"{provider}_API_KEY", "any")
        monkeypatch.setenv(variable, simulator.url)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in BLOCKS.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, str(page), "exec"), namespace)  # noqa: S102


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_script_runs(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: Children) -> None:
    """Each example script runs to its end and prints something, with a key only where the guide says so."""
    with ObligingProvider() as provider:
        if script.name in WITH_KEY:
            use_simulator(provider, monkeypatch)
        done = in_new_interpreter(script, tmp_path) if script.stem in FRESH else children.run([script], folder=tmp_path)
    assert done.code == 0, done.err
    assert done.out.strip()
    assert bool(provider.requests) == (script.name in WITH_KEY)
