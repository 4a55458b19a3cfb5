"""Which proposals reached the aggregator, from the requests that a provider has recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.references import Fidelity, fidelity, prompt_of
from benchmarks.replies import hostile_text, topic_of, topics_of


@dataclass(frozen=True)
class Deliveries:
    """What became of the proposals of a job."""

    own: Fidelity
    """Of each mixture, the last layer's proposals in the last request to the aggregator."""
    mixed: int
    """Requests of any stage in which another mixture's topic appears."""


def deliveries(
    bodies: Sequence[Mapping[str, Any]], slots: Sequence[str], aggregator: str, topics: Sequence[str]
) -> Deliveries:
    """Look for proposals where they were to arrive.

    Args:
        bodies: Requests in the order of their arrival; the models answer as `HostileReply` does.
        slots: Model of each slot of the last layer, in configured order; no other layer has these models.
        aggregator: Its model.
        topics: Of the mixtures. One without a request to the aggregator has delivered nothing.
    """
    prompts = [(str(body.get("model")), prompt_of(body)) for body in bodies]
    last = {topic_of(prompt): prompt for model, prompt in prompts if model == aggregator}
    own = Fidelity()
    for topic in topics:
        proposals = {
            model: [hostile_text(model, topic, draw) for draw in range(1, count + 1)]
            for model, count in Counter(slots).items()
        }
        own += fidelity(last.get(topic, ""), slots, proposals)
    return Deliveries(own, sum(len(topics_of(prompt)) > 1 for _, prompt in prompts))
