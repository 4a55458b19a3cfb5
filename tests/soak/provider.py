"""A provider in a process of its own: six proposers, an aggregator and a backup, of which a share of calls goes wrong.

Every reply begins with the token of the question that it answers; an aggregator's also holds what it was shown.
Prints its URL, serves until its standard input ends, and then prints what it has counted.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import replace
from typing import Any, get_args

from langgraph_moa.testing import Behaviour, Latency, Simulator, ToolCall
from langgraph_moa.testing.faults import Fault

PROPOSERS = tuple(f"p{number}" for number in range(6))
AGGREGATORS = ("merger", "backup")
ACTOR = "actor"
"""An aggregator that calls a tool."""
NOTED = {"text": "what all have said", "times": [1, 2, 3]}
_TOKEN = re.compile(r"question-\d+")
_REFERENCE = re.compile(r'<reference_([0-9a-f]{16}) name="\d+">\n(.*?)\n</reference_\1>', re.DOTALL)
_PADDING = "and so on, in as many words as half of an answer needs to hold its first line"


def texts_of(body: dict[str, Any]) -> str:
    """Return all text of a request."""
    return "\n".join(str(message["content"]) for message in body["messages"])


def propose(body: dict[str, Any]) -> str:
    """Answer as a proposer: for whom, and by whom."""
    return f"{_token(body)} by {body['model']}: {_PADDING}"


def aggregate(body: dict[str, Any]) -> str:
    """Answer as an aggregator: for whom, and from which references."""
    references = [text for _, text in _REFERENCE.findall(texts_of(body))]
    return f"{_token(body)} from {json.dumps(references)}"


def _token(body: dict[str, Any]) -> str:
    found = _TOKEN.search(texts_of(body))
    return found[0] if found else "no question"


def behaviours(seed: int, fault_rate: float) -> dict[str, Behaviour]:
    """Return every model's behaviour; the faults share the rate equally."""
    kinds = get_args(Fault)
    faults = {kind: fault_rate / len(kinds) for kind in kinds}
    latency = Latency(median=0.05, sigma=0.8, maximum=1.0)
    usual = Behaviour(faults=faults, seed=seed, latency=latency, retry_after=0.2)
    return {
        **{name: replace(usual, reply=propose) for name in PROPOSERS},
        **{name: replace(usual, reply=aggregate) for name in AGGREGATORS},
        ACTOR: replace(usual, tool_calls=[ToolCall(name="note", arguments=NOTED)]),
    }


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--fault-rate", type=float, required=True)
    options = parser.parse_args()
    with Simulator(models=behaviours(options.seed, options.fault_rate), keep=0) as simulator:
        print(simulator.url, flush=True)  # noqa: T201
        sys.stdin.read()
        simulator.wait_for(lambda server: server.in_flight == 0, seconds=10)
        counted = {"models": simulator.counts, "in_flight": simulator.in_flight, "peak": simulator.peak_in_flight}
        print(json.dumps(counted), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
