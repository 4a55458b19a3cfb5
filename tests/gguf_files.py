"""Writes GGUF files without any model in them, byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

Entry = int | float | bool | str | Sequence[str] | Sequence[int]
"""A value: numbers take eight bytes, those of an array four."""


def gguf(entries: Mapping[str, Entry], weights: Sequence[int] = (), *, alignment: int = 32) -> bytes:
    """Return a whole file.

    Args:
        entries: Keys and values.
        weights: Numbers of four bytes in each tensor.
        alignment: Of every tensor.
    """
    body = b"".join(text(key) + entry(value) for key, value in entries.items())
    at, described, data = 0, b"", b""
    for number, count in enumerate(weights):
        described += text(f"tensor {number}") + struct.pack("<IQIQ", 1, count, 0, at)
        data += b"\0" * (at - len(data)) + b"w" * 4 * count
        at = -(-len(data) // alignment) * alignment
    header = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(entries)) + body + described
    return header + b"\0" * (-len(header) % alignment if weights else 0) + data


def write_gguf(path: Path, *, context: int = 4096, weights: int = 8, cut: int = 0) -> Path:
    """Write a file of a Llama that was made for so many tokens, and leave out its last bytes."""
    whole = gguf({"general.architecture": "llama", "llama.context_length": context}, [weights])
    path.write_bytes(whole[: len(whole) - cut])
    return path


def text(value: str) -> bytes:
    """Return a string as the format has it."""
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def entry(value: Entry) -> bytes:
    """Return a value behind its type."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<Iq", 11, value)
    if isinstance(value, float):
        return struct.pack("<Id", 12, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    words = all(isinstance(item, str) for item in value)
    items = b"".join(text(item) if isinstance(item, str) else struct.pack("<i", item) for item in value)
    return struct.pack("<IIQ", 9, 8 if words else 5, len(value)) + items
