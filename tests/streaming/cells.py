"""Every place of a mixture, in every API that streams there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.streaming.listening import APIS, Api, Heard
from tests.streaming.places import PLACES, Place, Subject
from tests.streaming.recipes import QUESTION


class Cell(NamedTuple):
    """One of them."""

    place: Place
    api: Api
    subgraphs: bool

    def heard(self, subject: Subject) -> list[Heard]:
        """Put a subject into the place, ask it, and return what is heard."""
        return self.api.listen(self.place.build(subject), self.place.ask(QUESTION), subgraphs=self.subgraphs)


def _cells() -> Iterator[Any]:
    for name, place in PLACES.items():
        for api in APIS:
            for subgraphs in api.subgraphs if place.kind in api.kinds else ():
                within = "" if len(api.subgraphs) == 1 else "-subgraphs" if subgraphs else "-alone"
                yield pytest.param(Cell(place, api, subgraphs), id=f"{name}-{api.listen.__name__}{within}")


CELLS = list(_cells())
every_cell = pytest.mark.parametrize("cell", CELLS)
MOST = [cell for cell in CELLS if not re.search("^agent|without-config|-log|amess|parts", cell.id)]
"""Those that differ in what they do with a message, for the claims that are made of many messages."""
most_cells = pytest.mark.parametrize("cell", MOST)
