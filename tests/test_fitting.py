"""Fitting: what is too long is shortened evenly and visibly, or divided into windows, and never exceeds its room."""

from __future__ import annotations

import json
import math
import pickle
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.fitting import (
    SMALLEST_SHARE,
    TOKENS_PER_ATTACHMENT,
    TOKENS_PER_MESSAGE,
    DoesNotFit,
    estimate_request,
    estimate_tokens,
    shorten,
    windows,
)

MARK = re.compile(r"\n\[\.\.\. ([\d,]+) characters left out \.\.\.\](?=\n)")
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
FLAG = "\U0001f1eb\U0001f1f7"
CLUSTERS = [
    "a",
    " ",
    "\n",
    "\r\n",
    "é",
    "e\u0301",
    "g\u0308\u0323",
    "漢",
    FAMILY,
    FLAG,
    "👍\U0001f3fd",
    "❤\ufe0f",
    "한",
]
CLUSTERS += ["\u1112\u1161\u11ab", "क\u094dष", "नि", "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e007f", "ก\u0e34"]
PIECES = st.sampled_from(
    [*CLUSTERS, "\ud83d", "\ude00", "\u200d", "\u0301", "[... 12 characters left out ...]", "word "]
)
LONG = st.builds(lambda pieces, times: "".join(pieces) * times, st.lists(PIECES, max_size=12), st.integers(1, 80))
REFERENCES = st.lists(LONG | st.text(max_size=300), max_size=8)
ROOM = st.integers(-10, 3000)


def total(texts: tuple[str, ...] | list[str]) -> int:
    """Return the estimated tokens of texts together."""
    return sum(map(estimate_tokens, texts))


def kept(original: str, shown: str) -> list[tuple[str, str]]:
    """Return what stands before and after each mark that is true of the original."""
    parts = [
        (shown[: mark.start()], shown[mark.end() + 1 :], int(mark[1].replace(",", ""))) for mark in MARK.finditer(shown)
    ]
    return [
        (before, after)
        for before, after, left_out in parts
        if original.startswith(before)
        and original.endswith(after)
        and len(before) + left_out + len(after) == len(original)
    ]


def shortened(references: list[str], available: int) -> tuple[str, ...]:
    """Shorten references, or give the example up when they do not fit."""
    try:
        return shorten(references, available)
    except DoesNotFit:
        assume(False)  # noqa: FBT003 - hypothesis takes it by position
        raise


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("漢字", 2), ("é", 1), ("\ud800", 1), ("👍", 2)],
)
def test_tokens_of_a_text(text: str, tokens: int) -> None:
    """A text counts a token for every three UTF-8 bytes, rounded up, also where it is no valid Unicode."""
    assert estimate_tokens(text) == tokens


CALL = {"name": "search", "args": {"query": "日本"}, "id": "1", "type": "tool_call"}
CALL_TOKENS = estimate_tokens(json.dumps(CALL, ensure_ascii=False))
TOOL_USE = {"type": "tool_use", "id": "1", "name": "search", "input": {"query": "日本"}}
TOOL_USE_TOKENS = estimate_tokens(json.dumps(TOOL_USE, ensure_ascii=False))
BAD_CALL = {"name": "search", "args": "{", "id": "2", "error": None, "type": "invalid_tool_call"}


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        pytest.param(HumanMessage("abcd"), 2, id="text"),
        pytest.param(HumanMessage(["abcd", {"type": "text", "text": "abc"}]), 3, id="blocks"),
        pytest.param(HumanMessage([{"type": "image", "base64": "A" * 9_000}]), TOKENS_PER_ATTACHMENT, id="image"),
        pytest.param(AIMessage([{"type": "thinking", "thinking": "a" * 30, "signature": "s"}]), 10, id="thinking"),
        pytest.param(AIMessage("", tool_calls=[CALL]), CALL_TOKENS, id="call"),
        pytest.param(AIMessage([TOOL_USE], tool_calls=[CALL]), CALL_TOKENS, id="repeated-call"),
        pytest.param(AIMessage([TOOL_USE]), TOOL_USE_TOKENS, id="call-as-block"),
        pytest.param(
            AIMessage("", invalid_tool_calls=[BAD_CALL]), estimate_tokens(json.dumps(BAD_CALL)), id="invalid-call"
        ),
    ],
)
def test_tokens_of_a_message(message: BaseMessage, tokens: int) -> None:
    """A message counts its text and calls once, a flat number for an image, and four tokens of its own."""
    assert estimate_request([message]) == TOKENS_PER_MESSAGE + tokens
    assert estimate_request([SystemMessage("abc"), message]) == 2 * TOKENS_PER_MESSAGE + 1 + tokens


def test_a_request_without_messages() -> None:
    """A conversation without messages takes no tokens."""
    assert estimate_request([]) == 0


@settings(deadline=None)
@given(REFERENCES, ROOM)
def test_shortened_references_fit(references: list[str], available: int) -> None:
    """Shortened references take no more than there is, in the same number and order, and stay when shortened again."""
    shown = shortened(references, available)
    assert total(shown) <= available
    assert len(shown) == len(references)
    assert shorten(shown, available) == shown


@settings(deadline=None)
@given(REFERENCES, ROOM)
def test_cuts_are_marked(references: list[str], available: int) -> None:
    """A reference comes back byte for byte, or as a true beginning and end round a mark with the true number."""
    for reference, shown in zip(references, shortened(references, available), strict=True):
        assert shown == reference or kept(reference, shown)


@settings(deadline=None)
@given(REFERENCES, ROOM)
def test_shares_are_equal(references: list[str], available: int) -> None:
    """When one reference is cut, none that is longer than it takes up is given more than an equal share allows."""
    shown = shortened(references, available)
    sizes = [estimate_tokens(reference) for reference in references]
    cut = [size for size, one, other in zip(sizes, references, shown, strict=True) if one != other]
    whole = [size for size, one, other in zip(sizes, references, shown, strict=True) if one == other]
    if cut:
        share = (available - sum(whole)) // len(cut)
        assert max(whole, default=0) <= share < min(cut)
    else:
        assert total(references) <= available


@settings(deadline=None)
@given(REFERENCES, ROOM, st.integers(0, 300))
def test_more_room_shows_more(references: list[str], available: int, more: int) -> None:
    """With more room no reference shows less of its beginning or of its end."""
    pairs = zip(references, shortened(references, available), shorten(references, available + more), strict=True)
    for reference, narrow, wide in pairs:
        if wide != reference:
            assert any(
                len(wider[0]) >= len(narrower[0]) and len(wider[1]) >= len(narrower[1])
                for narrower in kept(reference, narrow)
                for wider in kept(reference, wide)
            )


@settings(deadline=None)
@given(REFERENCES, ROOM)
def test_what_does_not_fit_is_said_exactly(references: list[str], available: int) -> None:
    """Shortening fails below the number of tokens that the error names, and not with that number."""
    needed = sum(min(estimate_tokens(reference), SMALLEST_SHARE) for reference in references)
    if needed <= available:
        shorten(references, available)
        return
    with pytest.raises(DoesNotFit) as caught:
        shorten(references, available)
    assert (caught.value.needed, caught.value.available) == (needed, available)
    assert total(shorten(references, needed)) <= needed


@settings(deadline=None)
@given(st.lists(st.sampled_from(CLUSTERS), min_size=1, max_size=12), st.integers(30, 90), st.integers(48, 300))
def test_characters_stay_whole(pieces: list[str], times: int, available: int) -> None:
    """No cut falls inside what Unicode calls a grapheme cluster, as an emoji of a family, a flag or an accent."""
    regex = pytest.importorskip("regex")
    text = "".join(pieces) * times
    (shown,) = shortened([text], available)
    assume(shown != text)
    divisions = {0, len(text), *(found.end() for found in regex.finditer(r"\X", text))}
    ((before, after),) = kept(text, shown)
    assert {len(before), len(text) - len(after)} <= divisions


def test_a_character_without_end_is_cut() -> None:
    """A letter under ten thousand accents cannot keep a cut from showing something."""
    text = "a" + "\u0301" * 10_000
    (shown,) = shorten([text], 100)
    assert total((shown,)) > 90
    assert kept(text, shown)


def test_surrogate_pairs_stay_whole() -> None:
    """The two halves of a surrogate pair are not divided."""
    text = "\ud83d\ude00" * 200
    for available in range(60, 90):
        ((before, after),) = kept(text, shorten([text], available)[0])
        assert len(before) % 2 == len(after) % 2 == 0


def test_two_thirds_stand_before_the_mark() -> None:
    """A cut reference uses its room, two thirds for its beginning and one for its end, between whole words."""
    text = " ".join(f"word{number}" for number in range(2_000))
    (shown,) = shorten([text], 500)
    ((before, after),) = kept(text, shown)
    assert 480 <= estimate_tokens(shown) <= 500
    assert 1.9 < len(before) / len(after) < 2.1
    assert set(before.split()) | set(after.split()) <= set(text.split())
    assert (before[-1], after[0]) != (" ", " ")


def test_a_cut_falls_between_lines() -> None:
    """Where a line ends nearby, a cut keeps whole lines."""
    lines = [f"- item {number} of the list" for number in range(500)]
    (shown,) = shorten(["\n".join(lines)], 400)
    *rest, mark = [line for line in shown.splitlines() if line not in lines] + ["(none)"]
    assert mark == "(none)"
    assert len(rest) == 1
    assert MARK.match(f"\n{rest[0]}\n")


def test_a_break_far_off_costs_no_room() -> None:
    """A single line with short lines round it is cut within, when whole lines would leave next to nothing."""
    text = "ab\n" + "x" * 5_000 + "\nyz"
    for available in range(SMALLEST_SHARE, 120):
        (shown,) = shorten([text], available)
        assert estimate_tokens(shown) >= available - 1


def test_what_short_ones_leave_goes_to_long_ones() -> None:
    """Of 1,000 tokens a reference of 100 leaves 450 to each of two long ones, and a longer one gets no more."""
    short, long, longer = "abc" * 100, "漢" * 900, "漢" * 9_000
    shown = shorten([longer, short, long], 1_000)
    assert shown[1] == short
    assert [440 < estimate_tokens(text) <= 450 for text in shown] == [True, False, True]


def test_text_without_spaces_uses_its_room() -> None:
    """Japanese is cut between characters and gives up no room for a word boundary that does not exist."""
    (shown,) = shorten(["吾輩は猫である。名前はまだ無い。" * 100], 200)
    assert estimate_tokens(shown) >= 197


def test_large_numbers_are_grouped() -> None:
    """The mark groups digits, so that the size of what is missing is seen at once."""
    assert re.search(r"\n\[\.\.\. 1\d,\d{3} characters left out \.\.\.\]\n", shorten(["x" * 20_000], 2_000)[0])


@pytest.mark.parametrize("available", [0, 100])
def test_no_references(available: int) -> None:
    """No references always fit."""
    assert shorten([], available) == ()
    assert windows([], available, carried=0) == ()


def test_one_text_is_no_list() -> None:
    """One string in place of references is refused: it would be read letter by letter."""
    with pytest.raises(ConfigurationError, match="references must be a list"):
        shorten("abc", 100)
    with pytest.raises(ConfigurationError, match="references must be a list"):
        windows("abc", 100, carried=0)


def test_the_finding_tells_and_pickles() -> None:
    """What does not fit says how much was needed and how much there was, also in another process."""
    with pytest.raises(DoesNotFit, match="need at least 96 tokens, and 95 are available") as caught:
        shorten(["x" * 5_000, "y" * 5_000], 95)
    copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made here
    assert (copied.needed, copied.available) == (96, 95)


@settings(deadline=None)
@given(REFERENCES, ROOM, st.integers(0, 400), st.integers(0, 40))
def test_windows_fit(references: list[str], available: int, carried: int, enclosing: int) -> None:
    """Every window fits with what it carries and encloses, holds a reference, and all of them keep the order."""
    try:
        divided = windows(references, available, carried=carried, enclosing=enclosing)
    except DoesNotFit as error:
        assert error.available == available < error.needed  # noqa: PT017 - whether it is raised depends on the example
        return
    for number, window in enumerate(divided):
        assert window
        assert total(window) + enclosing * len(window) <= available - (carried if number else 0)
    shown = [text for window in divided for text in window]
    for reference, text in zip(references, shown, strict=True):
        assert text == reference or (
            kept(reference, text) and estimate_tokens(reference) + enclosing > available - carried
        )


@settings(deadline=None)
@given(REFERENCES, ROOM, st.integers(0, 400), st.integers(0, 300))
def test_more_room_needs_no_more_windows(references: list[str], available: int, carried: int, more: int) -> None:
    """With more room there are as many windows or fewer, and one is enough where all fit."""
    try:
        divided = windows(references, available, carried=carried)
    except DoesNotFit:
        return
    assert len(windows(references, available + more, carried=carried)) <= len(divided)
    if references and total(references) <= available:
        assert divided == (tuple(references),)


def test_windows_are_greedy() -> None:
    """The first window takes four references of 100 tokens, later ones three: they carry the synthesis so far."""
    references = [f"{number:03}" * 100 for number in range(10)]
    divided = windows(references, 450, carried=150)
    assert [len(window) for window in divided] == [4, 3, 3]
    assert [text for window in divided for text in window] == references


def test_a_reference_that_fits_no_window_is_shortened() -> None:
    """A reference longer than a window stands alone in one, shortened; those beside it stay whole."""
    before, huge, after = "a" * 300, "漢" * 5_000, "z" * 300
    divided = windows([before, huge, after], 450, carried=150)
    assert (divided[0], divided[2]) == ((before,), (after,))
    assert kept(huge, divided[1][0])
    assert estimate_tokens(divided[1][0]) <= 300


def test_nothing_joins_a_shortened_reference() -> None:
    """What a cut between words leaves of a window is given to no other reference."""
    divided = windows(["word " * 1_000, "abc"], 101, carried=0)
    assert total(divided[0]) < 101
    assert divided[1] == ("abc",)


def test_windows_count_what_encloses_a_reference() -> None:
    """A thousand small references take room for their fences, not only for their text."""
    divided = windows(["abc"] * 1_000, 260, carried=0, enclosing=25)
    assert [len(window) for window in divided] == [10] * 100


def test_a_later_window_too_small() -> None:
    """What a later window would need counts what it carries."""
    with pytest.raises(DoesNotFit) as caught:
        windows(["a" * 300, "b" * 3_000], 150, carried=120)
    assert (caught.value.needed, caught.value.available) == (120 + SMALLEST_SHARE, 150)
    assert len(windows(["a" * 300, "b" * 3_000], 120 + SMALLEST_SHARE, carried=120)) == 2


def test_large_references_are_shortened_once_through() -> None:
    """64 references of a million characters are shortened to a context of 128,000 tokens."""
    references = [(chr(0x4E00 + number) + "word ") * 200_000 for number in range(64)]
    shown = shorten(references, 128_000)
    assert 0.97 * 128_000 < total(shown) <= 128_000
    assert all(math.isclose(estimate_tokens(text), 2_000, rel_tol=0.05) for text in shown)
