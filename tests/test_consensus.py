"""Consensus: the text that agrees most with the others is found from words alone, in every script."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.consensus import agreement, medoid
from langgraph_moa.errors import ConfigurationError

SHARED = st.sampled_from(["ab", "cd", "ef", "漢", "字", "!", "\n"])
TEXTS = st.lists(st.text(max_size=40) | st.lists(SHARED).map(" ".join), min_size=1)
WORDS = st.lists(st.sampled_from(["paris", "is", "the", "capital", "of", "france"]), min_size=3, max_size=12)


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        pytest.param(["It is Lyon.", "Paris is it.", "It is Paris.", "It is Paris!"], 2, id="majority"),
        pytest.param(
            ["東京です。", "首都は大阪です。", "日本の首都は東京です。", "首都は東京です。"], 3, id="japanese"
        ),
        pytest.param(["กรุงเทพ", "เชียงใหม่", "กรุงเทพฯ"], 0, id="thai"),
        pytest.param(["x = -4", "x = 4", "x = 4"], 1, id="sign"),
        pytest.param(["x = 4", "x = \u22124", "x = -4"], 1, id="typographic-minus"),
        pytest.param(["about 3.15", "about 3.14", "about 3.14"], 1, id="decimals"),
        pytest.param(["👎", "👍", "👍"], 1, id="emoji"),
        pytest.param(["का", "की", "की"], 1, id="vowel-signs"),
        pytest.param(["no", "STRASSE", "straße"], 1, id="case"),
        pytest.param(["no", "cafe\u0301", "café"], 1, id="composition"),
        pytest.param(["no", "ＰＡＲＩＳ", "𝐏𝐀𝐑𝐈𝐒", "paris"], 1, id="width-and-weight"),
        pytest.param(["GPUは遅い", "GPUは速い", "GPUは速い"], 1, id="two-scripts"),
        pytest.param(["Lyon", "**Paris**", "Paris."], 1, id="punctuation"),
        pytest.param(["man bites dog", "dog bites man", "dog bites man today"], 1, id="order-of-words"),
        pytest.param(["a b", "c d"], 0, id="tie"),
        pytest.param(["c d", "a b", "e f"], 0, id="nothing-in-common"),
    ],
)
def test_the_text_that_agrees_most(texts: list[str], chosen: int) -> None:
    """The medoid is the earliest of those that share most with the others."""
    assert medoid(texts) == chosen


def test_one_text_and_none() -> None:
    """One text is its own medoid and has no agreement; without texts, the medoid says what is missing."""
    assert medoid(["anything"]) == 0
    assert agreement(["anything"]) is None
    assert agreement([]) is None
    with pytest.raises(ValueError, match="at least one text, got none"):
        medoid([])


def test_one_text_is_no_list() -> None:
    """One string in place of texts is refused: it would be read letter by letter."""
    with pytest.raises(ConfigurationError, match="texts must be a list"):
        medoid("abc")
    with pytest.raises(ConfigurationError, match="texts must be a list"):
        agreement("abc")


@given(TEXTS)
def test_results_are_in_bounds(texts: list[str]) -> None:
    """For any texts the medoid is one of them, and agreement is in 0..1, the same in every run."""
    assert 0 <= medoid(texts) < len(texts)
    assert medoid(texts) == medoid(list(texts))
    measured = agreement(texts)
    assert (measured is None) == (len(texts) < 2)
    assert measured is None or 0 <= measured <= 1
    assert measured == agreement(texts)


@given(TEXTS, st.randoms(use_true_random=False))
def test_order_matters_for_ties_alone(texts: list[str], shuffler: random.Random) -> None:
    """Shuffled texts agree as much, and the medoid stays the medoid when it is put first among them."""
    shuffled = list(texts)
    shuffler.shuffle(shuffled)
    assert agreement(shuffled) == agreement(texts)
    chosen = texts[medoid(texts)]
    shuffled.remove(chosen)
    assert medoid([chosen, *shuffled]) == 0


@given(st.text(), st.integers(1, 8))
def test_identical_texts(text: str, number: int) -> None:
    """Of identical texts the first is chosen; they agree wholly unless they are blank."""
    assert medoid([text] * number) == 0
    if number > 1:
        assert agreement([text] * number) == (1 if text.strip() else 0)


@given(
    st.lists(WORDS.map(" ".join), min_size=2, max_size=6), st.lists(st.integers(0, 9), min_size=1), st.integers(0, 6)
)
def test_an_outlier_is_never_chosen(texts: list[str], other: list[int], position: int) -> None:
    """A text that shares no word with the others is not chosen when any two of those share one."""
    outlier = " ".join(f"n{digit}" for digit in other)
    if agreement(texts):
        mixed = [*texts[:position], outlier, *texts[position:]]
        assert mixed[medoid(mixed)] != outlier


@given(st.lists(st.sampled_from(["", " ", "\n\t", "\u3000"]), min_size=1), WORDS.map(" ".join), st.integers(0, 5))
def test_blank_texts_are_never_chosen(blanks: list[str], text: str, position: int) -> None:
    """However many texts are blank, one with words is chosen before them, and blank ones agree on nothing."""
    mixed = [*blanks[:position], text, *blanks[position:]]
    assert mixed[medoid(mixed)] == text
    assert medoid(blanks) == 0
    assert not agreement(blanks)


def test_agreement_grows_with_what_is_shared() -> None:
    """Agreement is 1 for the same words, 0 for none in common, and between them otherwise."""
    same, near, far = ["It is Paris.", "it is paris"], ["It is Paris.", "It is Lyon."], ["It is Paris.", "Berlin, 1990"]
    assert agreement(same) == 1
    assert agreement(far) == 0
    assert agreement(near) == pytest.approx(3 / 7)


@pytest.mark.parametrize(("one", "other"), [("3.15", "3.14"), ("1,000", "1,001"), ("-4", "4"), ("4", "4.0")])
def test_numbers_agree_wholly_or_not_at_all(one: str, other: str) -> None:
    """Two numbers do not agree for having digits in common."""
    assert agreement([one, other]) == 0
    assert agreement([one, one]) == 1


@pytest.mark.parametrize("piece", ["1", "1,", "-", "1.a", "e\u0301", "漢", "\u200d", "ﷺ", "_", " a"])
def test_hostile_texts_take_linear_time(piece: str) -> None:
    """No pattern makes the search for words slow: 100,000 repetitions are read within seconds."""
    before = time.perf_counter()
    assert medoid([piece * 100_000, "a b", "a b"]) == 1
    assert time.perf_counter() - before < 10


@pytest.mark.parametrize(("space", "length"), [(" ", 800), ("", 4_000)], ids=["words", "characters"])
def test_a_wide_layer_is_compared_quickly(space: str, length: int) -> None:
    """64 texts of 4,000 characters are compared in far less than the time of one call to a model."""
    chooser = random.Random(1)  # noqa: S311 - the same texts in every run
    vocabulary = [f"w{number}" if space else chr(0x4E00 + number) for number in range(2_000)]
    texts = [space.join(chooser.choices(vocabulary, k=length))[:4_000] for _ in range(64)]
    before = time.perf_counter()
    medoid(texts)
    assert time.perf_counter() - before < 5
