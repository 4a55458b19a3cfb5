"""Gates in virtual time: a loop whose clock jumps from timer to timer, and a gatehouse that keeps a log."""

from __future__ import annotations

import asyncio
import itertools
import selectors
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from langgraph_moa.admission import Admission, Gatehouse
from langgraph_moa.limits import Limit

Result = TypeVar("Result")
ONE = {"ollama": Limit(concurrency=1)}


class VirtualSelector(selectors.SelectSelector):
    """A selector that does not wait: the time passes at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready, or let the time pass."""
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits, and nobody will be woken"
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        self.virtual = VirtualSelector()
        super().__init__(self.virtual)

    def time(self) -> float:
        """Return the virtual seconds."""
        return self.virtual.now


def virtually(scenario: Callable[[House], Coroutine[Any, Any, Result]]) -> Result:
    """Run a scenario in virtual time."""

    async def run() -> Result:
        house = House(asyncio.get_running_loop().time)
        result = await scenario(house)
        house.assert_empty()
        return result

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


class House(Gatehouse):
    """A gatehouse that writes down who was let in, and how many calls were in flight at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.log: list[tuple[float, str]] = []
        self.peaks: Counter[str] = Counter()
        self.flying: Counter[str] = Counter()
        self.guard = threading.Lock()

    async def call(
        self, limits: Mapping[str, Limit], model: str = "m", seconds: float = 0.0, *, tokens: int = 0, used: int = -1
    ) -> Admission:
        """Make a call that takes so long."""
        admission = Admission(self, limits, model=model, tokens=tokens)
        async with admission:
            with self.guard:
                self.log.append((self.clock(), model))
                self.flying.update(limits.keys())
                for key in limits:
                    self.peaks[key] = max(self.peaks[key], self.flying[key])
            try:
                await asyncio.sleep(seconds)
            finally:
                with self.guard:
                    self.flying.subtract(limits.keys())
            admission.settle(None if used < 0 else used)
        return admission

    async def after(self, delay: float, *args: Any, **kwargs: Any) -> Admission:
        """Make a call later."""
        await asyncio.sleep(delay)
        return await self.call(*args, **kwargs)

    @property
    def order(self) -> str:
        """The models in the order in which their calls were let in."""
        return "".join(model for _, model in self.log)

    def assert_empty(self) -> None:
        """Check that nobody is in flight and nobody waits."""
        assert not self._lanes
        assert all(not gate.in_flight and not gate.waiting and not gate.lanes for gate in self._gates.values())


def changes(order: str) -> int:
    """Count how often the model changes."""
    return sum(one != other for one, other in itertools.pairwise(order))


def most_in_a_minute(entries: list[tuple[float, float]]) -> float:
    """Return the most that started within any minute, of (second, amount)."""
    return max(sum(amount for at, amount in entries if start <= at < start + 60 - 1e-3) for start, _ in entries)
