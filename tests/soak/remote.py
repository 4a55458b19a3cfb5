"""The provider's process, as the soak sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

_ROOT = Path(__file__).parents[2]


class RemoteProvider:
    """Runs while its `with` statement does.

    Args:
        seed: Of faults and latencies.
        fault_rate: Share of calls that go wrong.
    """

    def __init__(self, seed: int, fault_rate: float) -> None:
        self._options = ["--seed", str(seed), "--fault-rate", str(fault_rate)]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str]
        self.url: str
        self.counted: dict[str, Any]
        """Faults and requests by model, and requests still under way; there when it has ended."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.soak.provider", *self._options]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True)
        self.url = self._line()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._process:
            self._pipe(self._process.stdin).close()
            self.counted = json.loads(self._line())

    def shown(self, token: str) -> dict[str, list[list[str]]]:
        """Return what each model was shown under a token, once: the provider then forgets it. Any thread may ask."""
        with self._lock:
            pipe = self._pipe(self._process.stdin)
            pipe.write(f"{token}\n")
            pipe.flush()
            shown: dict[str, list[list[str]]] = json.loads(self._line())
        return shown

    def _line(self) -> str:
        return self._pipe(self._process.stdout).readline().strip()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe
