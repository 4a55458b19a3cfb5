"""Claims about the tokens of proposers: with `stream_proposals` they arrive, each once, as messages of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.outputs import ChatGenerationChunk

from langgraph_moa import Layer, Mixture, Proposer
from langgraph_moa.testing import ScriptedChatModel
from tests.streaming import listening
from tests.streaming.cells import Cell, every_cell
from tests.streaming.listening import Listen
from tests.streaming.places import PLACES, mixed
from tests.streaming.recipes import ANSWERS, PROPOSED, QUESTION, TEXT, proposers, tool_user, writer

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),  # the third version of events
    pytest.mark.filterwarnings("ignore:astream_log is deprecated"),
]
OF_THE_ANSWER = (listening.stream, listening.astream, listening.protocol_of_chat, listening.aprotocol_of_chat)
"""What a chat model itself gives."""
GRAPHS = {"agent", "mixture"}
"""Slots whose models are graphs: LangGraph shows their tokens as those of subgraphs."""


def _shown(cell: Cell) -> list[str]:
    """Return the slots whose tokens arrive."""
    if cell.api.listen in OF_THE_ANSWER or (cell.place is PLACES["subgraph"] and not cell.subgraphs):
        return []
    return [str(proposer.name) for proposer in proposers() if cell.subgraphs or proposer.name not in GRAPHS]


@every_cell
def test_proposals_arrive_once_each_with_its_tags(cell: Cell) -> None:
    """Every proposal arrives once, tagged with its layer and slot, and beside them the answer, as without them."""
    model = tool_user() if cell.place.is_agent else writer(ANSWERS["text"])
    heard = cell.heard(mixed(Mixture.of(proposers(), model, depth=3), stream_proposals=True))
    proposed = [(message.message.text, *sorted(message.tags)) for message in heard if message.tags]
    assert sorted(proposed) == sorted(
        (f"{PROPOSED} by {slot} in a few words", f"moa:layer:{layer}", f"moa:proposer:{slot}")
        for slot in _shown(cell)
        for layer in (1, 2)
    )
    answered = [message.message.text for message in heard if not message.tags]
    assert answered == (["", TEXT] if cell.place.is_agent else [TEXT])


class Duettist(ScriptedChatModel):
    """Gives each chunk when the other one is ready to give its own."""

    turns: Any

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in super()._astream(*args, **kwargs):
            await self.turns.wait()
            yield chunk


@pytest.mark.parametrize("listen", [listening.amessages, listening.modes, listening.events, listening.aprotocol])
@pytest.mark.parametrize("place", ["root", "inside-a-node", "agent"])
def test_proposals_that_arrive_by_turns_are_told_apart(place: str, listen: Listen) -> None:
    """Proposals that are written at the same time can be put together by the ids of their messages."""
    turns = asyncio.Barrier(2)
    pair = [Proposer(Duettist(replies=f"{voice} " * 6, turns=turns), name=voice) for voice in ("high", "low")]
    subject = mixed(Mixture([Layer(pair, deadline=20)], writer(ANSWERS["text"])), stream_proposals=True)
    heard = listen(PLACES[place].build(subject), PLACES[place].ask(QUESTION), subgraphs=False)
    said = {tag: message.message.text for message in heard for tag in message.tags}
    assert said["moa:proposer:high"] == "high " * 6
    assert said["moa:proposer:low"] == "low " * 6
