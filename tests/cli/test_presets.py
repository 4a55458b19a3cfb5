"""`moa presets`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_moa import list_presets
from tests.cli.conftest import Moa


def test_the_list_shows_calls_and_depth(moa: Moa) -> None:
    """Every preset has a line with its calls and depth."""
    lines = {line.split()[0]: line.split()[1:3] for line in moa("presets").out.splitlines()}
    assert set(list_presets()) <= set(lines)
    assert lines["together-moa"] == ["13", "3"]


def test_the_list_as_json(moa: Moa) -> None:
    """`--json` prints a list of objects with all that is known of each preset."""
    presets = json.loads(moa("presets", "--json").out)
    assert [preset["name"] for preset in presets] == list(list_presets())
    keys = {"name", "version", "description", "source", "date", "historic", "note", "calls", "depth", "slots"}
    assert all(set(preset) == keys and len(preset["slots"]) == preset["calls"] for preset in presets)


def test_check_names_every_missing_key(moa: Moa) -> None:
    """`check` prints one line for each model that lacks a key, and ends with code 2."""
    done = moa("presets", "check", "self-moa")
    assert done.code == 2
    assert done.out.count("set TOGETHER_API_KEY") == len(done.out.splitlines()) == 2


def test_check_says_ready(moa: Moa, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its keys set, a preset is ready."""
    monkeypatch.setenv("TOGETHER_API_KEY", "k")
    assert moa("presets", "check", "self-moa") == (0, "ready\n", "")


def test_check_as_json(moa: Moa) -> None:
    """`check --json` says the same as data."""
    done = moa("presets", "check", "self-moa", "--json")
    checked = json.loads(done.out)
    assert (done.code, checked["ready"], len(checked["problems"])) == (2, False, 2)


def test_check_takes_a_mixture_file(moa: Moa, tmp_path: Path) -> None:
    """A mixture of one's own can be checked as well."""
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"proposers": ["offline:bm25"], "aggregator": "openai:b"}))
    assert (
        moa("presets", "check", str(path)).out
        == "'openai:b' needs a key: set OPENAI_API_KEY, or choose another model\n"
    )


def test_show_tells_source_and_date(moa: Moa) -> None:
    """`show` prints where a preset comes from, since when, and its slots."""
    out = moa("presets", "show", "together-moa").out
    assert "source: " in out
    assert "date: " in out
    assert "together:Qwen/Qwen1.5-110B-Chat" in out


@pytest.mark.parametrize("action", ["check", "show"])
def test_unknown_presets_are_refused(moa: Moa, action: str) -> None:
    """An unknown name is answered with the names there are."""
    done = moa("presets", action, "self-mao")
    assert done.code == 2
    assert "Did you mean 'self-moa'?" in done.err
