"""Providers whose models hang by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from langgraph_moa.testing import Behaviour, Simulator
from tests.resume.mixtures import reply


def hanging(names: Iterable[str]) -> Simulator:
    """Return a provider some of whose models never answer."""
    return Simulator(Behaviour(reply=reply), models=dict.fromkeys(names, Behaviour(hang=True)))


def environment(provider: Simulator) -> Mapping[str, str]:
    """Return what makes OpenAI's client ask a provider."""
    return {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "any"}


def asked(provider: Simulator) -> Counter[str]:
    """Count requests by model."""
    return Counter(request.body["model"] for request in provider.requests)
