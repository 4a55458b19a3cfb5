"""A tape that tells which requests were made: what it played instead costs nothing now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from langgraph_moa.recording import Tape
from langgraph_moa.tape import Address, Take
from langgraph_moa.usage import PriceTable, packaged_prices

_made: ContextVar[list[Take] | None] = ContextVar("langgraph_moa_made", default=None)


class MeteredTape(Tape):
    """A tape that counts the requests it is told of, and whose blocks of `requests_made` hear of them."""

    made = 0
    """Requests of models since it was opened: none that it has played, and none of a mixture as such."""

    def keep(self, address: Address, take: Take) -> None:
        """Write down a request, and tell of it."""
        super().keep(address, take)
        self.made += _is_request(take)
        made = _made.get()
        if made is not None:
            made.append(take)


@contextmanager
def requests_made() -> Iterator[Sequence[Take]]:
    """Give the requests that are made in the block, in the tasks that it begins as well; a `MeteredTape` must hear."""
    made: list[Take] = []
    token = _made.set(made)
    try:
        yield made
    finally:
        _made.reset(token)


def paid(made: Sequence[Take], prices: PriceTable | None = None) -> float | None:
    """Return US dollars of requests, as far as they are known: 0 for none, `None` when nothing is known of any.

    Args:
        made: As `requests_made` gives them.
        prices: `None`: the table that comes with the package.
    """
    table = prices or packaged_prices()
    own = [take for take in made if _is_request(take)]
    costs = [cost for take in own if (cost := _cost(take, table)) is not None]
    return sum(costs) if costs or not own else None


def _is_request(take: Take) -> bool:
    """Say whether a model was asked: not for a mixture as such, nor where the time was over before."""
    return take["outcome"] != "nested" and "call" in take


def _cost(take: Take, prices: PriceTable) -> float | None:
    call = take["call"]
    if call.get("cached"):
        return 0.0
    return prices.cost(take["model"], call.get("billed", call.get("usage")))
