"""The request: question, files, stdin."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from langgraph_moa.cli.reading import read_documents
from langgraph_moa.errors import ConfigurationError
from tests.cli.conftest import Moa


def _pdf(text: str | None, *, password: str | None = None) -> bytes:
    """Return a PDF of one page."""
    writer = PdfWriter()
    page = writer.add_blank_page(width=200, height=200)
    if text is not None:
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    file = BytesIO()
    writer.write(file)
    return file.getvalue()


def test_text_files_keep_every_byte_but_the_mark(tmp_path: Path) -> None:
    """UTF-8 is read as it is; a byte order mark is left out; a document has its file's name."""
    path = tmp_path / "notes.md"
    path.write_bytes(b"\xef\xbb\xbfna\xc3\xafve\r\n")
    assert read_documents([str(path)]) == [("notes.md", "naïve\r\n")]


def test_pdf_text_is_read(tmp_path: Path) -> None:
    """A PDF gives its text, whatever its name ends in."""
    path = tmp_path / "paper"
    path.write_bytes(_pdf("Quorum is three"))
    assert read_documents([str(path)])[0].text.strip() == "Quorum is three"


def test_files_of_one_name_keep_their_paths(tmp_path: Path) -> None:
    """Two files with the same name are told apart by their paths, and one file named twice counts once."""
    paths = [tmp_path / folder / "a.md" for folder in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(str(path))
    names = [document.name for document in read_documents([str(path) for path in [*paths, paths[0]]])]
    assert names == [str(path) for path in paths]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"\x7fELF\0\0", "binary file", id="nul-bytes"),
        pytest.param(b"caf\xe9", "not UTF-8", id="latin-1"),
        pytest.param("text".encode("utf-16"), "not UTF-8", id="utf-16"),
        pytest.param(b"%PDF-1.7 broken", "not a readable PDF", id="broken-pdf"),
        pytest.param(_pdf(None), "holds no text", id="scanned-pdf"),
        pytest.param(_pdf("secret", password="x"), "encrypted", id="encrypted-pdf"),  # noqa: S106 - no secret
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, moa: Moa, data: bytes, said: str) -> None:
    """An unreadable file ends the command with code 2 and one line with its name, the reason and what to do."""
    path = tmp_path / "thing.dat"
    path.write_bytes(data)
    done = moa("ask", "q", "--file", str(path))
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert str(path) in done.err
    assert said in done.err
    assert "Name a" in done.err


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    """A missing file, a folder and a path with a NUL are told apart."""
    with pytest.raises(ConfigurationError, match="No such file"):
        read_documents([str(tmp_path / "missing")])
    with pytest.raises(ConfigurationError, match="is a folder"):
        read_documents([str(tmp_path)])
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_documents(["nul\0byte"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="here nothing is kept from being read")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    """A file that may not be read is told as such."""
    path = tmp_path / "locked"
    path.touch(mode=0)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        read_documents([str(path)])


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        pytest.param(("ask",), b"", id="nothing-piped"),
        pytest.param(("ask", "-"), b" \n", id="blank-piped"),
        pytest.param(("ask", " "), b"not read", id="blank-argument"),
    ],
)
def test_an_empty_question_is_refused(moa: Moa, arguments: tuple[str, ...], stdin: bytes) -> None:
    """Without a question the command says how to ask one."""
    done = moa(*arguments, stdin=stdin)
    assert (done.code, done.out) == (2, "")
    assert done.err == "moa: the question is empty: write moa ask 'QUESTION', or pipe one in\n"


def test_binary_stdin_is_refused(moa: Moa) -> None:
    """What is piped in must be text."""
    done = moa("ask", stdin=b"\0\1")
    assert done.code == 2
    assert "stdin is a binary file" in done.err


def test_stdin_cannot_be_both(moa: Moa) -> None:
    """Question and file cannot both come from stdin."""
    done = moa("ask", "--file", "-", stdin=b"text")
    assert done.code == 2
    assert "both the question and a file" in done.err
