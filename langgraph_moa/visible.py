"""The visible part of an answer that comes in pieces."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class VisibleStream:
    """Leaves out `<think>` passages of a streamed text, also where a mark is cut in two."""

    def __init__(self) -> None:
        self._pending = ""
        self._thinking = False
        self._shown = ""
        self._after_thought = False

    @property
    def shown(self) -> str:
        """All that `feed` has returned."""
        return self._shown

    def feed(self, piece: str) -> str:
        """Take the next piece and return what can be shown of it."""
        self._pending += piece
        visible = ""
        while True:
            mark = _CLOSE if self._thinking else _OPEN
            before, found, after = self._pending.partition(mark)
            if not found:
                break
            visible += "" if self._thinking else self._trimmed(before)
            self._after_thought = self._thinking
            self._thinking = not self._thinking
            self._pending = after
        held = _beginning_of(mark, self._pending)
        ready = self._pending[: len(self._pending) - held]
        self._pending = self._pending[len(ready) :]
        visible += "" if self._thinking else self._trimmed(ready)
        self._shown += visible
        return visible

    def rest(self, whole: str) -> str | None:
        """Return what of the `whole` visible text has not been shown; `None` when something else was."""
        return whole[len(self._shown) :] if whole.startswith(self._shown) else None

    def _trimmed(self, text: str) -> str:
        """Drop white space that follows a thought."""
        if self._after_thought:
            text = text.lstrip()
            self._after_thought = not text
        return text


def _beginning_of(mark: str, text: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of `mark`."""
    return next((size for size in range(min(len(mark) - 1, len(text)), 0, -1) if mark.startswith(text[-size:])), 0)
