"""Runs of mixtures that say what a test wants, and what their records hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langgraph_moa import Aggregator, Layer, Mixture, Proposer, RunRecord, RunRecorder, create_moa
from langgraph_moa.record.run_record import Call, Seat
from langgraph_moa.testing import ScriptedChatModel
from tests.ways import ask


def scripted(name: str, **script: Any) -> ScriptedChatModel:
    """Return a model that says its name, unless the script says otherwise."""
    return ScriptedChatModel(model_name=name, **({"replies": f"{name} says so"} | script))


def answering_after(other: ScriptedChatModel, name: str) -> Proposer:
    """Return a proposer that answers as soon as another model has been asked."""

    async def answer(_: object) -> AIMessage:
        while not other.requests:  # noqa: ASYNC110 - a model tells no event that it was asked
            await asyncio.sleep(0)
        return AIMessage(f"{name} says so")

    return Proposer(RunnableLambda(answer), name=name)


def mixture_of(*proposers: Proposer, **options: Any) -> Mixture:
    """Return a mixture of one layer."""
    return Mixture([Layer(proposers, **options)], Aggregator(scripted("merge")))


def recorded(mixture: Mixture) -> RunRecord:
    """Return the record of a run."""
    recorder = RunRecorder()
    create_moa(mixture).invoke(ask("Why?"), {"callbacks": [recorder]})
    return recorder.result()


def seats(record: RunRecord) -> dict[str, Seat]:
    """Return the seats of a record by their slots."""
    return {seat.slot: seat for stage in record.stages for seat in stage.seats}


def calls_of(record: RunRecord) -> list[Call]:
    """Return every call of a record."""
    return [call for stage in record.stages for seat in stage.seats for call in seat.calls]


def without_times(record: RunRecord) -> RunRecord:
    """Return the content of a record."""
    stages = [replace(stage, seats=tuple(map(_timeless, stage.seats))) for stage in record.stages]
    return replace(record, started_at=0.0, seconds=None, timing=None, stages=tuple(stages))


def _timeless(seat: Seat) -> Seat:
    calls = tuple(replace(call, started=None, first_token=None, finished=None) for call in seat.calls)
    return replace(seat, started=None, first_token=None, finished=None, calls=calls)
