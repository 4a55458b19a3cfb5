"""Asks a mixture in a process of its own, which knows of tracing by its environment alone; prints the answer.

It takes the place and the way as arguments.
"""

from __future__ import annotations

import sys

from langgraph_moa import Mixture
from tests.tracing.callers import SITES, WAYS, answer_of


def main(place: str, way: str) -> None:
    """Ask once."""
    site = SITES[place]
    caller = site.build(Mixture.of(["openai:red", "openai:green"], "openai:final", name="panel"))
    (call,) = [known for known in WAYS if known.__name__ == way]
    (outcome,) = call(caller, [site.ask("Why?")])
    sys.stdout.write(answer_of(outcome).text)


if __name__ == "__main__":
    main(*sys.argv[1:])
