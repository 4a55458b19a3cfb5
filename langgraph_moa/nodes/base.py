"""A graph node made of one coroutine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any, Literal

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp

from langgraph_moa import background
from langgraph_moa.configs import merged
from langgraph_moa.errors import SelfReferenceError
from langgraph_moa.guarding import tell_secrets
from langgraph_moa.mixture import Mixture
from langgraph_moa.nodes.run import Run, running
from langgraph_moa.state import MoAState

Update = dict[str, Any]
"""What a node writes: channel names and values."""


class RunAbandoned(GraphBubbleUp):
    """Nobody waits for the run any more. LangGraph lets it through and saves nothing for the node."""


class Node(Runnable[MoAState, Update]):
    """Runs its coroutine in the caller's event loop, or on a background loop for a synchronous caller."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def mixture(self) -> Mixture:
        """The recipe of the graph that this node is in."""
        return self._run.mixture

    def invoke(self, input: MoAState, config: RunnableConfig | None = None, **_: Any) -> Update:  # noqa: A002, ANN401
        """Run the coroutine on a background loop."""
        try:
            return background.run(self._guarded(input, config or {}))
        except CancelledError:
            raise RunAbandoned(self._run.mixture.name) from None

    async def ainvoke(self, input: MoAState, config: RunnableConfig | None = None, **_: Any) -> Update:  # noqa: A002, ANN401
        """Run the coroutine in the caller's loop."""
        return await self._guarded(input, config or {})

    async def _guarded(self, state: MoAState, config: RunnableConfig) -> Update:
        """Refuse a mixture that calls itself: it would go on for ever."""
        outer = running.get()
        if self._run in outer:
            msg = f"the mixture {self._run.mixture.name!r} was called from within itself. Let it call another mixture"
            raise SelfReferenceError(msg)
        token = running.set((*outer, self._run))
        try:
            tell_secrets(config, self._run.secrets)
            await self._begin(config)
            await self._run.prepare(state)
            return await self._update(state, config)
        finally:
            running.reset(token)

    async def _begin(self, config: RunnableConfig) -> None:
        """Do what comes before anything else."""

    @abstractmethod
    async def _update(self, state: MoAState, config: RunnableConfig) -> Update:
        """Return what the node writes."""


def model_config(
    config: RunnableConfig,
    mixture: Mixture,
    slot: str,
    *,
    layer: int | None,
    role: Literal["proposer", "aggregator"],
    tags: Sequence[str] = (),
) -> RunnableConfig:
    """Return a node's config for the model that it calls, named and tagged for traces and streams.

    Args:
        config: The node's.
        mixture: That the node belongs to.
        slot: The proposer's slot, `"join"` or `"aggregator"`.
        layer: Counted from 1; `None` for the aggregator of the mixture.
        role: What the model does.
        tags: `nostream` keeps its tokens out of the `messages` stream.
    """
    name = f"moa.{slot}" if layer is None else f"moa.layer_{layer}.{slot}"
    metadata = {"moa_mixture": mixture.name, "moa_layer": layer, "moa_slot": slot, "moa_role": role}
    if mixture.preset is not None:
        metadata |= {"moa_preset": mixture.preset, "moa_preset_version": mixture.preset_version}
    return merged(config, RunnableConfig(run_name=name, tags=list(tags), metadata=metadata))
