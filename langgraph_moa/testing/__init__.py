"""Stand-ins for providers, for tests of graphs that hold a mixture: no key, no network, answers in milliseconds.

`ScriptedChatModel` is a chat model that says what a test wants. `Simulator` is an OpenAI-compatible server on
127.0.0.1, for tests that go through a provider's real client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_moa.testing.behaviour import Behaviour, Latency, ToolCall
    from langgraph_moa.testing.faults import FAULTS, Fault
    from langgraph_moa.testing.record import RecordedRequest
    from langgraph_moa.testing.scripted import ScriptedChatModel
    from langgraph_moa.testing.simulator import Simulator

__all__ = [
    "FAULTS",
    "Behaviour",
    "Fault",
    "Latency",
    "RecordedRequest",
    "ScriptedChatModel",
    "Simulator",
    "ToolCall",
]

_HOMES = {
    "behaviour": ("Behaviour", "Latency", "ToolCall"),
    "faults": ("FAULTS", "Fault"),
    "record": ("RecordedRequest",),
    "scripted": ("ScriptedChatModel",),
    "simulator": ("Simulator",),
}
_MODULE_OF = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is exported under that name
    """Import a public name when it is first used, so that the pytest plugin loads neither a framework nor a server."""
    if name not in _MODULE_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
