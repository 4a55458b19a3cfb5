"""Asks an arm a sample. The record of what it said is plain data, which a log keeps and a cluster carries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from langgraph_moa.compiled import MoAGraph
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Mixture
from langgraph_moa.proposal import Proposal, visible_text
from langgraph_moa.strategies import STRATEGIES
from langgraph_moa.summary import MoASummary

_ASK_NO_MODEL = {name for name, strategy in STRATEGIES.items() if not strategy.asks_model}
"""Under these names seats are recorded that ask nobody."""


class Turn(TypedDict):
    """One turn of a sample, answered."""

    answer: str
    """Visible text."""
    proposals: list[Proposal]
    """Layer by layer, in configured order."""
    summary: MoASummary


class Answer(TypedDict):
    """What an arm said to a sample."""

    sample: str
    """Its id."""
    mixture: str
    """Name of the recipe."""
    turns: list[Turn]
    """As many as the sample has."""
    cost: float | None
    """US dollars of all turns; `None`: nothing of it is known."""
    seconds: float
    """By the wall clock, all turns together."""


def texts_of(answer: Answer) -> list[str]:
    """Return what was answered, turn by turn."""
    return [turn["answer"] for turn in answer["turns"]]


def calls_of(answer: Answer) -> int:
    """Return how many seats were asked, those that failed and the aggregators among them."""
    return sum(_calls_in(turn) for turn in answer["turns"])


def _calls_in(turn: Turn) -> int:
    unasked = {(one["layer"], one["proposer"]) for one in turn["proposals"] if one["attempts"] == 0}
    asked = [slot for slot in turn["summary"]["usage"]["slots"] if (slot["layer"], slot["slot"]) not in unasked]
    return len([slot for slot in asked if slot["model"] and slot["model"] not in _ASK_NO_MODEL])


async def answer_sample(graph: MoAGraph, sample: Sample, *, system_prompt: str | None = None) -> Answer:
    """Answer every turn of a sample; the history carries what was answered, and no proposal.

    Args:
        graph: As `create_moa` compiles it.
        sample: What is asked.
        system_prompt: Stands first in the conversation; `None`: nothing does.

    Raises:
        MoAError: The mixture gave no answer to one of the turns. Nothing is kept of the others.
    """
    started = time.monotonic()
    conversation: list[AnyMessage] = []
    turns: list[Turn] = []
    for said in sample.turns:
        conversation.append(HumanMessage(said))
        out = await graph.ainvoke({"messages": _with_system(system_prompt, conversation)})
        message = cast("AIMessage", out["messages"][-1])
        summary = cast("MoASummary", message.response_metadata["moa"])
        turns.append(Turn(answer=visible_text(message), proposals=out["proposals"], summary=summary))
        conversation.append(AIMessage(turns[-1]["answer"]))
    costs = [turn["summary"]["cost"]["total"] for turn in turns]
    known = [cost for cost in costs if cost is not None]
    name = turns[0]["summary"]["mixture"]
    return Answer(
        sample=sample.id,
        mixture=name,
        turns=turns,
        cost=sum(known) if known else None,
        seconds=time.monotonic() - started,
    )


async def answer_written(data: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a sample from its written form and that of the mixture: what a worker of a cluster is sent.

    Args:
        data: `mixture` and `sample`, each as its `to_dict` gives it, and `system_prompt` if there is one.

    Raises:
        ConfigurationError: A table is wrong.
        MoAError: The mixture gave no answer.
    """
    graph = await asyncio.to_thread(_compiled, data["mixture"])
    sample = Sample.from_dict(data["sample"])
    return dict(await answer_sample(graph, sample, system_prompt=data.get("system_prompt")))


def _compiled(table: Mapping[str, Any]) -> MoAGraph:
    return create_moa(Mixture.from_dict(table))


def _with_system(system_prompt: str | None, conversation: Sequence[AnyMessage]) -> list[Any]:
    return [*([] if system_prompt is None else [("system", system_prompt)]), *conversation]
