"""What a seat's context window leaves for a request, and references made to fit it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from langgraph_moa.errors import ContextWindowError
from langgraph_moa.fitting import DoesNotFit, estimate_request, estimate_tokens, shorten, windows
from langgraph_moa.mixture.lengths import carried_length, reserved_length
from langgraph_moa.mixture.recipe import OnOverflow
from langgraph_moa.mixture.seats import Seat
from langgraph_moa.prompts import Placement, with_references


class Shown(NamedTuple):
    """References as a seat is shown them, in one request or in several."""

    windows: tuple[tuple[str, ...], ...]
    """One of them unless the seat reads in windows; none without references."""
    shortened: int
    """How many are not shown whole."""


class Room:
    """The context window of a seat.

    Args:
        seat: Whose `context_window` counts, and the longest answer of its models; without a window everything fits.
        node: Name of its node, for errors.
        instructions: That stand before the references.
        placement: Of the references.
    """

    def __init__(self, seat: Seat, node: str, *, instructions: str | None, placement: Placement) -> None:
        self._window = seat.context_window
        self._node = node
        self._instructions = instructions
        self._placement = placement
        self.reserved = reserved_length(seat)
        """Tokens for the answer."""
        self.carried = carried_length(seat)
        """Tokens for the synthesis of the windows before, in each window but the first."""

    def fit(self, conversation: Sequence[BaseMessage], references: Sequence[str], policy: OnOverflow) -> Shown:
        """Make references fit beside a conversation.

        Raises:
            ContextWindowError: They do not, or the conversation alone is too long.
        """
        if self._window is None:
            return Shown((tuple(references),) if references else (), 0)
        left = self._window - self.reserved - self._taken(conversation, 0)
        if left < 0:
            raise ContextWindowError(self._node, self._taken(conversation, 0), self._window - self.reserved)
        if not references:
            return Shown((), 0)
        available = self._window - self.reserved - self._taken(conversation, len(references))
        needed = sum(map(estimate_tokens, references))
        if needed <= available:
            return Shown((tuple(references),), 0)
        try:
            return self._made_to_fit(conversation, references, policy, available)
        except DoesNotFit as finding:
            missing = finding.needed - finding.available
            room = self._window - self.reserved
            raise ContextWindowError(self._node, room + missing, room) from None

    def carry(self, synthesis: str) -> str:
        """Return a synthesis as the next window shows it: within the tokens kept for it."""
        return shorten((synthesis,), self.carried)[0] if self._window is not None else synthesis

    def _made_to_fit(
        self, conversation: Sequence[BaseMessage], references: Sequence[str], policy: OnOverflow, available: int
    ) -> Shown:
        if policy == "raise":
            raise DoesNotFit(sum(map(estimate_tokens, references)), available)
        if policy == "windows":
            one = self._taken(conversation, 1)
            each = self._taken(conversation, 2) - one
            space = (self._window or 0) - self.reserved - one + each
            shown = windows(references, space, carried=self.carried + each, enclosing=each)
        else:
            shown = (shorten(references, available),)
        whole = [text for window in shown for text in window]
        return Shown(shown, sum(text != original for text, original in zip(whole, references, strict=True)))

    def _taken(self, conversation: Sequence[BaseMessage], references: int) -> int:
        """Return the tokens of a request with so many references of no length."""
        request = with_references(
            conversation, [""] * references, instructions=self._instructions, placement=self._placement
        )
        return estimate_request(request)
