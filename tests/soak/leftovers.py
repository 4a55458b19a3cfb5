"""What a soak leaves behind in this process."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from langgraph_moa import Mixture, Proposer, QuorumError, background, create_moa
from tests.ways import open_sockets, tasks_besides_this

_LASTING = re.compile(r"langgraph-moa-(\d+|sync.*)")
"""Names of threads that stay for the next run."""
_STATISTICS = Path("/proc/self/statm")


class Leftovers:
    """Knows what there was before; its methods tell what there is more."""

    def __init__(self) -> None:
        self._begun: set[asyncio.Task[Any]] = background.run(tasks_besides_this())
        self._threads = set(threading.enumerate())
        self._sockets = _sockets()

    def tasks(self) -> int:
        """Return the tasks that the loop for synchronous callers still has, once those that are ending have ended."""
        return len(background.run(tasks_besides_this()) - self._begun)

    def threads(self) -> list[str]:
        """Return the names of the threads that do not end, the loops for synchronous callers apart."""
        more = [thread for thread in set(threading.enumerate()) - self._threads if not _LASTING.match(thread.name)]
        for thread in more:
            thread.join(timeout=5)
        return sorted(thread.name for thread in more if thread.is_alive())

    def sockets(self, url: str) -> int:
        """Return how many sockets there are more; 0 where they cannot be counted.

        Args:
            url: Of a provider that has ended. A call of it makes the pool of connections drop those that were idle.
        """
        gone = Proposer("openai:gone", model_kwargs={"base_url": url, "api_key": "not-a-key"})
        graph = create_moa(Mixture.of([gone], gone.model, deadline=2.0))
        with suppress(QuorumError):
            graph.invoke({"messages": [("user", "gone?")]})
        self.tasks()
        return max(0, _sockets() - self._sockets)


def resident_bytes() -> int | None:
    """Return the memory of this process; `None` where it cannot be read."""
    if not _STATISTICS.exists():
        return None
    pages = int(_STATISTICS.read_text(encoding="ascii").split()[1])

    return pages * os.sysconf("SC_PAGE_SIZE")


def _sockets() -> int:
    gc.collect()
    return open_sockets()
