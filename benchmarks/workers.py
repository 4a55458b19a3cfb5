"""The processes that contenders run in."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.protocol import Job, Result, read_result, write

ROOT = Path(__file__).parents[1]
_LINES_OF_ERROR = 12


class ContenderError(Exception):
    """A contender cannot run, or has taken too long."""


class TooLateError(ContenderError):
    """A contender has not finished in time, and was stopped."""


class Worker:
    """A process that runs the jobs of one contender, one after the other.

    Args:
        module: The contender's, such as `benchmarks.contenders.moa`.
        python: Interpreter of the environment that it runs in.
        environment: Variables of the process.
    """

    def __init__(self, module: str, python: Path, environment: dict[str, str]) -> None:
        self.module = module
        self.introduction: dict[str, Any] = {}
        """Name, Python and versions."""
        self._command = [str(python), "-m", "benchmarks.worker", module]
        self._environment = environment
        self._folder = tempfile.TemporaryDirectory(prefix="contender-")
        """What it writes goes there, and then away."""
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - as long as this
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def restart(self) -> None:
        """Begin with a new process: it holds nothing of the jobs before."""
        self._stop()
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder.name,
            env={**self._environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.introduction = json.loads(self._line(120))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()
        self._errors.close()
        self._folder.cleanup()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def run(self, job: Job, *, seconds: float = 120.0) -> Result:
        """Run a job, in a new process if the last one has ended.

        Raises:
            ContenderError: The process has ended, or has not answered within `seconds`.
        """
        if self._process is None or self._process.stdin is None:
            raise ContenderError(f"{self.module} was not started")
        if self._process.poll() is not None:
            self.restart()
        try:
            self._process.stdin.write(write(job))
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ContenderError(self._why()) from None
        return read_result(self._line(seconds))

    def _line(self, seconds: float) -> str:
        process = self._process
        if process is None or process.stdout is None:
            raise ContenderError(f"{self.module} was not started")
        too_late = threading.Event()

        def stop() -> None:
            too_late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if too_late.is_set():
            process.wait()
            raise TooLateError(f"no result within {seconds:g} s")
        if not line:
            raise ContenderError(self._why())
        return line

    def _why(self) -> str:
        self._errors.seek(0)
        lines = [line for line in self._errors.read().splitlines() if line.strip()]
        return last_words(lines)


def last_words(lines: Sequence[str]) -> str:
    """Return what a process said last: the error, without the paths above it."""
    return " | ".join(line.strip() for line in lines[-_LINES_OF_ERROR:] if not line.lstrip().startswith("File "))[-400:]
