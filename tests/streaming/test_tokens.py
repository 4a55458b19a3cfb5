"""Claims about the tokens of an answer: they arrive once and in order, wherever the mixture stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langgraph_moa import Mixture
from tests.streaming import listening
from tests.streaming.cells import Cell, every_cell, most_cells
from tests.streaming.listening import Heard, Listen
from tests.streaming.places import PLACES, mixed, single
from tests.streaming.recipes import (
    ANSWERS,
    PROPOSED,
    QUESTION,
    TEXT,
    cached_writer,
    proposers,
    proposing,
    tool_user,
    writer,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),  # the third version of events
    pytest.mark.filterwarnings("ignore:astream_log is deprecated"),
]


TEXTS = (listening.stream, listening.astream)


def _pieces(heard: list[Heard]) -> list[Any]:
    return [message.pieces for message in heard]


@every_cell
def test_an_answer_arrives_once_and_alone(cell: Cell) -> None:
    """Of a mixture of three stages with proposers of every kind, the answer arrives once, and nothing of a proposer."""
    model = tool_user() if cell.place.is_agent else writer(ANSWERS["text"])
    heard = cell.heard(mixed(Mixture.of(proposers(), model, depth=3)))
    assert [message.message.text for message in heard] == (["", TEXT] if cell.place.is_agent else [TEXT])
    assert PROPOSED not in str(_pieces(heard))
    assert _pieces(heard) == _pieces(cell.heard(single(model)))


@pytest.mark.parametrize("answer", [name for name in ANSWERS if name != "text"])
@most_cells
def test_every_answer_arrives_as_its_model_gives_it(cell: Cell, answer: str) -> None:
    """Thoughts, blocks, tool calls and single words arrive piece by piece as the aggregator alone would give them."""
    model = writer(ANSWERS[answer])
    heard = cell.heard(mixed(Mixture.of([proposing("model")], model)))
    is_told = ANSWERS[answer].text or cell.place.kind != "chain" or cell.api.listen not in TEXTS
    assert len(heard) == bool(is_told)
    assert _pieces(heard) == _pieces(cell.heard(single(model)))


@most_cells
def test_a_cached_answer_arrives_once(cell: Cell) -> None:
    """An answer from the cache of the aggregator's model arrives once; LangChain's events may tell it at the end."""
    subject = mixed(Mixture.of([proposing("model")], cached_writer()))
    first, again = cell.heard(subject), cell.heard(subject)
    assert [message.message.text for message in first] == [TEXT]
    assert [message.message.text for message in again] in (
        [TEXT],
        [] if cell.api.listen is listening.events else [TEXT],
    )


@pytest.mark.parametrize("listen", [listening.messages, listening.amessages, listening.modes, listening.parts])
def test_a_subgraph_that_nobody_streams_gives_its_answer_in_one_piece(listen: Listen) -> None:
    """Without `subgraphs`, the answer of a mixture that is a node arrives as one whole message, and nothing else."""
    subject = mixed(Mixture.of(proposers(), writer(ANSWERS["text"])))
    [heard] = listen(PLACES["subgraph"].build(subject), PLACES["subgraph"].ask(QUESTION), subgraphs=False)
    assert [json.loads(piece.content) for piece in heard.pieces] == [TEXT]
    assert type(heard.message) is AIMessage
