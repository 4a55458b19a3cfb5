"""Tapes that tell what was paid."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage

from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.metered import MeteredTape, paid, requests_made
from langgraph_moa.recording import taping
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.usage import PriceTable
from tests.evaluation.simulated import PRICES, seat

TABLE = PriceTable.from_dict(PRICES)


async def ask(simulator: Simulator, question: str) -> None:
    """Ask the simulated judge."""
    await Judge(seat(simulator, "judge")).ask([HumanMessage(question)])


async def test_only_what_was_made_is_paid(tmp_path: Path) -> None:
    """A request that is played from the tape is not counted and costs nothing."""
    with (
        Simulator(Behaviour(reply="four words are these")) as simulator,
        taping(MeteredTape(tmp_path / "t.jsonl", "reuse")),
    ):
        with requests_made() as first:
            await ask(simulator, "Well?")
        with requests_made() as second:
            await ask(simulator, "Well?")
    assert paid(first, TABLE) == pytest.approx(4e-6)
    assert paid(second, TABLE) == 0
    assert len(simulator.requests) == 1


async def test_unpriced_requests_are_unknown(simulator: Simulator, tmp_path: Path) -> None:
    """What a model without a price took is unknown, and not 0."""
    with taping(MeteredTape(tmp_path / "t.jsonl", "reuse")), requests_made() as made:
        await ask(simulator, "Well?")
    assert len(made) == 1
    assert paid(made, PriceTable.from_dict({**PRICES, "models": {}})) is None


async def test_counts_all_that_was_made(simulator: Simulator, tmp_path: Path) -> None:
    """The tape counts requests since it was opened, and none that an earlier one has made."""
    for expected in (2, 0):
        tape = MeteredTape(tmp_path / "t.jsonl", "reuse")
        with taping(tape):
            await ask(simulator, "One?")
            await ask(simulator, "Two?")
        assert tape.made == expected
