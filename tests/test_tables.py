"""Files as tables: what is read, and that each way in which a file is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.tables import read_table

TEXT = "naïve 东京 \U0001f642"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("m.toml", f'name = "{TEXT}"\n[inner]\nlist = [1, 2]\n', id="toml"),
        pytest.param("m.json", f'{{"name": "{TEXT}", "inner": {{"list": [1, 2]}}}}', id="json"),
    ],
)
@pytest.mark.parametrize("as_text", [True, False], ids=["str", "Path"])
def test_reads_utf8(tmp_path: Path, name: str, content: str, as_text: bool) -> None:  # noqa: FBT001
    """A TOML or JSON file is read as UTF-8, whatever the locale."""
    file = tmp_path / name
    file.write_bytes(content.encode())
    assert read_table(str(file) if as_text else file) == {"name": TEXT, "inner": {"list": [1, 2]}}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        pytest.param("m.toml", b"a = 1\nb = = 2\n", r"m\.toml is not valid TOML: .*line 2", id="toml-syntax"),
        pytest.param("m.json", b'{"a": 1,\n "b" 2}', r"m\.json is not valid JSON: .*line 2", id="json-syntax"),
        pytest.param("m.toml", b'a = "\xff"', r"cannot read .*m\.toml: it is not UTF-8", id="not-utf8"),
        pytest.param("m.json", b"[1, 2]", r"m\.json must hold a table at the top, got list", id="no-table"),
        pytest.param("m.json", b"[" * 100_000, r"m\.json is not valid JSON", id="json-nested-too-deep"),
        pytest.param("m.toml", b"a = " + b"[" * 100_000, r"m\.toml is not valid TOML", id="toml-nested-too-deep"),
        pytest.param("m.yaml", b"a: 1", r"m\.yaml: a mixture file ends in \.toml or \.json, got '\.yaml'", id="yaml"),
        pytest.param("mixture", b"a = 1", r"got 'no ending'", id="no-ending"),
    ],
)
def test_wrong_files(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    """A file that cannot be used is refused with its path and what is wrong, with the line where there is one."""
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        read_table(file)
    assert str(file) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is refused with its path and what to do."""
    with pytest.raises(ConfigurationError, match=r"cannot read .*none\.toml: No such file.*Name a readable"):
        read_table(tmp_path / "none.toml")


def test_folder(tmp_path: Path) -> None:
    """A folder with a file's ending is refused as one that cannot be read."""
    folder = tmp_path / "m.toml"
    folder.mkdir()
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_table(folder)
