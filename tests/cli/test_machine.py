"""Output for programs."""

from __future__ import annotations

import io
import json
import sys

import pytest

from langgraph_moa.cli.machine import print_json

NAME = "m\x9b31m\u202e\u00e9\u6f22"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_hostile_names_are_json_that_no_terminal_obeys(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Names with control characters, and with letters that stdout has not got, are told as they are, and are JSON."""
    written = io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding=encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", stdout)
    print_json({NAME: [NAME]})
    stdout.flush()
    said = written.getvalue().decode(encoding)
    assert json.loads(said) == {NAME: [NAME]}
    assert not {"\x9b", "\u202e"} & set(said)
