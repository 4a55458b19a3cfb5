"""Who of a layer is asked when, and what is left out where proposals agree. Pure.

A layer without `stop_when` has one wave, of all its slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langgraph_moa.budget import BUDGET_EXCEEDED
from langgraph_moa.mixture import Layer, Mixture
from langgraph_moa.mixture.planning import Planner
from langgraph_moa.proposal import Proposal, is_usable
from langgraph_moa.savings import Saved, agreed_before
from langgraph_moa.usage import packaged_prices


class Waves:
    """Whose turn it is in one run of a layer, as far as slots have reported.

    Args:
        layer: Of the slots.
        is_structured: Whether proposals are JSON values.
    """

    def __init__(self, layer: Layer, *, is_structured: bool = False) -> None:
        self.agreed: str | None = None
        """Who agrees on what; from then on nobody further is asked."""
        self._layer = layer
        self._is_structured = is_structured
        first, *self._later = waves_of(layer)
        self._asked = set(first)
        self._texts: dict[str, str | None] = {}
        """Of the slots that have reported; `None`: not usable."""

    def is_turn(self, slot: str) -> bool:
        """Say whether a slot is to be asked now, or was."""
        return slot in self._asked

    def report(self, slot: str, text: str | None) -> bool:
        """Take note of how a slot ended; say whether a further wave begins, or the proposals have been found to agree.

        Args:
            slot: Its name.
            text: `None`: there is no usable one.
        """
        self._texts[slot] = text
        has_turned = False
        while self._later and self.agreed is None and self._asked <= self._texts.keys():
            self.agreed = self._judged()
            if self.agreed is None:
                self._asked |= set(self._later.pop(0))
            has_turned = True
        return has_turned

    def ask_ahead(self, slot: str) -> None:
        """Ask a slot with the running wave, before its turn."""
        self._asked.add(slot)

    def keep(self, why: str) -> None:
        """Hold to what was found before this run resumed the layer."""
        self.agreed = why

    def _judged(self) -> str | None:
        usable = {
            slot.name: text
            for slot in self._layer.slots(1)
            if slot.name in self._asked and (text := self._texts[slot.name]) is not None
        }
        return agreement_of(self._layer, usable, is_structured=self._is_structured)


def waves_of(layer: Layer) -> list[list[str]]:
    """Return the names of a layer's slots, wave by wave; `required` ones are in the first wherever they stand."""
    slots = layer.slots(1)
    if layer.stopping is None:
        return [[slot.name for slot in slots]]
    ends, begin = list[tuple[int, int]](), 0
    for size in layer.stopping.waves:
        ends.append((begin, begin + size))
        begin += size
    parts = [slots[first:last] for first, last in [*ends, (begin, len(slots))]]
    first = [slot.name for slot in slots if slot in parts[0] or slot.proposer.required]
    later = [[slot.name for slot in part if not slot.proposer.required] for part in parts[1:]]
    return [first, *(wave for wave in later if wave)]


def agreement_of(layer: Layer, usable: Mapping[str, str], *, is_structured: bool) -> str | None:
    """Say who of a layer agrees on what; `None`: they do not, or are fewer than its quorum.

    Args:
        layer: Of the slots.
        usable: Texts by slot.
        is_structured: Whether they are JSON values.
    """
    stop = layer.stopping
    if stop is None or len(usable) < layer.quorum:
        return None
    return stop.agreed(usable, is_structured=is_structured)


def saved_by(mixture: Mixture, number: int, proposals: Sequence[Proposal]) -> Saved | None:
    """Say what the agreement of a layer's proposals saves, here and in the layers that follow.

    Args:
        mixture: The recipe.
        number: Of the layer, counted from 1.
        proposals: Of every slot of the layer, in configured order.

    Returns:
        `None` for a layer without `stop_when`. What a budget has left out before is not saved here.
    """
    layer = mixture.layers[number - 1]
    stop = layer.stopping
    if stop is None:
        return None
    told = next((why for proposal in proposals if (why := agreed_before(proposal)) is not None), None)
    usable = {proposal["proposer"]: proposal["text"] for proposal in proposals if is_usable(proposal)}
    why = told or agreement_of(layer, usable, is_structured=mixture.schema is not None)
    if why is None:
        return Saved(calls=0, slots=[], layers=[], why=f"no agreement of {len(usable)} proposals")
    unasked = {proposal["proposer"] for proposal in proposals if agreed_before(proposal) is not None}
    is_cut = any(proposal["error"] and proposal["error"]["kind"] == BUDGET_EXCEEDED for proposal in proposals)
    skipped = [] if is_cut or stop.skips == "slots" else list(range(number + 1, len(mixture.layers) + 1))
    calls = sum(
        len(seat.calls)
        for seat in Planner(None, packaged_prices(), manner=mixture.manner).seats(mixture.layers, mixture.merger)
        if seat.layer in skipped or (seat.layer == number and seat.name in unasked)
    )
    slots = [slot.node for slot in layer.slots(number) if slot.name in unasked]
    return Saved(calls=calls, slots=slots, layers=skipped, why=why)
