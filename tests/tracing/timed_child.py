"""Times a call in every place, and prints a line of JSON for each; pending traces die with the process."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time

from langgraph_moa import Mixture
from tests.tracing.callers import SITES, ainvoke, answer_of, astream, invoke


def main() -> None:
    """Call twice in each place and way, and count the better one; the very first call imports, and is not counted."""
    mixture = Mixture.of(["openai:red", "openai:green"], "openai:final", name="panel")
    invoke(SITES["agent"].build(mixture), [SITES["agent"].ask("Ready?")])
    for (place, site), way in itertools.product(SITES.items(), (invoke, ainvoke, astream)):
        caller = site.build(mixture)
        seconds = []
        for _ in range(2):
            began = time.monotonic()
            (outcome,) = way(caller, [site.ask("Why?")])
            seconds.append(time.monotonic() - began)
        told = {"call": f"{place}-{way.__name__}", "answer": answer_of(outcome).text, "seconds": min(seconds)}
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
