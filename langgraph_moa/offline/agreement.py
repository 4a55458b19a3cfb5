"""Merges ranked findings of several readers by how far the readers agree. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from math import fsum

from langgraph_moa.offline.findings import Finding

RANK_CONSTANT = 0
"""Added to every rank. The source uses 60, for lists of a thousand; here the first of ten lines counts most.

Of 0, 1, 2, 5, 10 and 60, each half of the packaged question set does best with 0, or as well as with any other.
"""


def merge(rankings: Sequence[Sequence[Finding]], *, known: Collection[Finding] | None = None) -> list[Finding]:
    """Rank findings by the sum of `1 / (RANK_CONSTANT + rank)` over the readers that name them.

    Ties go to what more readers name, then to what one of them ranks highest, then to the order of the alphabet. So
    the result does not depend on the order of the readers.

    Args:
        rankings: What each reader found, best first.
        known: The sentences there are; others are dropped and leave no gap in the ranks. `None` accepts all.

    Source: Cormack, Clarke and Buettcher 2009, "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank
    Learning Methods".
    """
    ranks: defaultdict[Finding, list[int]] = defaultdict(list)
    for ranking in rankings:
        accepted = [finding for finding in dict.fromkeys(ranking) if known is None or finding in known]
        for rank, finding in enumerate(accepted, start=1):
            ranks[finding].append(rank)

    def order(finding: Finding) -> tuple[float, int, int, Finding]:
        votes = ranks[finding]
        return -fsum(1.0 / (RANK_CONSTANT + rank) for rank in votes), -len(votes), min(votes), finding

    return sorted(ranks, key=order)
