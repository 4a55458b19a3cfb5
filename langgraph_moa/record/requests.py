"""The different requests of a run, each numbered once. Pure."""

from __future__ import annotations

from langgraph_moa.record.run_record import Call, RunRecord, Said


class Requests:
    """What was asked, and of whom: a layer's seats mostly see the same, and a page need not repeat it.

    Args:
        record: Of the run.
    """

    def __init__(self, record: RunRecord) -> None:
        self.distinct: list[tuple[tuple[Said, ...], list[str]]] = []
        """Each request, in the order of the seats, and the seats that were asked it."""
        self._numbers: dict[tuple[Said, ...], int] = {}
        for stage in record.stages:
            for seat in stage.seats:
                name = seat.slot if seat.layer is None else f"{stage.title} {seat.slot}"
                for call in seat.calls:
                    self._note(call, name)

    def number(self, call: Call) -> int | None:
        """Return the number of what a call was asked, from 1 on; `None` where it is not known."""
        return self._numbers.get(call.saw)

    def _note(self, call: Call, name: str) -> None:
        if not call.saw:
            return
        number = self._numbers.setdefault(call.saw, len(self.distinct) + 1)
        if number > len(self.distinct):
            self.distinct.append((call.saw, []))
        askers = self.distinct[number - 1][1]
        if name not in askers:
            askers.append(name)
