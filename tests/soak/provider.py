"""A provider in a process of its own: six proposers, two aggregators and an actor, of which a share of calls fails.

Prints its URL. For every token on its standard input it prints what the models were shown under it, as JSON, and
forgets it. When its standard input ends, it prints what it has counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langgraph_moa.testing import Behaviour, Latency, Simulator, ToolCall
from langgraph_moa.testing.faults import FAULTS, Fault
from tests.soak.sayings import (
    ACTOR,
    AGGREGATORS,
    NOTED,
    PROPOSERS,
    answer_text,
    proposal_text,
    references_in,
    tokens_in,
)

LIMITED, SLOW = PROPOSERS[:2]
"""One has a token bucket, and turns away by it alone; one has a long tail."""
TOKEN_BUCKET = "token_bucket"  # noqa: S105 - a name in the counts
_OF_TOOLS: Fault = "odd_tool_chunks"


class Witness:
    """Replies as the soak's models do, and keeps what they were shown until it is asked for it."""

    def __init__(self) -> None:
        self._shown: dict[str, dict[str, list[list[str]]]] = defaultdict(dict)
        self._lock = threading.Lock()

    def propose(self, body: dict[str, Any]) -> str:
        """Answer as a proposer."""
        token, _ = self._note(body)
        return proposal_text(token, body["model"])

    def aggregate(self, body: dict[str, Any]) -> str:
        """Answer as an aggregator."""
        return answer_text(*self._note(body))

    def tell(self, token: str) -> dict[str, list[list[str]]]:
        """Return every list of references that was shown under a token, by model, each once; and forget them."""
        with self._lock:
            return self._shown.pop(token, {})

    def _note(self, body: dict[str, Any]) -> tuple[str, list[str]]:
        text = "\n".join(str(message["content"]) for message in body["messages"])
        token, references = next(iter(tokens_in(text)), "no question"), references_in(text)
        with self._lock:
            shown = self._shown[token].setdefault(body["model"], [])
            if references not in shown:
                shown.append(references)
        return token, references


def behaviours(seed: int, fault_rate: float, witness: Witness) -> dict[str, Behaviour]:
    """Return every model's behaviour; its faults, all of which have an effect on it, share the rate.

    Equally, but that half of the actor's are odd tool calls, which only it can make.
    """
    texts = [fault for fault in FAULTS if fault != _OF_TOOLS]
    usual = Behaviour(seed=seed, latency=Latency(median=0.05, sigma=0.8, maximum=1.0), retry_after=0.2)
    proposer = replace(usual, reply=witness.propose, faults=_shares(texts, fault_rate))
    aggregator = replace(usual, reply=witness.aggregate, faults=_shares(texts, fault_rate))
    by_bucket = _shares([fault for fault in texts if fault != "rate_limit"], fault_rate)
    actor_faults = {**_shares(texts, fault_rate / 2), _OF_TOOLS: fault_rate / 2}
    call = ToolCall(name="note", arguments=NOTED)
    return {
        **dict.fromkeys(PROPOSERS, proposer),
        **dict.fromkeys(AGGREGATORS, aggregator),
        LIMITED: replace(proposer, faults=by_bucket, requests_per_minute=480, burst=1.5),
        SLOW: replace(proposer, latency=Latency(median=0.2, sigma=1.5, maximum=5.0)),
        ACTOR: replace(aggregator, faults=actor_faults, tool_calls=[call]),
    }


def _shares(kinds: Sequence[Fault], rate: float) -> dict[Fault, float]:
    return dict.fromkeys(kinds, rate / len(kinds))


def _counted(simulator: Simulator) -> dict[str, Any]:
    models = {name: dict(counts) for name, counts in simulator.counts.items()}
    if "rate_limit" in models.get(LIMITED, {}):
        models[LIMITED][TOKEN_BUCKET] = models[LIMITED].pop("rate_limit")
    return {"models": models, "in_flight": simulator.in_flight}


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--fault-rate", type=float, required=True)
    options = parser.parse_args()
    witness = Witness()
    with Simulator(models=behaviours(options.seed, options.fault_rate, witness), keep=0) as simulator:
        print(simulator.url, flush=True)  # noqa: T201
        for line in sys.stdin:
            print(json.dumps(witness.tell(line.strip())), flush=True)  # noqa: T201
        simulator.wait_for(lambda server: server.in_flight == 0, seconds=10)
        print(json.dumps(_counted(simulator)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
