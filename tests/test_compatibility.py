"""Claims about the table of `docs/compatibility.md`, and about the scripts that it names."""

from __future__ import annotations

import ast
import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.children import Children
from tests.test_examples import ROOT, SCRIPTS

PAGE = ROOT / "docs" / "compatibility.md"
GUIDE = ROOT / "examples" / "README.md"
ROW = re.compile(r"^\| (.*`.*) \| \[\S+\]\(\.\./(examples/\S+\.py)\) \| `(tests/\S+\.py)::(\w+)` \|$")
LINES = 40


class Row(NamedTuple):
    """One of the table."""

    entry: str
    script: Path
    tests: Path
    test: str


def rows() -> list[Row]:
    """Read the table."""
    found = [ROW.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return [Row(row[1], ROOT / row[2], ROOT / row[3], row[4]) for row in found if row]


ROWS = rows()
every_row = pytest.mark.parametrize("row", ROWS, ids=[f"{row.script.stem}-{row.test}" for row in ROWS])


@cache
def functions_of(path: Path) -> set[str]:
    """Return the names of the functions of a file that pytest runs."""
    parts = ast.parse(path.read_text(encoding="utf-8")).body
    functions = [part.name for part in parts if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {name for name in functions if name.startswith("test_")}


def code_of(script: Path) -> str:
    """Return a script without docstrings and comments."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return ast.unparse(tree)


def test_every_line_of_the_table_is_a_row() -> None:
    """Each line of the table behind its head has an entry point, a script and a test."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert len(ROWS) == len(lines) - 2 > 0


@every_row
def test_the_test_of_a_row_is_there(row: Row) -> None:
    """The test that a row names is one that pytest runs."""
    assert row.test in functions_of(row.tests)


@every_row
def test_the_script_of_a_row_uses_what_the_row_names(row: Row) -> None:
    """Every name in a row stands in its script's code; a variable of the environment, in what the script says of it."""
    code, said = code_of(row.script), row.script.read_text(encoding="utf-8")
    names = {name for code in re.findall(r"`(.+?)`", row.entry) for name in re.findall(r"\w+", code)}
    assert names
    assert {name for name in names if not re.search(rf"\b{name}\b", said if name.isupper() else code)} == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_every_script_is_short_and_in_the_table(script: Path) -> None:
    """Each example has less than 40 lines and stands in the table."""
    assert len(script.read_text(encoding="utf-8").splitlines()) < LINES
    assert script in {row.script for row in ROWS}


def test_every_row_is_run() -> None:
    """The script of each row is one of those that the tests run."""
    assert {row.script for row in ROWS} <= set(SCRIPTS)


def test_the_guide_names_every_script() -> None:
    """The guide to the examples names each of them once, as its docstring does, and nothing else."""
    guide = re.findall(
        r"^\| \[(\S+)\]\((\S+)\) \| (.*) \| (?:yes|no) \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE
    )
    docstrings = {script.name: ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) for script in SCRIPTS}
    assert sorted(guide) == sorted((name, name, f"{told}".rstrip(".")) for name, told in docstrings.items())


@pytest.mark.timeout(300)
def test_the_page_counts_the_standard_tests(children: Children) -> None:
    """What the page says of LangChain's standard tests is what running them gives."""
    files = [f"tests/standard/test_{kind}.py" for kind in ("unit", "integration")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = children.run(["pytest", "-q", "--no-header", "--assert=plain", *files], environment=environment, seconds=240)
    counts = re.search(r"^\d+ passed.*(?= in )", run.out, re.MULTILINE)
    assert counts, run.out
    assert f": {counts[0]}; " in PAGE.read_text(encoding="utf-8")
