"""The instructions, read from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation import homes
from langgraph_moa.evaluation.alpaca_eval import digest, fetch, gamed_beside, load
from langgraph_moa.evaluation.alpaca_eval.eval_set import baseline_of, baseline_row
from tests.evaluation.alpaca_eval.conftest import rows

Write = Callable[..., Path]


def test_ids_are_places(write_set: Write) -> None:
    """The id of a sample is its place in the file, from 0: the index that difficulties go by."""
    samples = list(load(write_set(rows(3))))
    assert [sample.id for sample in samples] == ["0", "1", "2"]
    assert [sample.turns for sample in samples] == [("question 0",), ("question 1",), ("question 2",)]
    assert [baseline_of(sample) for sample in samples] == ["base ", "base x", "base xx"]


def test_an_index_goes_before_the_place(write_set: Write) -> None:
    """A part of the official set keeps its indexes, where the rows tell them."""
    part = [{**row, "index": index} for row, index in zip(rows(3), (804, 3, 17), strict=True)]
    assert [sample.id for sample in load(write_set(part))] == ["804", "3", "17"]


def test_a_broken_line_keeps_its_place(write_set: Write) -> None:
    """A broken line is named and left out; the lines behind it keep their indexes."""
    path = write_set('{"instruction": "a", "output": "1"}\nno json\n{"instruction": "c", "output": "3"}\n', "set.jsonl")
    eval_set = load(path)
    assert [sample.id for sample in eval_set] == ["0", "2"]
    assert [(line.path, line.line) for line in eval_set.broken] == [(str(path), 2)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"output": "1"}, "instruction must be a text, there is none"),
        ({"instruction": "a"}, "output must be a text, there is none"),
        ({"instruction": 7, "output": "1"}, "instruction must be a text, got 7"),
        ({"instruction": "a", "output": "1", "index": "x"}, "index must be a whole number from 0, got 'x'"),
        ({"instruction": "a", "output": "1", "index": -1}, "index must be a whole number from 0, got -1"),
        ({"instruction": " ", "output": "1"}, "none of them blank"),
    ],
)
def test_what_is_wrong_with_a_row_is_told(write_set: Write, row: dict[str, object], why: str) -> None:
    """A row that is no sample is told with the reason, and its neighbours are read."""
    eval_set = load(write_set([row, *rows(1)]))
    assert len(list(eval_set)) == 1
    assert why in eval_set.broken[0].why


def test_an_instruction_stands_once(write_set: Write) -> None:
    """Two rows of one instruction are an error that names both lines: outputs are matched by instruction."""
    lines = '{"instruction": "a", "output": "1"}\n{"instruction": "a", "output": "2"}\n'
    with pytest.raises(ConfigurationError, match=r"on line 1 and again on line 2"):
        list(load(write_set(lines, "set.jsonl")))


def test_an_index_stands_once(write_set: Write) -> None:
    """Two instructions of one index are refused, also where one of them has it by its place."""
    first, second = rows(2)
    with pytest.raises(ConfigurationError, match="the index 1 stands for two instructions"):
        list(load(write_set([{**first, "index": 1}, second])))


def test_rows_are_written_as_they_were_read(write_set: Write) -> None:
    """A baseline's row in the official format is the row that it was read from."""
    given = rows(3)
    assert [baseline_row(sample) for sample in load(write_set(given))] == given


def test_the_digest_is_of_what_matters(write_set: Write) -> None:
    """The digest is that of another file with the same rows, and not that of a file with another baseline."""
    first = digest(load(write_set(rows(3))))
    assert digest(load(write_set(rows(3), "again.json"))) == first
    assert digest(load(write_set([*rows(2), {**rows(3)[2], "output": "another"}], "other.json"))) != first


def test_a_folder_stands_for_the_official_file(write_set: Write) -> None:
    """A folder is read as the official file in it, and `df_gamed.csv` is found beside it."""
    path = write_set(rows(2), "alpaca_eval_gpt4_baseline.json")
    assert load(path.parent).path == path
    assert gamed_beside(path) is None
    gamed = write_set("", "df_gamed.csv")
    assert gamed_beside(path) == gamed


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the public home cannot be reached, the error says so and asks for a copy."""
    monkeypatch.setattr(homes, "HOMES", {})
    nowhere = "http://127.0.0.1:9/nothing"
    monkeypatch.setattr(homes.fetched, "__defaults__", (dict.fromkeys(("alpaca_eval/df_gamed.csv",), nowhere),))
    with pytest.raises(ConfigurationError, match=r"cannot be fetched .* Name a copy"):
        fetch(tmp_path)


def test_copies_are_not_fetched_again(tmp_path: Path) -> None:
    """Where both files are there already, nothing is fetched."""
    folder = tmp_path / "alpaca_eval"
    folder.mkdir()
    for name in ("df_gamed.csv", "alpaca_eval_gpt4_baseline.json"):
        (folder / name).write_text("[]", encoding="utf-8")
    assert fetch(tmp_path) == folder / "alpaca_eval_gpt4_baseline.json"
