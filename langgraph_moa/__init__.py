"""Mixture-of-Agents as a LangGraph subgraph.

Several language models answer a prompt independently, the models of the next layer see those answers as references
and answer again, and an aggregator synthesises the last ones into one answer (Wang et al. 2024, arXiv:2406.04692).

```python
from langgraph_moa import create_moa, load_preset

graph = create_moa(load_preset("offline"))
out = graph.invoke({"messages": [("user", "What is a quorum?")]})
print(out["messages"][-1].text)
```
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_moa.budget import Budget
    from langgraph_moa.chat_model import ChatMoA
    from langgraph_moa.errors import (
        AggregatorError,
        BudgetError,
        ConfigurationError,
        ContextWindowError,
        MissingDependencyError,
        MissingKeyError,
        MoAError,
        QuorumError,
        StructuredOutputError,
    )
    from langgraph_moa.graph import create_advisers, create_aggregation, create_moa
    from langgraph_moa.limits import Limit
    from langgraph_moa.middleware import MoAMiddleware
    from langgraph_moa.mixture import Aggregator, Hedge, Layer, Mixture, Proposer, StopWhen
    from langgraph_moa.presets import list_presets, load_preset
    from langgraph_moa.record import RunRecord, RunRecorder
    from langgraph_moa.recording import Tape, taping
    from langgraph_moa.usage import PriceTable

__all__ = [
    "Aggregator",
    "AggregatorError",
    "Budget",
    "BudgetError",
    "ChatMoA",
    "ConfigurationError",
    "ContextWindowError",
    "Hedge",
    "Layer",
    "Limit",
    "MissingDependencyError",
    "MissingKeyError",
    "Mixture",
    "MoAError",
    "MoAMiddleware",
    "PriceTable",
    "Proposer",
    "QuorumError",
    "RunRecord",
    "RunRecorder",
    "StopWhen",
    "StructuredOutputError",
    "Tape",
    "__version__",
    "create_advisers",
    "create_aggregation",
    "create_moa",
    "list_presets",
    "load_preset",
    "taping",
]

_HOMES = {
    "budget": ("Budget",),
    "chat_model": ("ChatMoA",),
    "errors": (
        "AggregatorError",
        "BudgetError",
        "ConfigurationError",
        "ContextWindowError",
        "MissingDependencyError",
        "MissingKeyError",
        "MoAError",
        "QuorumError",
        "StructuredOutputError",
    ),
    "graph": ("create_advisers", "create_aggregation", "create_moa"),
    "limits": ("Limit",),
    "middleware": ("MoAMiddleware",),
    "mixture": ("Aggregator", "Hedge", "Layer", "Mixture", "Proposer", "StopWhen"),
    "presets": ("list_presets", "load_preset"),
    "record": ("RunRecord", "RunRecorder"),
    "recording": ("Tape", "taping"),
    "usage": ("PriceTable",),
}
_MODULE_OF = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is exported under that name
    """Import a public name when it is first used, so that `moa --help` loads no framework."""
    if name == "__version__":
        from importlib.metadata import version

        return version("langgraph-moa")
    if name not in _MODULE_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
