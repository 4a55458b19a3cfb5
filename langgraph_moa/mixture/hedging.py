"""When a slot makes a second call beside its first: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.latencies import KEPT
from langgraph_moa.serialization import plain_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """A second call beside a proposer's first one, when that takes longer than it should; the later one is cancelled.

    The second call goes to the slot's first fallback, or to the same model where it has none, on the same terms:
    deadline, quorum, limits and retries. The first usable answer of the two counts.

    ```python
    Proposer("openai:gpt-5-mini", hedge=Hedge())
    Proposer("openai:gpt-5-mini", fallbacks=["groq:llama-3.3-70b-versatile"], hedge=Hedge(after=3.0, most=0.05))
    ```

    The cost is that of the extra calls: a provider may bill a cancelled one, and tells no tokens of it. Only chat
    models can be hedged, as an agent would act twice and a mixture make all of its calls twice. Aggregators have no
    hedge, since their tokens may be shown as they come; nor is anything hedged where proposers stream
    (`stream_proposals`) or a tape runs, which hears each request once.
    """

    after: float | None = None
    """Seconds that the first call has, waiting for a place and between retries apart; `None`: `quantile` of those that
    the slot's calls took in this process."""
    quantile: float = 0.95
    """Above 0 and below 1; of the last 512 calls that gave an answer, or were overtaken."""
    least: int = 20
    """Of those calls, before anything is hedged by the quantile: 1 to 512."""
    most: float = 0.1
    """Second calls at most, as a share of the slot's calls in this process so far: above 0, up to 1. With 0.1, none
    before the tenth call."""

    def __post_init__(self) -> None:
        """Check every field."""
        checks.number("Hedge.after", self.after, above=0)
        for name in ("quantile", "most"):
            if getattr(self, name) is None:
                raise ConfigurationError(f"Hedge.{name} must have a value, got None. Leave it out for the default")
            checks.number(f"Hedge.{name}", getattr(self, name), above=0, high=1)
        if self.quantile == 1:
            msg = "Hedge.quantile must be below 1, as no call passes the slowest; got 1. Write 0.99 for the very slow"
            raise ConfigurationError(msg)
        checks.whole_number("Hedge.least", self.least, low=1, high=KEPT)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, for TOML or JSON; `read_hedge` gives them back."""
        return plain_table(self)


def read_hedge(what: str, value: object) -> Hedge | None:
    """Return a hedge as a user or a file gives it: a `Hedge`, its table, or `None`.

    Raises:
        ConfigurationError: It is something else, or a value is wrong.
    """
    if value is None or isinstance(value, Hedge):
        return value
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{what} must be a Hedge, its table, or None; got {checks.shown(value)}")
    return Hedge(**checks.known_keys(what, value, [field.name for field in fields(Hedge)]))
