"""Passages of some documents with the numbers that readers need: terms, counts and weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from langgraph_moa.offline.passages import Passage, split_passages
from langgraph_moa.offline.words import stems
from langgraph_moa.prompts import Document

Array = NDArray[np.float64]

LARGEST = 800
"""Passages that readers with square matrices look at; of more, those that have most in common with the question."""

HEADING_WEIGHT = 0.5
"""What a word in a heading counts, beside 1 for a word in the sentence itself."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Passages of one or more documents, n of them, over a vocabulary of v stems."""

    passages: tuple[Passage, ...]

    @cached_property
    def terms(self) -> list[list[str]]:
        """Stems of each passage, in order."""
        return [stems(passage.text) for passage in self.passages]

    @cached_property
    def bags(self) -> list[dict[str, float]]:
        """How often each stem occurs in a passage, its headings included at `HEADING_WEIGHT`."""
        bags: list[dict[str, float]] = []
        for passage, terms in zip(self.passages, self.terms, strict=True):
            bag = dict.fromkeys(stems(passage.heading), HEADING_WEIGHT)
            for term, count in Counter(terms).items():
                bag[term] = bag.get(term, 0.0) + count
            bags.append(bag)
        return bags

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Column of each stem, 0 to v - 1."""
        return {term: column for column, term in enumerate(dict.fromkeys(term for bag in self.bags for term in bag))}

    @cached_property
    def rarity(self) -> dict[str, float]:
        """Inverse document frequency of each stem: `ln((n + 1) / (passages that hold it + 1)) + 1`."""
        holding = Counter(term for bag in self.bags for term in bag)
        return {term: float(np.log((len(self.bags) + 1) / (count + 1))) + 1.0 for term, count in holding.items()}

    @cached_property
    def rows(self) -> Array:
        """The TF-IDF weights of all passages, shape (n, v)."""
        return self.weigh(self.bags)

    def weigh(self, bags: Sequence[Mapping[str, float]]) -> Array:
        """Return TF-IDF rows of length 1, or 0 for a bag of unknown words; what occurs often counts logarithmically."""
        matrix = np.zeros((len(bags), len(self.vocabulary)))
        for row, bag in enumerate(bags):
            for term, count in bag.items():
                if term in self.vocabulary:
                    often = 1.0 + np.log(count) if count > 1 else count
                    matrix[row, self.vocabulary[term]] = often * self.rarity[term]
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        return np.asarray(matrix / np.where(lengths > 0, lengths, 1.0))

    def nearest_to(self, question: str) -> Corpus:
        """Return at most `LARGEST` passages, those that share the rarest stems with the question, in order."""
        if len(self.passages) <= LARGEST:
            return self
        asked = set(stems(question))
        shared = np.asarray([sum(self.rarity[term] for term in asked & bag.keys()) for bag in self.bags])
        best = np.sort(np.argsort(-shared, kind="stable")[:LARGEST])
        return Corpus(tuple(self.passages[position] for position in best))


@lru_cache(maxsize=8)
def read_corpus(documents: tuple[Document, ...]) -> Corpus:
    """Split documents into passages, kept for the next reader; what stands twice under one heading counts once."""
    passages = dict.fromkeys(passage for document in documents for passage in split_passages(document))
    return Corpus(tuple(passages))
