"""Prompts from the user's files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation import flask, mt_bench
from langgraph_moa.evaluation.prompt_files import filled, read_tables


@given(st.text(), st.text())
def test_values_are_not_templates(one: str, other: str) -> None:
    """A value stands in the prompt as it is, whatever it holds."""
    assert filled("{a}|{b}|{c}", {"a": one, "b": other}, ["a", "b"]) == f"{one}|{other}|{{c}}"


def test_missing_value() -> None:
    """A field that there is no value for is refused by its name."""
    with pytest.raises(ConfigurationError, match=r"\{reference\}"):
        filled("{reference}", {}, ["reference"])


@pytest.mark.parametrize("text", ['{"a": 1}\n\n{"a": 2}\n', '[{"a": 1}, {"a": 2}]'])
def test_both_forms(tmp_path: Path, text: str) -> None:
    """JSON lines and a JSON list are read alike."""
    (tmp_path / "f").write_text(text, encoding="utf-8")
    assert read_tables(tmp_path / "f") == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ['{"a": 1}\n{', '{"a": 1}\n7'])
def test_broken_line(tmp_path: Path, text: str) -> None:
    """A broken line is refused by file and line: no prompt is left out in silence."""
    (tmp_path / "f").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="f:2: "):
        read_tables(tmp_path / "f")


@pytest.mark.parametrize(
    ("read", "name", "tables", "lacking"),
    [
        (mt_bench.read_prompts, mt_bench.REFERENCES, [{"question_id": 1}], "choices"),
        (mt_bench.read_prompts, mt_bench.PROMPTS, [{"name": name} for name in mt_bench.OWN_PROMPTS], "system_prompt"),
        (flask.read_prompts, flask.PROMPTS, [{"prompt_id": 1}, {"prompt_id": 2}], "prompt_template"),
        (flask.read_prompts, flask.RUBRICS, [{"Skill": skill} for skill in flask.SKILLS], "Scoring"),
    ],
)
def test_a_file_that_lacks_a_field_is_named(
    tmp_path: Path, read: Callable[[Path], object], name: str, tables: list[Any], lacking: str
) -> None:
    """A file of prompts, rubrics or references without what it is read for is refused, with its name and the field."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(map(json.dumps, tables)))
    with pytest.raises(ConfigurationError, match=f"{path.name} .*{lacking}"):
        read(tmp_path)
