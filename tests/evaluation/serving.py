"""Models that the simulator serves, for tests of benchmarks from end to end."""

from __future__ import annotations

from langgraph_moa import Aggregator, Mixture, Proposer
from langgraph_moa.testing import Simulator


def seat_at(simulator: Simulator, model: str) -> Proposer:
    """Return a seat at temperature 0."""
    kwargs = {"base_url": simulator.url, "api_key": "any"}
    return Proposer(f"openai:{model}", temperature=0.0, model_kwargs=kwargs)


def mixture_at(simulator: Simulator) -> Mixture:
    """Return a mixture named `mine`: `good` proposes and `merge` writes the answer."""
    merge = seat_at(simulator, "merge")
    return Mixture.of(
        [seat_at(simulator, "good")], Aggregator(merge.model, model_kwargs=merge.model_kwargs), name="mine"
    )
