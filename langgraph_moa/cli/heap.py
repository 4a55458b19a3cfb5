"""The garbage collector of a process that makes many calls at once."""

from __future__ import annotations

import gc

_ALLOCATIONS = 10_000
"""Between two rounds; Python's own figure is 700."""


def collect_rarely() -> None:
    """Let the garbage collector come less often, in a process of our own: in another one, its owner decides.

    With hundreds of mixtures in flight it goes through everything that is alive again and again, which takes up to a
    quarter of the processor time.
    """
    gc.set_threshold(max(_ALLOCATIONS, gc.get_threshold()[0]), *gc.get_threshold()[1:])
