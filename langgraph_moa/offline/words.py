"""Words of a text, reduced to stems."""

from __future__ import annotations

import re
import threading
from functools import cache, lru_cache
from typing import Any

from snowballstemmer import stemmer  # type: ignore[import-untyped]

_lock = threading.Lock()
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힣]|[^\W_]+")
"""Scripts without spaces between words are read letter by letter."""

STOPWORDS = frozenset(
    """a about all also am an and any are as at be because been being both but by can could did do does doing done for
    from get gets give given had has have having he her here him his how i if in into is it its itself just let like
    may me might mine more most much must my need needs no nor not of off on once one only or other our out over own
    please put same say says shall she should so some such than that the their them then there these they thing things
    this those through to too until up upon us use used very want was we were what when where whether which while who
    whom whose why will with without would yes you your""".split()  # noqa: SIM905 - easier to read
)


_HUMP = re.compile(r"[A-Z]?[a-z]{2,}(?=[A-Z])|(?<=[a-z])[A-Z][a-z]{2,}")
"""Parts of a name in camel case."""


def words(text: str) -> list[str]:
    """Return the words in lower case, in order; `snake_case` is two words, `CamelCase` itself and its two parts."""
    found: list[str] = []
    for word in _WORD.findall(text):
        found += [word.lower(), *(part.lower() for part in _HUMP.findall(word))]
    return found


def stems(text: str) -> list[str]:
    """Return the stems of all words but the most common English ones.

    Source: the English stemmer of Porter's Snowball (2001). On other languages it does little harm.
    """
    return [_stem(word) for word in words(text) if word not in STOPWORDS]


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    # A stemmer keeps the word that it works on in itself, so readers in several threads must not share it.
    with _lock:
        return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> Any:
    return stemmer("english")
