"""Which of several answers agrees most with the others, from their words alone: no model is asked."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from langgraph_moa.checks import listed

_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: written without spaces between words."""
_MARKS = r"\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
"""Accents and vowel signs, which are parts of words but not `\\w`."""
_UNIT = re.compile(
    rf"(?<!\w)-?\d+(?:[.,]\d+)*(?!\w)"  # a number with its sign: 4 and -4 do not agree
    rf"|[{_UNSPACED}]"
    rf"|(?:(?![{_UNSPACED}])[\w{_MARKS}])+"
)


def medoid(texts: Sequence[str]) -> int:
    """Return the index of the text that is on average most similar to the others.

    Similarity is the share of words and pairs of neighbouring words that two texts have in common; case and
    punctuation do not count. A text without any word or sign agrees with nothing and is the medoid only among its like.

    Args:
        texts: At least one; the time grows with the square of their number and with their length.

    Returns:
        The earliest index among equals; 0 for one text.

    Raises:
        ValueError: There is no text.
    """
    features = [_features(text) for text in listed("texts", texts)]
    if not features:
        msg = "medoid needs at least one text, got none: check that there is an answer first"
        raise ValueError(msg)
    scores: list[list[float]] = [[] for _ in features]
    for left, right, similarity in _similarities(features):
        scores[left].append(similarity)
        scores[right].append(similarity)
    return max(range(len(features)), key=lambda index: (math.fsum(scores[index]), bool(features[index])))


def agreement(texts: Sequence[str]) -> float | None:
    """Return how similar texts are to each other: 0 when no two share a word, 1 when all have the same words.

    The mean of the similarity that `medoid` uses, over all pairs.

    Returns:
        0..1; `None` for fewer than two texts.
    """
    features = [_features(text) for text in listed("texts", texts)]
    similarities = [similarity for _, _, similarity in _similarities(features)]
    return math.fsum(similarities) / len(similarities) if similarities else None


def _features(text: str) -> frozenset[str]:
    """Return a text's words and pairs of neighbouring words; its signs where it has no word."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2212", "-")
    units = _UNIT.findall(plain) or re.findall(r"\S", plain)
    return frozenset(itertools.chain(units, map(" ".join, itertools.pairwise(units))))


def _similarities(features: Sequence[frozenset[str]]) -> Iterator[tuple[int, int, float]]:
    """Yield the two indexes and the Jaccard similarity of every pair; 0 for two that are empty."""
    masks = _masks(features)
    for left, right in itertools.combinations(range(len(features)), 2):
        shared = (masks[left] & masks[right]).bit_count()
        either = len(features[left]) + len(features[right]) - shared
        yield left, right, shared / either if shared else 0.0


def _masks(features: Sequence[frozenset[str]]) -> list[int]:
    """Return a number for each set, with a bit for each member that some other set has as well.

    Shared bits of numbers are counted many times faster than shared members of sets.
    """
    holders = Counter(itertools.chain.from_iterable(features))
    places = {feature: place for place, feature in enumerate(name for name, count in holders.items() if count > 1)}
    masks = []
    for members in features:
        bits = bytearray(len(places) // 8 + 1)
        for place in (places[member] for member in members if member in places):
            bits[place // 8] |= 1 << place % 8
        masks.append(int.from_bytes(bits, "little"))
    return masks
