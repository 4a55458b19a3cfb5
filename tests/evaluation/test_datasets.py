"""Reading data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langgraph_moa import ConfigurationError
from langgraph_moa.evaluation.datasets import read_samples
from langgraph_moa.evaluation.samples import Sample


def parse(table: dict[str, Any]) -> Sample:
    """Make a sample of a question."""
    return Sample(table["id"], (table["question"],))


def read(path: Path, content: str | bytes) -> tuple[list[tuple[str, str]], list[tuple[int, str]]]:
    """Write a file, and return its samples and its broken lines."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    samples = read_samples(path, parse)
    found = [(sample.id, sample.turns[0]) for sample in samples]
    assert all(line.path == str(path) for line in samples.broken)
    return found, [(line.line, line.why) for line in samples.broken]


WHOLE = [("a", "One?"), ("b", "Two\nlines, é?")]
TABLES = [{"id": name, "question": question} for name, question in WHOLE]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.jsonl", "\n".join(map(json.dumps, TABLES)), id="lines"),
        pytest.param("a.jsonl", "\ufeff\r\n" + "\r\n\r\n".join(map(json.dumps, TABLES)) + "\r\n \r\n", id="windows"),
        pytest.param("a.ndjson", "\n".join(json.dumps(each, ensure_ascii=False) for each in TABLES), id="ndjson"),
        pytest.param("a.json", "\n".join(map(json.dumps, TABLES)), id="lines-named-json"),
        pytest.param("a.json", "\ufeff " + json.dumps(TABLES), id="list"),
        pytest.param("a.json", json.dumps(TABLES, indent=2), id="indented-list"),
        pytest.param("a.csv", '\ufeffid,question\r\na,One?\r\n\r\nb,"Two\nlines, é?"\r\n', id="csv"),
    ],
)
def test_every_form_gives_the_same_samples(tmp_path: Path, name: str, content: str) -> None:
    """Lines, a list and CSV hold the same samples, with a byte order mark and blank lines or without."""
    assert read(tmp_path / name, content) == (WHOLE, [])


def test_broken_lines_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    """Of each line that holds no sample the number and the reason are told; the next one is read all the same."""
    lines = [
        b'{"id": "a", "question": "One?"}',
        b'{"id": "x", "question"',
        b"[1]",
        b'{"id": "y"}',
        b'{"id": "z", "question": 3}',
        b'{"id": "\xff"}',
        b"[" * 100_000,
        b"null",
        b'{"id": "b", "question": "Two?"}',
    ]
    found, broken = read(tmp_path / "a.jsonl", b"\n".join(lines))
    assert found == [("a", "One?"), ("b", "Two?")]
    assert [line for line, _ in broken] == [2, 3, 4, 5, 6, 7, 8]
    reasons = ("not JSON", "a list, not an object", "no 'question'", "texts", "not UTF-8", "not JSON", "null")
    assert all(reason in why for reason, (_, why) in zip(reasons, broken, strict=True))


def test_broken_rows_of_csv_are_named(tmp_path: Path) -> None:
    """A row with too few or too many cells, or of other letters, is told by the line where it begins."""
    content = b'id,question\na,"One\nmore"\nx\ny,1,2\nz,\xff\nb,Two?\n'
    found, broken = read(tmp_path / "a.csv", content)
    assert found == [("a", "One\nmore"), ("b", "Two?")]
    assert broken == [
        (4, "it has 1 cells under 2 names"),
        (5, "it has 3 cells under 2 names"),
        (6, "it is not UTF-8 text"),
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param('[\n{"id": "a", "question": "One?"},\n{"id": \n', 3, id="cut-off"),
        pytest.param('[{"id": "a", "question": "One?"}\n{"id": "b", "question": "Two?"}]', 2, id="no-comma"),
        pytest.param('[\n{"id": "a", "question": "One?"},\n\n', 4, id="no-end"),
    ],
)
def test_a_broken_list_is_read_as_far_as_it_goes(tmp_path: Path, content: str, line: int) -> None:
    """What comes before the break is read, and the line of the break is told."""
    found, broken = read(tmp_path / "a.json", content)
    assert found == [("a", "One?")]
    assert [at for at, _ in broken] == [line]


def test_duplicate_ids_are_refused_with_both_lines(tmp_path: Path) -> None:
    """Two samples of one id are an error that names the lines of both, before anything is made of them."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "question": "1"}\n\n{"id": "b", "question": "2"}\n{"id": "a", "question": "3"}\n')
    with pytest.raises(ConfigurationError, match="'a' stands on line 1 and again on line 4"):
        read_samples(path, parse).count()


def test_samples_are_read_one_by_one(tmp_path: Path) -> None:
    """The first sample is there before the second line is looked at, and each iteration begins anew."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "question": "1"}\noops\n')
    samples = read_samples(path, parse)
    first = iter(samples)
    assert next(first).id == "a"
    assert samples.broken == []
    assert list(first) == []
    assert (len(samples.broken), samples.count(), len(samples.broken)) == (1, 1, 1)


@pytest.mark.parametrize("name", ["missing.jsonl", "folder.jsonl", "a.txt"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """A missing file, a folder and an unknown ending are refused at once."""
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(ConfigurationError, match=name.replace(".", r"\.")):
        read_samples(tmp_path / name, parse)


@given(content=st.binary(max_size=80), ending=st.sampled_from(["jsonl", "json", "csv"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str) -> None:
    """Every line that is not blank gives a sample or a broken line; in other forms no content raises an error."""
    path = tmp_path_factory.mktemp("data") / f"a.{ending}"
    path.write_bytes(b"[" * (ending == "json") + content)
    samples = read_samples(path, parse)
    found = samples.count() + len(samples.broken)
    if ending == "jsonl":
        lines = content.split(b"\n")
        assert found == sum(bool(line.removeprefix("\ufeff".encode()).strip()) for line in lines)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv"])
def test_no_letter_is_made_up(tmp_path: Path, name: str) -> None:
    """A sample that is not UTF-8 is told by its line, whatever the form, and never read with other letters."""
    rows = {"a.json": b'[\n{"q":"caf\xe9"},\n{"q":"ok"}]', "a.jsonl": b'\n{"q":"caf\xe9"}\n{"q":"ok"}'}
    path = tmp_path / name
    path.write_bytes(rows.get(name, b"q\ncaf\xe9\nok"))
    file = read_samples(path, lambda row: Sample(row["q"], (row["q"],)))
    assert [sample.id for sample in file] == ["ok"]
    assert [(line.line, line.why) for line in file.broken] == [(2, "it is not UTF-8 text")]


@pytest.mark.parametrize("form", ["{}", "[{}]"])
def test_no_number_is_not_json(tmp_path: Path, form: str) -> None:
    """NaN and infinities, which no log can hold, are told where they stand."""
    path = tmp_path / "a.json"
    path.write_text(form.replace("{}", '{"id": "1", "turns": ["q"], "metadata": {"x": NaN}}'))
    file = read_samples(path)
    assert list(file) == []
    assert "NaN" in file.broken[0].why


@pytest.mark.parametrize(("head", "why"), [("id,question,id", "'id'"), ("id," + "x" * 200_000, "limit")])
def test_columns_need_names(tmp_path: Path, head: str, why: str) -> None:
    """Two columns of one name, or names that cannot be read, are an error that names the first line."""
    path = tmp_path / "a.csv"
    path.write_text(f"{head}\n1,2,3\n")
    with pytest.raises(ConfigurationError, match=f"a.csv:1: .*{why}"):
        list(read_samples(path))
