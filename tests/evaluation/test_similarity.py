"""How like an answer is to each proposal."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.similarity import bleu, levenshtein, similarities, tf_idf, words_of

WORDS = st.lists(st.sampled_from(["a", "b", "the", "cat", "sat", ",", "."]), max_size=12).map(" ".join)
TEXTS = st.one_of(WORDS, st.text(max_size=30))
MEASURES = {"bleu-3", "bleu-4", "bleu-5", "tf-idf", "levenshtein"}


@given(TEXTS, st.lists(TEXTS, max_size=4))
def test_every_value_is_from_0_to_1(answer: str, proposals: list[str]) -> None:
    """Each measure has one value for each proposal, from 0 to 1."""
    measured = similarities(answer, proposals)
    assert set(measured) == MEASURES
    for values in measured.values():
        assert len(values) == len(proposals)
        assert all(0 <= value <= 1 for value in values)


@given(TEXTS, TEXTS)
def test_a_copy_is_wholly_alike(text: str, other: str) -> None:
    """A proposal that is the answer itself has 1 in every measure, whatever stands beside it."""
    assert {name: values[0] for name, values in similarities(text, [text, other]).items()} == pytest.approx(
        dict.fromkeys(MEASURES, 1.0)
    )


@given(TEXTS, TEXTS)
def test_two_measures_are_symmetric(first: str, second: str) -> None:
    """TF-IDF and Levenshtein say the same both ways round."""
    assert levenshtein(first, second) == levenshtein(second, first)
    assert tf_idf(first, [second]) == pytest.approx(tf_idf(second, [first]))


@pytest.mark.parametrize("measure", sorted(MEASURES - {"levenshtein"}))
def test_texts_without_a_common_word_are_not_alike(measure: str) -> None:
    """Nothing shared is 0."""
    assert similarities("one two three four", ["five six seven eight"])[measure] == [0.0]


def test_bleu_of_a_case_by_hand() -> None:
    """Precisions 5/6, 4/6, 3/5 and 2/4, after one is added above single words, and no penalty for length."""
    said, meant = "the cat sat on the mat", "the cat sat on a mat"
    expected = math.prod([5 / 6, 4 / 6, 3 / 5, 2 / 4]) ** (1 / 4)
    assert bleu(said, meant, order=4) == pytest.approx(expected)


def test_bleu_of_a_short_candidate_is_penalised() -> None:
    """Half of a text, word for word, has exp(1 - 2)."""
    assert bleu("a b c", "a b c d e f", order=3) == pytest.approx(math.exp(-1))
    assert bleu("a b c d e f", "a b c", order=3) > bleu("a b c", "a b c d e f", order=3)


def test_bleu_counts_a_repeated_word_once() -> None:
    """A word said more often than the reference has it counts no more often than there."""
    assert bleu("the the the the", "the cat", order=1) == pytest.approx(1 / 4)


def test_longer_n_grams_ask_for_more() -> None:
    """The same words in another order are less alike, the longer the n-grams."""
    measured = similarities("b a d c f e h g", ["a b c d e f g h"])
    assert measured["bleu-3"] > measured["bleu-4"] > measured["bleu-5"]


@settings(max_examples=40, deadline=None)
@given(WORDS, st.lists(WORDS, min_size=1, max_size=4))
def test_tf_idf_is_that_of_scikit_learn(answer: str, proposals: list[str]) -> None:
    """With words split as ours are, the cosines are those of scikit-learn's vectoriser."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [answer, *proposals]
    if not all(words_of(text) for text in texts):
        return
    matrix = TfidfVectorizer(analyzer=words_of).fit_transform(texts).toarray()
    assert tf_idf(answer, proposals) == pytest.approx((matrix[1:] @ matrix[0]).tolist())


def test_case_and_spacing_count_for_letters_alone() -> None:
    """Another case is the same text to all measures but Levenshtein."""
    measured = similarities("The Cat\n sat", ["the cat sat"])
    assert {name for name, (value,) in measured.items() if value == pytest.approx(1.0)} == MEASURES - {"levenshtein"}


def test_scripts_without_spaces_are_compared_by_character() -> None:
    """Two Chinese sentences that differ in one character are alike, but not the same."""
    assert 0 < similarities("猫坐在垫子上", ["狗坐在垫子上"])["bleu-3"][0] < 1


def test_a_text_without_a_word_is_like_its_kind_alone() -> None:
    """An empty answer is like an empty proposal, and unlike every other."""
    assert {tuple(values) for values in similarities("", ["", "a word"]).values()} == {(1.0, 0.0)}


def test_a_bare_text_is_no_list_of_proposals() -> None:
    """One text in place of a list would be read letter by letter, and is refused."""
    with pytest.raises(ConfigurationError, match="proposals must be a list"):
        similarities("a", "b")
