"""Errors of installers and peers, without what they tell of the machine."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+")
_HOST = re.compile(r"(?<=\bhost=)(['\"]).*?\1|(?<=\bresolve )(['\"]).*?\2")
_ADDRESS_AND_PORT = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}:\d+\b")
_PATH = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'\"<>|]+[/\\])*(?P<last>[^\s/\\'\"<>|]*)")
_WORTH_TELLING = re.compile(r"^ERROR:|\bdepends on\b")
_VERSIONS = re.compile(r" \(from versions: [^)]*\)")
_MOST = 400


def cleaned(text: str) -> str:
    """Return a text without addresses, hosts and folders: of a path, the last name stays."""
    for folder in sorted({sys.prefix, str(Path.home()), tempfile.gettempdir(), str(Path.cwd())}, key=len, reverse=True):
        text = text.replace(folder, "")
    text = _ADDRESS.sub("(address)", text)
    text = _HOST.sub("(host)", text)
    text = _ADDRESS_AND_PORT.sub("(address)", text)
    return _PATH.sub(lambda found: found["last"], text)


def of_installer(output: str) -> str:
    """Return what pip gives as the reason: its lines of error, and what depends on what."""
    lines = [line.strip() for line in output.splitlines()]
    told = [_VERSIONS.sub("", line.removeprefix("ERROR:").strip()) for line in lines if _WORTH_TELLING.search(line)]
    return cleaned(" | ".join(told) or "the installer gave no reason")[:_MOST]


def of_worker(words: str) -> str:
    """Return the error at the end of a traceback whose lines are joined by ` | `."""
    return cleaned(words.rsplit(" | ", 1)[-1].strip())[:_MOST]
