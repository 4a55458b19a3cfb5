"""How like an answer is to each proposal, word by word and letter by letter.

Likeness alone does not show that an answer was made of a proposal: good answers to one question are alike. Set it
beside that of an answer which saw no proposals.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from langgraph_moa.checks import listed

ORDERS = (3, 4, 5)
"""Longest n-grams of BLEU, as the paper takes them (Wang et al. 2024)."""
SMOOTHING = "one is added to the counts of n-grams of two words and more"
"""What a table of BLEU values must say beside them."""
_CLOSED_UP = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Scripts that put no space between words: each character counts as one."""
_WORD = re.compile(rf"[{_CLOSED_UP}]|[^\W{_CLOSED_UP}]+|[^\w\s]")


def similarities(answer: str, proposals: Sequence[str]) -> dict[str, list[float]]:
    """Return how like an answer is to each proposal, by measure.

    Args:
        answer: Visible text.
        proposals: Of the same question, in any order; words that all of them use count for less in `tf-idf`.

    Returns:
        `bleu-3`, `bleu-4`, `bleu-5`, `tf-idf` and `levenshtein`, each with a value from 0 to 1 for each proposal. Equal
        texts have 1, case and spacing aside but for `levenshtein`; a text without a word is like another such alone.
    """
    texts = [str(proposal) for proposal in listed("proposals", proposals)]
    measured = {f"bleu-{order}": [bleu(answer, text, order=order) for text in texts] for order in ORDERS}
    return measured | {
        "tf-idf": tf_idf(answer, texts),
        "levenshtein": [levenshtein(answer, text) for text in texts],
    }


def bleu(candidate: str, reference: str, *, order: int = 4) -> float:
    """Return the sentence-level BLEU of a candidate, from 0 to 1, with one reference (Papineni et al. 2002).

    Precisions of n-grams of 1 to `order` words count alike, those that the candidate is too short for aside. Smoothed:
    one is added to the counts of n-grams of two words and more (Lin and Och 2004). Not symmetric: a candidate that is
    shorter than its reference is penalised.
    """
    said, meant = words_of(candidate), words_of(reference)
    if not said or not meant:
        return float(said == meant)
    logarithms: list[float] = []
    for length in range(1, min(order, len(said)) + 1):
        found, wanted = _grams(said, length), _grams(meant, length)
        added = int(length > 1)
        shared = sum((found & wanted).values()) + added
        if not shared:
            return 0.0
        logarithms.append(math.log(shared / (sum(found.values()) + added)))
    brevity = min(0.0, 1 - len(meant) / len(said))
    return math.exp(brevity + math.fsum(logarithms) / len(logarithms))


def tf_idf(answer: str, proposals: Sequence[str]) -> list[float]:
    """Return the cosine of the weighted words of an answer and each proposal, from 0 to 1; symmetric.

    A word weighs its count times 1 + ln((1 + texts) / (1 + texts with it)), over the answer and all proposals.
    """
    counts = [Counter(words_of(text)) for text in (answer, *proposals)]
    held = Counter(word for count in counts for word in count)
    weight = {word: 1 + math.log((1 + len(counts)) / (1 + texts)) for word, texts in held.items()}
    vectors = [{word: times * weight[word] for word, times in count.items()} for count in counts]
    return [_cosine(vectors[0], vector) for vector in vectors[1:]]


def levenshtein(first: str, second: str) -> float:
    """Return 1 minus the edits that turn one text into the other, by the longer text's letters; symmetric."""
    return Levenshtein.normalized_similarity(first, second)


def words_of(text: str) -> list[str]:
    """Return the words and signs of a text, in lower case."""
    return _WORD.findall(text.casefold())


def _grams(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def _cosine(first: dict[str, float], second: dict[str, float]) -> float:
    if not first or not second:
        return float(first == second)
    size = math.hypot(*first.values()) * math.hypot(*second.values())
    return min(1.0, math.fsum(weight * second[word] for word, weight in first.items() if word in second) / size)
