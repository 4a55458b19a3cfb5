"""Claims about simulated models while they run."""

from __future__ import annotations

from langgraph_moa.testing import Behaviour, Fault, Latency
from langgraph_moa.testing.models import RunningModel


def delays(name: str, seed: int) -> list[float]:
    """Return the delays of a model's first requests."""
    running = RunningModel(name, Behaviour(latency=Latency(median=1.0), seed=seed))
    return [running.draw_delay() for _ in range(20)]


def faults(name: str, seed: int) -> list[Fault | None]:
    """Return the faults of a model's first requests."""
    running = RunningModel(name, Behaviour(faults={"hang": 0.3, "empty": 0.3}, seed=seed))
    return [running.faults.next() for _ in range(40)]


def test_latencies_are_seeded() -> None:
    """Equal seeds give a model equal latencies, and another seed gives others."""
    assert delays("a", 1) == delays("a", 1) != delays("a", 2)


def test_models_have_generators_of_their_own() -> None:
    """Models of the same behaviour draw other latencies and faults."""
    assert delays("a", 1) != delays("b", 1)
    assert faults("a", 1) == faults("a", 1) != faults("b", 1)


def test_the_latency_is_added_to_the_delay() -> None:
    """Without a latency the delay is exact, and with one it is longer."""
    assert RunningModel("a", Behaviour(delay=2)).draw_delay() == 2
    assert RunningModel("a", Behaviour(delay=2, latency=0.1)).draw_delay() > 2
