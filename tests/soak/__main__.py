"""The command line of the soak."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from tests.soak.run import soak


def main() -> None:
    """Run a soak, print its report, and fail where something was lost, mixed up or leaked."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--mixtures", type=int, default=3000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--deadline", type=float, default=15.0, help="seconds for a layer, and for an aggregator")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault-rate", type=float, default=0.2)
    parser.add_argument("--synchronous", action="store_true", help="each mixture by invoke, in a thread")
    options = parser.parse_args()
    logging.getLogger("langgraph_moa").setLevel(logging.ERROR)  # thousands of mixtures say that something is missing
    report = soak(**vars(options))
    print(json.dumps(report.to_dict(), indent=2))  # noqa: T201
    sys.exit(bool(report.failures))


if __name__ == "__main__":
    main()
