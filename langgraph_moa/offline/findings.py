"""The form in which a reader writes down what it found, and its inverse. Pure.

One line for each sentence, best first: the rank, the sentence, and the document in brackets.

```
1. The `quorum` of a layer is the least number of usable proposals. [failures.md]
2. `quorum` | 1 | the least number of usable proposals [recipes.md]
```

Lines of any other form are comments: what `parse_findings` does not understand, it passes over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

NOTHING_FOUND = "I found nothing about this in the documents."
"""What a reader writes when no sentence has anything in common with the question."""

_LINE = re.compile(r"(\d{1,6})\. (\S.*) \[([^\[\]]*)\]")
_BRACKETS = str.maketrans("[]", "()")


class Finding(NamedTuple):
    """A sentence, and the name of the document that holds it."""

    text: str
    source: str


def format_findings(findings: Iterable[Finding]) -> str:
    """Write findings, best first; `NOTHING_FOUND` when there are none.

    White space is reduced to single spaces, and brackets in the name of a document become parentheses.
    """
    lines = [f"{rank}. {text} [{source}]" for rank, (text, source) in enumerate(map(normalised, findings), start=1)]
    return "\n".join(lines) or NOTHING_FOUND


def parse_findings(text: str) -> list[Finding]:
    """Read findings in the order of their lines, whatever their numbers say; each sentence of a document once."""
    matches = (_LINE.fullmatch(line.strip()) for line in text.split("\n"))
    return list(dict.fromkeys(Finding(match[2].strip(), match[3]) for match in matches if match))


def normalised(finding: Finding) -> Finding:
    """Return a finding as it comes out of `parse_findings(format_findings([finding]))`."""
    text, source = finding
    return Finding(" ".join(text.split()), " ".join(source.split()).translate(_BRACKETS))
