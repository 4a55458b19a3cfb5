"""Seven ways to choose sentences. Each takes a question and n passages and returns n scores; 0: nothing in common.

All of them are extractive: they score sentences that are there and write none. They look at different things (words,
topics, neighbours in a graph, characters, pairs of words, the form of the answer, spelling), so that they err apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from langgraph_moa.offline.corpus import Array, Corpus
from langgraph_moa.offline.expectations import fit
from langgraph_moa.offline.words import STOPWORDS, stems, words

Reader = Callable[[str, Corpus], Array]

_TINY = 1e-9
"""What numbers have to pass to count as more than 0."""


def bm25(question: str, corpus: Corpus) -> Array:
    """Score by shared words, where rare words count more, repeated ones ever less, and long sentences lose.

    Source: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond"; computed by bm25s
    (Lu 2024, arXiv:2407.03618) in the variant of Lucene.
    """
    return _index_of_words(corpus)(list(dict.fromkeys(stems(question))))


def lsa(question: str, corpus: Corpus, *, topics: int = 150) -> Array:
    """Score by the cosine between question and sentence in a space of `topics` dimensions.

    Words that occur in like places lie near each other there, so a sentence can match without a word in common.

    Source: Deerwester, Dumais, Furnas, Landauer and Harshman 1990, "Indexing by Latent Semantic Analysis".
    """
    near = corpus.nearest_to(question)
    asked = near.weigh([Counter(stems(question))])[0]
    if not asked.any():
        return np.zeros(len(corpus.passages))
    directions, strengths = _topics(near, topics)
    places = directions * strengths
    asked_at = (near.rows @ asked) @ directions / strengths
    lengths = np.linalg.norm(places, axis=1) * np.linalg.norm(asked_at)
    return _in_order_of(corpus, near, np.maximum(places @ asked_at / _not_zero(lengths), 0.0))


def centrality(question: str, corpus: Corpus, *, bias: float = 0.85) -> Array:
    """Score by how often a random walk comes by that steps between like sentences and restarts at the question.

    Args:
        question: What is asked.
        corpus: Where to look.
        bias: Share of steps, 0 to 1, that restart at sentences like the question; the others follow the graph.

    Source: Otterbacher, Erkan and Radev 2009, "Biased LexRank: Passage Retrieval Using Random Walks with
    Question-Based Priors", after Erkan and Radev 2004, "LexRank".
    """
    near = corpus.nearest_to(question)
    prior = near.rows @ near.weigh([Counter(stems(question))])[0] if near.passages else np.zeros(0)
    if not prior.any():
        return np.zeros(len(corpus.passages))
    prior = prior / prior.sum()
    steps = _steps(near)
    visits = prior
    for _ in range(100):
        before, visits = visits, bias * prior + (1.0 - bias) * (visits @ steps)
        if np.abs(visits - before).sum() < _TINY:
            break
    return _in_order_of(corpus, near, np.where(prior > 0, visits, 0.0))


def ngrams(question: str, corpus: Corpus) -> Array:
    """Score by the cosine of runs of three characters: word forms, compounds and slips of the pen match.

    Source: McNamee and Mayfield 2004, "Character N-Gram Tokenization for European Language Text Retrieval".
    """
    bags, rarity, lengths = _runs_of(corpus)
    asked = {run: rarity[run] for run in _runs(question) if run in rarity}
    length = float(np.sqrt(sum(weight**2 for weight in asked.values()))) or 1.0
    shared = np.asarray([sum(asked[run] * rarity[run] for run in asked.keys() & bag) for bag in bags])
    return shared / (length * lengths)


def proximity(question: str, corpus: Corpus, *, share: float = 0.6) -> Array:
    """Score by shared words and, weighted with `share`, by pairs of them that stand close together in both.

    Source: Metzler and Croft 2005, "A Markov Random Field Model for Term Dependencies" (sequential dependence), with
    BM25 for both parts.
    """
    return bm25(question, corpus) + share * _index_of_pairs(corpus)(_pairs(stems(question), within=3))


def expectation(question: str, corpus: Corpus, *, share: float = 0.4) -> Array:
    """Score by shared words, and more where a sentence has the form the question asks for: a number, a reason, a name.

    Source: Prager, Brown, Coden and Radev 2000, "Question-Answering by Predictive Annotation", reduced to patterns.
    """
    scores = bm25(question, corpus)
    fits = (fit(question, corpus.passages[row].text) if scores[row] > 0 else 0.0 for row in range(len(scores)))
    return scores * (1.0 + share * np.fromiter(fits, dtype=np.float64, count=len(scores)))


def fuzzy(question: str, corpus: Corpus, *, alike: float = 0.9) -> Array:
    """Score by shared words, where words that are spelled almost alike count as shared.

    Args:
        question: What is asked.
        corpus: Where to look.
        alike: Least Jaro-Winkler similarity, 0 to 1, of words taken for the same.

    Source: Cohen, Ravikumar and Fienberg 2003, "A Comparison of String Distance Metrics for Name-Matching Tasks"
    (SoftTFIDF); string similarity by rapidfuzz.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import JaroWinkler

    asked = list(dict.fromkeys(stems(question)))
    scores = np.zeros(len(corpus.passages))
    if not asked or not corpus.vocabulary:
        return scores
    known = list(corpus.vocabulary)
    likeness = process.cdist(asked, known, scorer=JaroWinkler.normalized_similarity, score_cutoff=alike)
    for row, bag in enumerate(corpus.bags):
        columns = [corpus.vocabulary[term] for term in bag]
        weights = np.asarray([min(count, 1.0) * corpus.rarity[term] for term, count in bag.items()])
        if columns:
            scores[row] = (likeness[:, columns] * weights).max(axis=1).sum() / np.sqrt(np.linalg.norm(weights))
    return scores


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "bm25": bm25,
        "lsa": lsa,
        "centrality": centrality,
        "ngrams": ngrams,
        "proximity": proximity,
        "expectation": expectation,
        "fuzzy": fuzzy,
    }
)
"""Every reader by its name."""


@lru_cache(maxsize=8)
def _index_of_words(corpus: Corpus) -> Callable[[list[str]], Array]:
    return _index(corpus.terms)


@lru_cache(maxsize=8)
def _index_of_pairs(corpus: Corpus) -> Callable[[list[str]], Array]:
    return _index([_pairs(terms, within=4) for terms in corpus.terms])


def _index(bodies: Sequence[list[str]]) -> Callable[[list[str]], Array]:
    """Return a function from asked terms to the BM25 score of each body."""
    import bm25s  # type: ignore[import-untyped]

    known = {term for body in bodies for term in body}
    index: Any = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    if known:
        index.index(list(bodies), show_progress=False)

    def score(asked: list[str]) -> Array:
        found = [term for term in asked if term in known]
        return np.asarray(index.get_scores(found), dtype=np.float64) if found else np.zeros(len(bodies))

    return score


@lru_cache(maxsize=2)
def _topics(corpus: Corpus, topics: int) -> tuple[Array, Array]:
    """Return the left singular vectors, shape (n, t), and values, shape (t,), of the `topics` strongest at most."""
    squares, directions = np.linalg.eigh(corpus.rows @ corpus.rows.T)
    kept = np.argsort(-squares)[: min(topics, int(np.sum(squares > _TINY)))]
    return directions[:, kept], np.sqrt(squares[kept])


@lru_cache(maxsize=2)
def _steps(corpus: Corpus) -> Array:
    """Return how probable a step from each sentence to each other is, shape (n, n)."""
    likeness = corpus.rows @ corpus.rows.T
    return np.asarray(likeness / _not_zero(likeness.sum(axis=1, keepdims=True)))


@lru_cache(maxsize=8)
def _runs_of(corpus: Corpus) -> tuple[list[set[str]], dict[str, float], Array]:
    """Return the runs of each passage, the rarity of each run, and the lengths of the passages' vectors."""
    bags = [_runs(f"{passage.text} {passage.heading}") for passage in corpus.passages]
    holding = Counter(run for bag in bags for run in bag)
    rarity = {run: float(np.log((len(bags) + 1) / (count + 1))) + 1.0 for run, count in holding.items()}
    lengths = np.sqrt(np.asarray([sum(rarity[run] ** 2 for run in bag) for bag in bags], dtype=np.float64))
    return bags, rarity, _not_zero(lengths)


def _runs(text: str) -> set[str]:
    kept = (f" {word} " for word in words(text) if word not in STOPWORDS)
    return {word[start : start + 3] for word in kept for start in range(len(word) - 2)}


def _pairs(terms: Sequence[str], *, within: int) -> list[str]:
    """Return the unordered pairs of terms that stand fewer than `within` words apart."""
    windows = (terms[start : start + within] for start in range(len(terms)))
    pairs = ((window[0], other) for window in windows for other in window[1:])
    return [" ".join(sorted(pair)) for pair in pairs]


def _not_zero(lengths: Array) -> Array:
    return np.where(lengths > 0, lengths, 1.0)


def _in_order_of(corpus: Corpus, near: Corpus, scores: Array) -> Array:
    if near is corpus:
        return scores
    by_passage = dict(zip(near.passages, scores, strict=True))
    return np.asarray([by_passage.get(passage, 0.0) for passage in corpus.passages])
