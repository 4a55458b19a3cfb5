"""Claims about what is read of a GGUF file without its weights."""

from __future__ import annotations

import struct
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.gguf_headers import BLOCKS, HeaderError, parse_header, read_header
from tests.gguf_files import Entry, gguf, write_gguf

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.integers(-(2**31), 2**31 - 1)
VALUES = st.one_of(
    NUMBERS, st.floats(), st.booleans(), WORDS, st.lists(WORDS, max_size=4), st.lists(NUMBERS, max_size=4)
)
LLAMA: dict[str, Entry] = {"general.architecture": "llama", "llama.context_length": 4096}
START = b"GGUF" + struct.pack("<I", 3)


@settings(max_examples=50)
@given(st.dictionaries(WORDS, VALUES, max_size=6), st.lists(st.integers(1, 40), max_size=4), st.data())
def test_a_header_is_read_whatever_else_it_holds(
    others: dict[str, Entry], weights: list[int], data: st.DataObject
) -> None:
    """Architecture, context and length come out whatever stands beside them; of a part of the header, nothing does."""
    entries = dict(data.draw(st.permutations([*({**others, **LLAMA}).items()])))
    whole = gguf(entries, weights)
    assert parse_header(whole, len(whole)) == ("llama", 4096, len(whole))
    header = len(whole) if not weights else whole.rindex(f"tensor {len(weights) - 1}".encode())
    part = whole[: data.draw(st.integers(4, header - 1))]
    assert parse_header(part, len(whole)) is None
    with pytest.raises(HeaderError, match="cut short"):
        parse_header(part, len(part))


@given(st.binary(max_size=120), st.integers(0, 2**63))
def test_other_bytes_are_told(rest: bytes, further: int) -> None:
    """Whatever bytes follow the beginning, a header is read, or more is wanted, or it is refused."""
    try:
        header = parse_header(START + rest, len(START + rest) + further)
    except HeaderError:
        return
    assert header is None or header.needed >= len(START)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no GGUF file"),
        (b"PK\x03\x04", r"begins with b'PK\\x03\\x04'"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "version 50331648"),
        (START + struct.pack("<QQ", 2**40, 0), "1,099,511,627,776 tensors"),
        (START + struct.pack("<QQ", 0, 2**40), "1,099,511,627,776 entries"),
        (START + struct.pack("<QQQ", 0, 1, 2**20), "1,048,576 bytes of a key"),
        (START + struct.pack("<QQQ1sI", 0, 1, 1, b"k", 99), "'k' is of the unknown type 99"),
        (START + struct.pack("<QQQ1sIQ", 0, 1, 1, b"k", 8, 2**60), "goes on past"),
        (START + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"k", 9, 8, 2**60), "an array of 1,152,921,504,606,846,976 values"),
        (START + struct.pack("<QQQ1sIIQQ", 0, 1, 1, b"k", 9, 8, 2, 2**64 - 1), "goes on past"),
        (START + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"k", 9, 4, 2**60), "goes on past"),
        (START + struct.pack("<QQQ1sIIQ", 0, 1, 1, b"k", 9, 9, 1), "1 values of type 9"),
        (START + struct.pack("<QQQI", 1, 0, 0, 5), "5 dimensions"),
        (gguf({"general.alignment": 3}, [1]), "its alignment is 3"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, data: bytes, why: str) -> None:
    """A file that is none, or tells of what cannot be, is refused by its name and by what is wrong."""
    (tmp_path / "odd.gguf").write_bytes(data)
    with pytest.raises(HeaderError, match=rf"^odd\.gguf .*{why}"):
        read_header(tmp_path / "odd.gguf")


@pytest.mark.parametrize("cut", [1, 16, 60])
def test_a_cut_file_is_told(tmp_path: Path, cut: int) -> None:
    """A file that lacks bytes of its weights, or of its header, is refused; whole again, it is read anew."""
    path = write_gguf(tmp_path / "model.gguf", cut=cut)
    with pytest.raises(HeaderError, match=r"model\.gguf is cut short"):
        read_header(path)
    assert read_header(write_gguf(path)).context_length == 4096


def test_a_long_header(tmp_path: Path) -> None:
    """A vocabulary that is longer than what is read at first is passed over, and what stands behind it is read."""
    path = tmp_path / "long.gguf"
    path.write_bytes(gguf({"tokens": ["token"] * 10_000, **LLAMA}, [4]))
    assert read_header(path) == ("llama", 4096, path.stat().st_size)


@pytest.mark.parametrize("said", [{}, {"llama.context_length": 0}, {"llama.context_length": "long"}])
def test_a_context_that_is_not_said(said: dict[str, Entry]) -> None:
    """A context that is missing, or is no number of tokens, is not known."""
    header = parse_header(whole := gguf({"general.architecture": "llama", **said}), len(whole))
    assert header is not None
    assert header.context_length is None


@pytest.mark.skipif(find_spec("gguf") is None, reason="not installed: gguf")
def test_blocks_are_those_of_the_format() -> None:
    """Blocks are as large as the format's own package has them, but for Q8_1, of which it has more than ggml reads."""
    from gguf.constants import GGML_QUANT_SIZES

    own = {int(kind): size for kind, size in GGML_QUANT_SIZES.items() if kind.name != "Q8_1"}
    assert own.items() <= BLOCKS.items()
