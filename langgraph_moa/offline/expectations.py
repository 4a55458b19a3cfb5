"""What form of sentence a question leads one to expect: a number, a reason, a name. Pure."""

from __future__ import annotations

import re

_KINDS = (
    "class|command|error|exception|field|file|flag|function|key|method|name|"
    "option|parameter|setting|status|type|variable"
)
_IMPERATIVES = (
    "Add|Build|Call|Choose|Give|Install|Make|Mark|Open|Pass|Press|Put|Read|Run|Select|Set|To|Turn|Use|Write|You can"
)
_EXPECTED = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(given))
    for asked, given in (
        (r"\bhow (?:many|much|long|often|old|far|fast|big|large)\b|^when\b", r"\d"),
        (
            r"\b(?:what|which) (?:\w+ )?(?:amount|code|date|number|percentage|price|score|share|size|version|year)\b",
            r"\d",
        ),
        (r"\b(?:why|what for|reason)\b", r"\b(?:because|cannot|for|since|so|therefore|would)\b"),
        (r"\bhow (?:can|could|do|does|should|would|to)\b", rf"^(?:{_IMPERATIVES})\b|`[^`]*[=(-][^`]*`"),
        (r"^(?:which|what|where)\b", r"`[^`]+`"),
        (rf"\b(?:{_KINDS})s?\b", r"`[^`]+`"),
        (r"\bwho\b", r"(?<=[a-z,] )[A-Z][a-z]+"),
        (r"^(?:am|are|can|could|do|does|has|have|is|may|must|should|will)\b", r"\A[^|]*\Z"),
    )
)


def fit(question: str, sentence: str) -> float:
    """Return how many of the forms that `question` asks for `sentence` has, from 0 to 1; 0 when it asks for none."""
    wanted = [given for asked, given in _EXPECTED if asked.search(question)]
    return sum(given.search(sentence) is not None for given in wanted) / len(wanted) if wanted else 0.0
