"""The request: a question, and the files to answer it from."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.printable import is_terminal

if TYPE_CHECKING:
    from langchain_core.messages import HumanMessage

    from langgraph_moa.prompts import Document

STDIN = "-"
_PDF_MARK = b"%PDF-"
_ALLOWED = "Name a UTF-8 text file or a PDF that holds text"


def read_request(question: str | None, files: Sequence[str]) -> HumanMessage:
    """Return the user message for a question and its files.

    Args:
        question: `None` or `"-"` reads stdin.
        files: Paths; `"-"` is stdin.

    Raises:
        ConfigurationError: The question is empty or missing, or a file cannot be read.
    """
    from langgraph_moa.prompts import ask_about

    if question in {None, STDIN} and STDIN in files:
        msg = "stdin cannot be both the question and a file: give the question as an argument"
        raise ConfigurationError(msg)
    return ask_about(_question(question), read_documents(files))


def read_documents(files: Sequence[str]) -> list[Document]:
    """Read files in the order given. Each is named after its last path component, or by its path where two share that.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    from langgraph_moa.prompts import Document

    paths = list(dict.fromkeys(files))
    shared = Counter(Path(path).name for path in paths)
    return [Document(_name(path, unique=shared[Path(path).name] == 1), _read(path)) for path in paths]


def _name(path: str, *, unique: bool) -> str:
    if path == STDIN:
        return "stdin"
    return Path(path).name if unique else path


def _question(given: str | None) -> str:
    if given is None and is_terminal(sys.stdin):
        msg = "no question: write moa ask 'QUESTION', or pipe one in"
        raise ConfigurationError(msg)
    text = _read(STDIN) if given in {None, STDIN} else str(given)
    if not text.strip():
        msg = "the question is empty: write moa ask 'QUESTION', or pipe one in"
        raise ConfigurationError(msg)
    return text.strip()


def _read(path: str) -> str:
    data = _stdin_bytes() if path == STDIN else _file_bytes(path)
    if data.startswith(_PDF_MARK):
        return _pdf_text(path, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        msg = f"{_name(path, unique=False)} is a binary file or not UTF-8 text. {_ALLOWED}"
        raise ConfigurationError(msg)
    if path != STDIN and not text.strip():
        msg = f"{path} holds no text. {_ALLOWED}"
        raise ConfigurationError(msg)
    return text


def _stdin_bytes() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        return b""
    return sys.stdin.buffer.read()


def _file_bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except IsADirectoryError:
        msg = f"{path} is a folder. Name its files one by one, each with --file"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no path"
        msg = f"cannot read {path}: {reason}. {_ALLOWED}"
    raise ConfigurationError(msg)


def _pdf_text(path: str, data: bytes) -> str:
    from io import BytesIO

    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError

    try:
        text = "\n\n".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)
    except (DependencyError, FileNotDecryptedError):
        msg = f"{path} is encrypted. Name a PDF that opens without a password"
        raise ConfigurationError(msg) from None
    except Exception as error:  # noqa: BLE001 - a broken PDF raises almost anything
        msg = f"{path} is not a readable PDF ({type(error).__name__}). {_ALLOWED}"
        raise ConfigurationError(msg) from None
    if not text.strip():
        msg = f"{path} holds no text: its pages may be scanned images. Name a PDF with a text layer"
        raise ConfigurationError(msg)
    return text
