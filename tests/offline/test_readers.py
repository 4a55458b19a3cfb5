"""What the readers choose."""

from __future__ import annotations

import numpy as np
import pytest

from langgraph_moa.offline import READER_NAMES
from langgraph_moa.offline.corpus import LARGEST, Corpus, read_corpus
from langgraph_moa.offline.expectations import fit
from langgraph_moa.offline.packaged_docs import packaged_documents
from langgraph_moa.offline.readers import READERS
from langgraph_moa.prompts import Document

TEXT = """The tower was built of granite in 1871.
Visitors may climb the tower because it is safe.
The garden has forty kinds of roses.
Dogs must stay outside the garden.
Tickets are sold at the northern gate.
"""
CORPUS = read_corpus((Document("guide.txt", TEXT),))

every_reader = pytest.mark.parametrize("name", READER_NAMES)


def test_names() -> None:
    """The names that the package gives without loading numpy are those of the readers."""
    assert set(READER_NAMES) == set(READERS)


@every_reader
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        pytest.param("Where can I buy tickets?", "Tickets are sold at the northern gate.", id="word"),
        pytest.param("kinds of rose", "The garden has forty kinds of roses.", id="word-form"),
        pytest.param("What must dogs do?", "Dogs must stay outside the garden.", id="one-word"),
    ],
)
def test_finds(name: str, question: str, answer: str) -> None:
    """Every reader finds a sentence that shares the question's words."""
    scores = READERS[name](question, CORPUS)
    assert CORPUS.passages[int(np.argmax(scores))].text == answer


@every_reader
@pytest.mark.parametrize("question", ["zzyzx qwfpgj", "what is it?", "", "?!"])
def test_nothing_in_common(name: str, question: str) -> None:
    """A question with no word in common with the documents scores 0 everywhere."""
    assert not READERS[name](question, CORPUS).any()


@every_reader
@pytest.mark.parametrize("corpus", [Corpus(()), read_corpus((Document("a", "Of the and. To be or not."),))])
def test_empty_corpus(name: str, corpus: Corpus) -> None:
    """No sentences, or only common words, give no scores."""
    scores = READERS[name]("Where are the tickets?", corpus)
    assert scores.shape == (len(corpus.passages),)
    assert not scores.any()


@every_reader
def test_deterministic(name: str) -> None:
    """The same question over the same pages scores the same, also over a corpus built anew; scores are finite."""
    passages = read_corpus(packaged_documents()).passages
    first, second = (READERS[name]("How long is the deadline of a layer?", Corpus(passages)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.isfinite(first).all()
    assert (first >= 0).all()


@every_reader
def test_large_corpus(name: str) -> None:
    """A sentence is found among more than the readers with matrices look at."""
    filler = "\n\n".join(f"Entry {number} holds value {number * 7}." for number in range(LARGEST + 200))
    corpus = read_corpus((Document("big.txt", f"{filler}\n\nThe zebra sleeps in the barn."),))
    scores = READERS[name]("Where does the zebra sleep?", corpus)
    assert corpus.passages[int(np.argmax(scores))].text == "The zebra sleeps in the barn."


def test_typing_error() -> None:
    """The fuzzy reader and the n-gram reader see through a slip of the pen, BM25 does not."""
    answer = [passage.text for passage in CORPUS.passages].index("Visitors may climb the tower because it is safe.")
    assert READERS["fuzzy"]("visitros", CORPUS)[answer] > 0
    assert READERS["ngrams"]("visitros", CORPUS).argmax() == answer
    assert not READERS["bm25"]("visitros", CORPUS).any()


@pytest.mark.parametrize(
    ("question", "fitting", "other"),
    [
        pytest.param("How many towers are there?", "There are 3 towers.", "There are towers.", id="number"),
        pytest.param("Why is it closed?", "It is closed because of snow.", "It is closed.", id="reason"),
        pytest.param("Which option sets it?", "Pass `--depth` for it.", "There is one for it.", id="name"),
        pytest.param("How do I open it?", "Press the red button.", "It is open.", id="instruction"),
    ],
)
def test_expected_form(question: str, fitting: str, other: str) -> None:
    """A sentence of the form that the question asks for fits better than one of another form."""
    assert 0 <= fit(question, other) < fit(question, fitting) <= 1


def test_no_expectation() -> None:
    """A text that is no question expects nothing."""
    assert fit("towers", "There are 3 `towers` because of it.") == 0
