"""A server in a process of its own, for as long as this process lives."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

_URL = re.compile(r"http://127\.0\.0\.1:\d+")
_SECONDS_TO_END = 10.0


class ChildServer:
    """Starts a command that prints its URL, and ends it by closing its standard input.

    The command must end at the end of its standard input, and so does not outlive a parent that is killed.

    Args:
        command: The program and its arguments.
        environment: Of the command; nothing of this process's own is passed on.
    """

    def __init__(self, command: Sequence[str], *, environment: dict[str, str]) -> None:
        self._command = list(command)
        self._environment = environment
        self._output: list[str] = []
        self.url = ""
        """Without a path; known once the server is entered."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self.url = self._printed_url()
        self._reader = threading.Thread(target=self._keep_output, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        self._reader.join()

    @property
    def output(self) -> str:
        """What the server has printed so far."""
        return "".join(self._output)

    def _printed_url(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._output.append(line)
            if found := _URL.search(line):
                return found.group()
        self._process.stdout.close()
        self._end()
        msg = f"{self._command[0]} ended with {self._process.returncode} and printed no URL, only:\n{self.output}"
        raise RuntimeError(msg)

    def _keep_output(self) -> None:
        """Read on, so that the server never waits for a full pipe."""
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            self._output.extend(stdout)

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
