"""What is asked: one item of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph_moa.checks import known_keys, listed, text
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.serialization import as_mapping


@dataclass(frozen=True, slots=True)
class Sample:
    """A question, or a conversation whose user turns are known beforehand."""

    id: str
    """Unlike that of any other sample of its set."""
    turns: tuple[str, ...]
    """What the user says, at least one turn, oldest first."""
    target: str | None = None
    """What a right answer says; `None`: nobody has written one down."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Plain data that a benchmark goes by, such as `category`."""

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("id", "target"):
            text(f"Sample.{name}", getattr(self, name))
        if not self.id:
            msg = "Sample.id is empty: give every sample an id of its own"
            raise ConfigurationError(msg)
        turns = tuple(listed("Sample.turns", self.turns))
        if not turns or not all(isinstance(turn, str) and turn.strip() for turn in turns):
            msg = f"Sample.turns of {self.id!r} must be a list of texts, none of them blank; got {list(turns)!r:.200}"
            raise ConfigurationError(msg)
        object.__setattr__(self, "turns", turns)
        object.__setattr__(self, "metadata", as_mapping("Sample.metadata", self.metadata))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; `from_dict` gives an equal sample back."""
        return {
            "id": self.id,
            "turns": list(self.turns),
            "target": self.target,
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Sample:
        """Build a sample from what `to_dict` gave.

        Raises:
            ConfigurationError: A field is missing, unknown or wrong.
        """
        given = known_keys("sample", table, ("id", "turns", "target", "metadata"))
        try:
            return cls(**given)
        except TypeError as error:
            msg = f"sample: {error}. It needs id and turns"
            raise ConfigurationError(msg) from None
