"""Records every request that models are sent, and replays it with no network and no key.

```python
with taping(Tape.open("run.sqlite", mode="record")):
    out = graph.invoke({"messages": [("user", "What is a quorum?")]})
with taping(Tape.open("run.sqlite", mode="replay")):
    again = graph.invoke({"messages": [("user", "What is a quorum?")]})
```
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, cast, get_args

from langgraph_moa.checks import shown
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.tape import FORMAT, Address, Take
from langgraph_moa.tape_files import Row, TapeFile, open_file

Mode = Literal["record", "reuse", "replay"]
"""`record`: ask, and keep what comes. `reuse`: ask for what the tape has no answer to, and keep that. `replay`: ask
nobody; a request that is not on the tape fails."""


class Tape:
    """Requests and what came of them, in a file. Use `Tape.open`, and `taping` to let it hear.

    Several threads may use one tape, and several processes one file.
    """

    def __init__(self, path: Path, mode: Mode) -> None:
        self.path = path
        self.mode: Mode = mode
        self._file: TapeFile | None = open_file(path, FORMAT, may_write=mode != "replay")
        self._users = 0
        self._played: Counter[Address] = Counter()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | Path, *, mode: Mode = "reuse") -> Tape:
        """Open a tape, or begin a new one.

        Args:
            path: Ends in `.sqlite` or `.db`, or in `.jsonl`.
            mode: What is done with requests, see `Mode`.

        Raises:
            ConfigurationError: The mode or the ending is unknown, the file is no tape, or one of another format
                version, or there is none to replay.
        """
        if mode not in get_args(Mode):
            msg = f"Tape.mode must be one of {', '.join(map(repr, get_args(Mode)))}; got {shown(mode)}"
            raise ConfigurationError(msg)
        return cls(Path(path), mode)

    def __reduce__(self) -> tuple[type[Tape], tuple[Path, Mode]]:
        """Let it cross to another process, which opens the file for itself."""
        return type(self), (self.path, self.mode)

    def __repr__(self) -> str:
        return f"Tape.open({str(self.path)!r}, mode={self.mode!r})"

    def __len__(self) -> int:
        """Return how many requests are on it."""
        return self._opened().count()

    def close(self) -> None:
        """Let go of the file; the next use opens it again, and a replay begins again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None
            self._played.clear()

    def keep(self, address: Address, take: Take) -> None:
        """Write down a request. Equal ones are kept side by side."""
        self._opened().append(Row(address.key, address.seat, dict(take)))

    def find(self, address: Address) -> Take | None:
        """Return what is to be given in place of a request that is about to be made; `None`: make it.

        A replay gives what equal requests of the same seat were given, in that order; where the seat made none, what
        another seat was given. The last one is given again and again if it is an answer.
        """
        if self.mode == "record":
            return None
        rows = self._opened().rows(address.key)
        own = _of_seat(address.seat, rows)
        if self.mode == "reuse":
            return _first_answer(own) or _first_answer(sorted(rows, key=_seat))
        with self._lock:
            number = self._played[address]
            self._played[address] += 1
        if number < len(own):
            return cast("Take", own[number].take)
        return _last_answer(own)

    def count(self, model: str) -> int:
        """Return how many requests of a model are on the tape."""
        return self._opened().count(model)

    def enter(self) -> None:
        """Count one who uses it."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Count one out; the last one closes it."""
        with self._lock:
            self._users -= 1
            is_over = not self._users
        if is_over:
            self.close()

    def _opened(self) -> TapeFile:
        with self._lock:
            if self._file is None:
                self._file = open_file(self.path, FORMAT, may_write=self.mode != "replay")
            return self._file


def _seat(row: Row) -> str:
    return row.seat


def _of_seat(seat: str, rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a seat, or of the first one by name: so the seats of one run are given one run's answers."""
    chosen = seat if seat in map(_seat, rows) else min(map(_seat, rows), default=seat)
    return [row for row in rows if row.seat == chosen]


def _first_answer(rows: Sequence[Row]) -> Take | None:
    return next((cast("Take", row.take) for row in rows if row.take["outcome"] == "answer"), None)


def _last_answer(rows: Sequence[Row]) -> Take | None:
    return next((cast("Take", row.take) for row in rows[-1:] if row.take["outcome"] in {"answer", "nested"}), None)


_tape: ContextVar[Tape | None] = ContextVar("langgraph_moa_tape", default=None)


@contextmanager
def taping(tape: Tape | None) -> Iterator[Tape | None]:
    """Let a tape hear every request that is made in the block, in the threads and tasks that it begins as well.

    Context variables carry it: LangChain, LangGraph and asyncio hand them on; a thread of your own needs a `taping` of
    its own, over the same tape. The file is closed when the last block over it ends.

    Args:
        tape: `None`: nothing in the block is recorded or replayed, whatever is around it.
    """
    token = _tape.set(tape)
    if tape is not None:
        tape.enter()
    try:
        yield tape
    finally:
        _tape.reset(token)
        if tape is not None:
            tape.leave()


def current_tape() -> Tape | None:
    """Return the tape that hears what is asked here."""
    return _tape.get()


def is_replaying() -> bool:
    """Say whether nobody may be asked here: then no key, no package and no time is needed."""
    tape = _tape.get()
    return tape is not None and tape.mode == "replay"
