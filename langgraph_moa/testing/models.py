"""One simulated model while it runs: whose turn it is in the schedule, what is left of the allowance."""

from __future__ import annotations

import random
import time

from langgraph_moa.testing.behaviour import Behaviour, Latency
from langgraph_moa.testing.buckets import Allowance
from langgraph_moa.testing.faults import FaultPlan
from langgraph_moa.testing.prompt_cache import PromptCache


class RunningModel:
    """A behaviour with what changes from request to request.

    Args:
        name: The model; models of the same behaviour have generators and allowances of their own.
        behaviour: Of the model.
    """

    def __init__(self, name: str, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.providers = behaviour.strict if isinstance(behaviour.strict, tuple) else ()
        seed = f"{behaviour.seed}:{name}"
        self.faults = FaultPlan(behaviour.faults, tuple(behaviour.schedule), f"{seed}:faults")
        self.allowance = Allowance(
            behaviour.requests_per_minute, behaviour.tokens_per_minute, behaviour.burst, time.monotonic()
        )
        self.prompts = PromptCache() if behaviour.prompt_cache else None
        self._latencies = random.Random(f"{seed}:latencies")  # noqa: S311 - latencies are no secret

    def draw_delay(self) -> float:
        """Return the seconds that the next request waits before anything is sent."""
        latency = self.behaviour.latency
        return self.behaviour.delay + (latency.draw(self._latencies) if isinstance(latency, Latency) else 0.0)
