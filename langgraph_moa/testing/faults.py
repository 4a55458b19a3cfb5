"""The ways in which a simulated provider can go wrong, and when each one's turn comes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

Fault = Literal[
    "rate_limit",
    "server_error",
    "bad_gateway",
    "unavailable",
    "context_length",
    "hang",
    "pings",
    "disconnect",
    "malformed",
    "empty",
    "refusal",
    "length",
    "no_usage",
    "odd_tool_chunks",
    "wrong_model",
]
"""What may happen to a request.

| fault | what the client sees |
|---|---|
| `rate_limit` | 429, with `Retry-After` where `retry_after` is set |
| `server_error` | 500 |
| `bad_gateway` | 502, with a page in HTML as gateways send it |
| `unavailable` | 503, with `Retry-After` where `retry_after` is set |
| `context_length` | 400 with the code `context_length_exceeded` |
| `hang` | nothing, for ever |
| `pings` | a response that has begun: comments in a stream, whitespace in JSON, for ever |
| `disconnect` | the connection ends in the middle of the stream or of the body |
| `malformed` | JSON that breaks off, in the body or in an event of the stream |
| `empty` | an answer without text |
| `refusal` | `message.refusal` in place of content |
| `length` | half of the text, and `finish_reason` is `length` |
| `no_usage` | no token counts, though they were asked for |
| `odd_tool_chunks` | streamed tool calls whose indexes begin at 1 and have gaps, with ids repeated or missing |
| `wrong_model` | an answer by another model than the one asked for |
"""

FAULTS: tuple[Fault, ...] = get_args(Fault)


class FaultPlan:
    """Decides for each request in turn: first the schedule, then the odds.

    Args:
        rates: Probability of each fault, from 0 to 1, together at most 1.
        schedule: Faults of the first requests; `None` is a request that goes well.
        seed: Equal seeds give equal faults.
    """

    def __init__(self, rates: Mapping[Fault, float], schedule: Sequence[Fault | None], seed: str) -> None:
        self._rates = rates
        self._schedule = schedule
        self._generator = random.Random(seed)  # noqa: S311 - faults are no secret
        self._turn = 0

    def next(self) -> Fault | None:
        """Return what happens to the next request; `None`: it goes well."""
        turn = self._turn
        self._turn += 1
        if turn < len(self._schedule):
            return self._schedule[turn]
        if not self._rates:
            return None
        left = self._generator.random()
        for fault in FAULTS:
            left -= self._rates.get(fault, 0.0)
            if left < 0:
                return fault
        return None
