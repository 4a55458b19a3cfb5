"""The calls below one seat, out of what was heard. Pure."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from langgraph_moa.failures import failure_of
from langgraph_moa.record.hearing import Heard, Tree
from langgraph_moa.record.run_record import Call, Outcome
from langgraph_moa.record.spoken import conversation, spoken
from langgraph_moa.retrying import root_cause

LONGEST_ERROR = 2000
"""Characters that are kept of why a call or a run failed."""
_CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)
Key = tuple[int | None, str]
"""A seat: its layer, `None` for the mixture's aggregator, and its slot."""


class Asked(NamedTuple):
    """What a seat was asked."""

    requests: int
    """Retries and fallbacks included."""
    calls: tuple[Call, ...]
    """Of models, in the order in which they began: an agent makes several for one request."""


class _Request(NamedTuple):
    """One request of a seat: of the record's own, or of one in a mixture that sits there."""

    run: Heard
    label: str
    within: str | None = None


class _Leaf(NamedTuple):
    run: Heard
    request: _Request


def seat_of(tree: Tree, node: Heard) -> Key | None:
    """Return the seat that a node has asked; `None` where it has asked none."""
    requests = _requests(tree, node)
    return (requests[0].metadata.get("moa_layer"), str(requests[0].metadata["moa_slot"])) if requests else None


def asked_by(tree: Tree, node: Heard, *, label: str, began: float) -> Asked:
    """Return what a node has asked.

    Args:
        tree: Of what was heard.
        node: Of the mixture's graph.
        label: The seat's model, for a chain that does not say which it calls.
        began: When the run began, by the clock of the tree.
    """
    requests = _requests(tree, node)
    leaves = [leaf for request in requests for leaf in _below(tree, _Request(request, label))]
    calls = [_call(leaf, began) for leaf in sorted(leaves, key=lambda leaf: leaf.run.began)]
    return Asked(len(requests), tuple(calls))


def _requests(tree: Tree, node: Heard) -> list[Heard]:
    return [run for run in tree.children(node.identifier) if "moa_attempt" in run.metadata]


def _below(tree: Tree, request: _Request) -> list[_Leaf]:
    """Return the calls of models below a request; a chain that calls none stands for itself."""
    return list(_leaves(tree, request.run, request)) or [_Leaf(request.run, request)]


def _leaves(tree: Tree, run: Heard, request: _Request) -> Iterator[_Leaf]:
    """Yield the calls below a run, or the run: a model that asks others, as a mixture does, is none of its own."""
    children = tree.children(run.identifier)
    if tree.is_mixture(run):
        for node in children:
            for inner in _requests(tree, node):
                yield from _below(tree, _Request(inner, _label(node), _place(inner)))
        return
    found = [leaf for child in children for leaf in _leaves(tree, child, request)]
    yield from found or ([_Leaf(run, request)] if run.is_model else [])


def _label(node: Heard) -> str:
    """Return the model that a node of a mixture has told of last."""
    return node.events[-1][1]["model"] if node.events else ""


def _place(request: Heard) -> str:
    told = request.metadata
    layer = "" if told.get("moa_layer") is None else f" layer {told['moa_layer']},"
    return f"{told.get('moa_mixture')}:{layer} {told.get('moa_slot')}"


def _call(leaf: _Leaf, began: float) -> Call:
    run, told = leaf.run, leaf.request.run.metadata
    outcome, error = _outcome(run)
    return Call(
        model=_model(run) or leaf.request.label,
        started=run.began - began,
        first_token=None if run.first_token is None else run.first_token - began,
        finished=None if run.ended is None else run.ended - began,
        outcome=outcome,
        error=error,
        saw=conversation(run.given),
        said=_said(run.gave),
        attempt=told.get("moa_attempt"),
        fallback=told.get("moa_fallback"),
        hedge=bool(told.get("moa_hedge")),
        within=leaf.request.within,
    )


def _outcome(run: Heard) -> tuple[Outcome | None, str | None]:
    if run.ended is None:
        return None, None
    if run.error is None:
        return "ok", None
    if isinstance(root_cause(run.error), _CANCELLED):
        return "cancelled", None
    failure = failure_of(run.error, longest=LONGEST_ERROR)
    return "error", f"{failure['kind']}: {failure['message']}"


def _model(run: Heard) -> str | None:
    """Return a model as recipes name it; `None` where the run does not say which it is."""
    provider, name = run.metadata.get("ls_provider"), run.metadata.get("ls_model_name")
    if not run.is_model or not name:
        return None
    return f"{provider}:{name}" if provider else str(name)


def _said(gave: object) -> str:
    """Return what a model or a chain gave: a message, the last one of a state, or text."""
    if isinstance(gave, dict):
        gave = gave.get("messages")
    if isinstance(gave, Sequence) and not isinstance(gave, str) and gave:
        gave = gave[-1]
    if isinstance(gave, BaseMessage):
        return spoken(gave)
    return gave if isinstance(gave, str) else ""
