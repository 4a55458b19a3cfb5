"""What a GGUF file says of itself at its beginning, read without its weights: the format's versions 2 and 3.

Source: the specification, ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from struct import Struct
from typing import NamedTuple

MAGIC = b"GGUF"
PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})")
"""How llama.cpp names the parts of a model."""
_VERSIONS = (2, 3)
_READ = (1 << 16, 1 << 20, 1 << 24, 1 << 27)
"""Bytes after which a header is tried to be read; a vocabulary makes it several megabytes large."""
_MOST_ENTRIES = 1 << 16
_MOST_TENSORS = 1 << 20
_MOST_STRINGS = 1 << 22
_LONGEST_KEY = (1 << 16) - 1
_MOST_DIMENSIONS = 4
_ALIGNMENT = 32
"""Of the weights, where the file names no other."""
_UINT32, _UINT64 = Struct("<I"), Struct("<Q")
_WHOLE = {0: Struct("<B"), 1: Struct("<b"), 2: Struct("<H"), 3: Struct("<h"), 4: _UINT32, 5: Struct("<i")}
_WHOLE |= {10: _UINT64, 11: Struct("<q")}
"""Types of whole numbers."""
_WIDTHS = {kind: number.size for kind, number in _WHOLE.items()} | {6: 4, 7: 1, 12: 8}
"""Bytes of every type of one length."""
_STRING, _ARRAY = 8, 9
_BLOCKS = {
    1: {0: 4, 1: 2, 24: 1, 25: 2, 26: 4, 27: 8, 28: 8, 30: 2},
    32: {2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 20: 18, 39: 17},
    64: {40: 36},
    128: {41: 18},
    256: {10: 84, 11: 110, 12: 144, 13: 176, 14: 210, 15: 292, 16: 66, 17: 74, 18: 98, 19: 50, 21: 110, 22: 82, 23: 136}
    | {29: 56, 34: 54, 35: 66},
}
"""Bytes of a block by the weights that it holds, and by the type of the tensor."""
BLOCKS = {kind: (weights, width) for weights, widths in _BLOCKS.items() for kind, width in widths.items()}
"""By a tensor's type: weights of a block, and its bytes. Of a type that is not here no byte is counted."""


class HeaderError(ValueError):
    """A file is no GGUF file, is damaged, or is cut short; its text says which, and begins with the file's name."""


class Header(NamedTuple):
    """What is known of a file."""

    architecture: str | None
    context_length: int | None
    """Tokens that the model was made for; `None`: the file does not say."""
    needed: int
    """Bytes that the file has at least when it is whole."""


def read_header(path: Path) -> Header:
    """Read the header of a file, once as long as the file does not change.

    Raises:
        HeaderError: There is none, it cannot be, or the weights that it tells of are not all there.
        OSError: The file cannot be read.
    """
    there = path.stat()
    try:
        return _read(path, there.st_size, there.st_mtime_ns)
    except HeaderError as error:
        raise HeaderError(f"{path.name} {error}") from None


def parts_of(path: Path) -> list[Path]:
    """Return all files of a model by the name of its first: llama.cpp takes it for the others too.

    Raises:
        HeaderError: One of them is not there.
    """
    named = PART.fullmatch(path.stem)
    if named is None:
        return [path]
    numbers = range(1, max(1, int(named[3])) + 1)
    parts = [path.with_name(f"{named[1]}-{number:05}-of-{named[3]}.gguf") for number in numbers]
    if missing := next((part.name for part in parts if not part.is_file()), None):
        raise HeaderError(f"{path.name} is not whole: {missing} is not there")
    return parts


def parse_header(data: bytes, size: int) -> Header | None:
    """Parse a header.

    Args:
        data: The beginning of a file.
        size: Bytes of the whole file.

    Returns:
        `None` where the header goes on past `data`.

    Raises:
        HeaderError: As in `read_header`, without the file's name.
    """
    try:
        return _Cursor(data, size).header()
    except _GoesOnError:
        return None


@lru_cache(maxsize=64)
def _read(path: Path, size: int, _changed: int) -> Header:
    data = b""
    with path.open("rb") as file:
        for length in _READ:
            data += file.read(length - len(data))
            header = parse_header(data, len(data) if len(data) < length else size)
            if header is not None:
                break
        else:
            raise HeaderError(f"is damaged: its header takes more than {_READ[-1]:,} bytes")
    if header.needed > size:
        raise HeaderError(f"is cut short: it has {size:,} of {header.needed:,} bytes")
    return header


class _GoesOnError(Exception):
    """The header goes on past what was read."""


class _Cursor:
    """A place in a header, and what was read of it."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size
        self._at = 0
        self._texts: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def header(self) -> Header:
        """Read all of it."""
        if not self._data.startswith(MAGIC):
            raise HeaderError(f"is no GGUF file: it begins with {self._data[: len(MAGIC)]!r}, not {MAGIC!r}")
        self._at = len(MAGIC)
        if (version := self._number(_UINT32)) not in _VERSIONS:
            raise HeaderError(f"is of version {version} of the format; versions that are read: 2, 3")
        tensors = self._count("tensors", _UINT64, _MOST_TENSORS)
        for _ in range(self._count("entries", _UINT64, _MOST_ENTRIES)):
            self._entry()
        needed = self._needed(tensors)
        name = self._texts.get("general.architecture")
        length = self._numbers.get(f"{name}.context_length", 0)
        return Header(name, length if length > 0 else None, needed)

    def _entry(self) -> None:
        """Read a key and its value; keep what is asked for."""
        key = self._take(self._count("bytes of a key", _UINT64, _LONGEST_KEY)).decode(errors="replace")
        kind = self._number(_UINT32)
        if kind in _WHOLE:
            self._numbers[key] = self._number(_WHOLE[kind])
        elif kind in _WIDTHS:
            self._take(_WIDTHS[kind])
        elif kind == _STRING:
            self._texts[key] = self._take(self._number(_UINT64)).decode(errors="replace")
        elif kind == _ARRAY:
            self._pass_array(key)
        else:
            raise HeaderError(f"is damaged: its entry {key!r} is of the unknown type {kind}")

    def _pass_array(self, key: str) -> None:
        kind, count = self._number(_UINT32), self._number(_UINT64)
        if kind in _WIDTHS:
            self._pass(count * _WIDTHS[kind])
        elif kind == _STRING and count <= _MOST_STRINGS:
            self._pass_strings(count)
        else:
            raise HeaderError(f"is damaged: its entry {key!r} is an array of {count:,} values of type {kind}")

    def _pass_strings(self, count: int) -> None:
        """Pass over strings; a vocabulary has some 200,000, so that what a method call takes would be felt."""
        data, at, unpack, width = self._data, self._at, _UINT64.unpack_from, _UINT64.size
        try:
            for _ in repeat(None, count):
                (length,) = unpack(data, at)
                at += length + width
        except (struct.error, OverflowError):
            at += width
        self._at = 0
        self._pass(at)

    def _needed(self, tensors: int) -> int:
        """Return where the last weight ends."""
        ends = [self._tensor() for _ in range(tensors)]
        alignment = self._numbers.get("general.alignment", _ALIGNMENT)
        if alignment < 1 or alignment & (alignment - 1):
            raise HeaderError(f"is damaged: its alignment is {alignment}, which is no power of two")
        return -(-self._at // alignment) * alignment + max(ends) if ends else self._at

    def _tensor(self) -> int:
        """Return where a tensor ends, from where the weights begin."""
        self._pass(self._number(_UINT64))
        weights = 1
        for _ in range(self._count("dimensions", _UINT32, _MOST_DIMENSIONS)):
            weights *= self._number(_UINT64)
        block, width = BLOCKS.get(self._number(_UINT32), (1, 0))
        return self._number(_UINT64) + weights // block * width

    def _count(self, what: str, number: Struct, most: int) -> int:
        count = self._number(number)
        if count > most:
            raise HeaderError(f"is damaged: it tells of {count:,} {what}, and {most:,} is the most that is read")
        return count

    def _number(self, number: Struct) -> int:
        start = self._at
        self._pass(number.size)
        value: int = number.unpack_from(self._data, start)[0]
        return value

    def _take(self, length: int) -> bytes:
        start = self._at
        self._pass(length)
        return self._data[start : self._at]

    def _pass(self, length: int) -> None:
        if self._at + length > self._size:
            raise HeaderError(f"is cut short or damaged: its header goes on past its {self._size:,} bytes")
        if self._at + length > len(self._data):
            raise _GoesOnError
        self._at += length
