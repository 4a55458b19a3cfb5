"""What is compared: recipes, each under a name. A single model is a mixture of one proposer and no further call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Aggregator, Layer, Mixture, Model, Proposer, model_label
from langgraph_moa.mixture.seats import as_proposer


@dataclass(frozen=True, slots=True)
class Arm:
    """One recipe of a comparison."""

    name: str
    mixture: Mixture

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data.

        Raises:
            ConfigurationError: A model is an object, which has no written form.
        """
        return {"name": self.name, "mixture": self.mixture.to_dict()}


def single(model: Proposer | Model) -> Mixture:
    """Return a mixture that makes one call: its only proposal is the answer."""
    return drawn(model, 1)


def drawn(model: Proposer | Model, samples: int, *, strategy: Literal["consensus", "vote"] = "consensus") -> Mixture:
    """Return a mixture of several draws of one model, one of which is the answer; no aggregator is asked.

    Args:
        model: Asked `samples` times.
        samples: 1 or more.
        strategy: `"consensus"` or `"vote"`: how the answer is chosen.

    Raises:
        ConfigurationError: A value is wrong.
    """
    if strategy not in ("consensus", "vote"):
        msg = f"strategy must be 'consensus' or 'vote', which ask no model; got {strategy!r}"
        raise ConfigurationError(msg)
    proposer = as_proposer(model)
    label = model_label(proposer.model).replace(":", "-").replace("/", "-")
    name = f"single-{label}" if samples == 1 else f"{samples}-draws-{label}"
    layer = Layer([replace(proposer, samples=samples)])
    return Mixture([layer], Aggregator(strategy=strategy), name=name)
