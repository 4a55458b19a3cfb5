"""The program as a whole: what it loads, and how it begins and ends."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.conftest import COMMAND, Moa


def test_help_loads_no_framework(environment: dict[str, str]) -> None:
    """`moa --help` imports neither LangGraph nor LangChain, nor rich, asyncio or a PDF reader."""
    python, *rest = COMMAND
    done = subprocess.run(
        [python, "-X", "importtime", *rest, "--help"], env=environment, capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "Mixture-of-Agents" in done.stdout
    assert "typer" in imported
    assert not imported & {"langgraph", "langchain_core", "langchain", "openai", "pydantic", "rich", "asyncio", "pypdf"}


def test_help_names_every_command(moa: Moa) -> None:
    """`moa --help` lists the sub-commands."""
    out = moa("--help").out
    assert all(command in out for command in ("ask", "chat", "presets", "plan", "eval"))


@pytest.mark.parametrize("group", [(), ("eval",)])
def test_no_command_shows_the_help(moa: Moa, group: tuple[str, ...]) -> None:
    """Without a command, the help page is printed on stdout."""
    done = moa(*group)
    assert (done.code, done.err) == (0, "")
    assert done.out.strip() == moa(*group, "--help").out.strip()


def test_version(moa: Moa) -> None:
    """`moa --version` prints the installed version on stdout."""
    from importlib.metadata import version

    assert moa("--version") == (0, f"langgraph-moa {version('langgraph-moa')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("ask", "q", "--bogus"), "--bogus", id="unknown-option"),
        pytest.param(("bogus",), "bogus", id="unknown-command"),
        pytest.param(("ask", "q", "--depth", "two"), "--depth", id="not-a-number"),
    ],
)
def test_usage_errors_are_one_line(moa: Moa, arguments: tuple[str, ...], said: str) -> None:
    """A wrong option is told in one line that names it and the help page, with exit code 2."""
    done = moa(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert "--help" in done.err


def test_a_process_ends_with_the_exit_code(environment: dict[str, str]) -> None:
    """The process of a command that failed ends with its code, one line on stderr and nothing on stdout."""
    done = subprocess.run(
        [*COMMAND, "ask", "q", "--preset", "nope"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("moa: there is no preset 'nope'.")
    assert done.stderr.count("\n") == 1
