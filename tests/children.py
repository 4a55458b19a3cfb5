"""Runs programs as processes of their own that find the heavy packages imported: see `tests.zygote`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]


class Ended(NamedTuple):
    """What a program left."""

    code: int | None
    """`None`: it was killed, or took too long."""
    out: str
    err: str


class Children:
    """Programs of one test session."""

    def __init__(self) -> None:
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._zygote.stdout is not None
        assert self._zygote.stdout.readline() == "ready\n"

    def run(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        warnings: str = "default",
        seconds: float = 60,
    ) -> Ended:
        """Run a program to its end.

        Args:
            command: A script, or a module's name, and its arguments.
            folder: That it runs in.
            environment: Of the program, and no more; `None`: that of this process.
            warnings: `"error"` makes each of them one.
            seconds: After which it is killed.
        """
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        with tempfile.TemporaryDirectory() as written:
            files = {name: f"{written}/{name}" for name in ("out", "err")}
            given = {
                "command": [str(part) for part in command],
                "folder": str(folder),
                "environment": dict(os.environ if environment is None else environment),
                "warnings": warnings,
                "seconds": seconds,
            }
            self._zygote.stdin.write(f"{json.dumps({**given, **files})}\n")
            self._zygote.stdin.flush()
            code = json.loads(self._zygote.stdout.readline())
            return Ended(code, *(Path(file).read_text(encoding="utf-8") for file in files.values()))

    def close(self) -> None:
        """Let the zygote end."""
        self._zygote.communicate()


@pytest.fixture(scope="session")
def children() -> Iterator[Children]:
    """Give what runs programs."""
    running = Children()
    yield running
    running.close()
