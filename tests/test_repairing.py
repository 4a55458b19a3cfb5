"""An answer that does not fit its schema is asked for once more, and what is no answer stays what it is."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langgraph_moa.attempts import Terms
from langgraph_moa.calling import Outcome, SeatCaller
from langgraph_moa.fitting import estimate_request, estimate_tokens
from langgraph_moa.mixture import Aggregator
from langgraph_moa.proposal import Place
from langgraph_moa.repairing import LONGEST_SHOWN
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.testing import ScriptedChatModel

SCHEMA = AnswerSchema.of(
    {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)
GOOD = '{"city": "Lyon"}'
SECRET = "sk-canary-0123456789abcdef"  # noqa: S105 - a stand-in
OTHER_CALL = AIMessage("", tool_calls=[{"name": "search", "args": {}, "id": "1"}])


async def outcome_of(
    *replies: Any, seconds: float = 60.0, context_window: int | None = None, **arguments: Any
) -> tuple[Outcome, ScriptedChatModel]:
    """Return what comes of a seat that is asked in the schema."""
    model = ScriptedChatModel(replies=replies)
    caller = SeatCaller(Aggregator(model, context_window=context_window), answers_user=True, streams=False)
    terms = Terms(seconds, schema=SCHEMA, arguments=arguments)
    return await caller.call(Place(2, 0, "aggregator"), [HumanMessage("Where?")], {}, terms), model


@pytest.mark.parametrize(
    ("replies", "requests", "status"),
    [
        pytest.param([GOOD], 1, "ok", id="fits"),
        pytest.param(["Lyon", GOOD], 2, "ok", id="fits-then"),
        pytest.param(["Lyon", "Lyon", GOOD], 2, "error", id="never-fits"),
        pytest.param(["Lyon", ""], 2, "empty", id="falls-silent"),
        pytest.param(["Lyon", ValueError("no")], 2, "error", id="fails-then"),
        pytest.param(["", GOOD], 1, "empty", id="empty"),
        pytest.param([ValueError("no"), GOOD], 1, "error", id="fails"),
        pytest.param(
            [AIMessage("no", response_metadata={"finish_reason": "content_filter"}), GOOD], 1, "refused", id="refused"
        ),
        pytest.param([OTHER_CALL, GOOD], 1, "empty", id="calls-a-tool-it-has-not"),
    ],
)
async def test_how_often_a_model_is_asked(replies: list[Any], requests: int, status: str) -> None:
    """Only what does not fit is asked for again, and only once."""
    outcome, model = await outcome_of(*replies)
    assert len(model.requests) == requests == outcome.proposal["attempts"]
    assert outcome.proposal["status"] == status


async def test_the_text_that_did_not_fit_is_kept() -> None:
    """The last answer is kept beside the record, and not in it."""
    outcome, _ = await outcome_of("Lyon", "Lyon, I said")
    assert outcome.message is None
    assert outcome.unreadable is not None
    assert outcome.unreadable.text == "Lyon, I said"
    assert outcome.proposal["error"] == {"kind": "StructuredOutputError", "message": "it holds no JSON object"}
    assert "I said" not in str(outcome.proposal)


async def test_secrets_are_kept_out_of_reasons() -> None:
    """A reason that repeats a key has it masked."""
    outcome, _ = await outcome_of(f'{{"city": {{"x": 1}}, "{SECRET}": ')
    assert SECRET not in str(outcome.proposal)


async def test_a_call_of_a_tool_that_was_given_is_an_answer() -> None:
    """Where the caller has given tools, a call of one is no misfit."""
    outcome, model = await outcome_of(OTHER_CALL, tools=[{"type": "function", "function": {"name": "search"}}])
    assert outcome.message is not None
    assert outcome.message.tool_calls
    assert len(model.requests) == 1


async def test_a_call_of_a_tool_with_the_name_of_the_schema() -> None:
    """Where the caller has given tools, also a call of one that has the schema's name is a call."""
    call = AIMessage("", tool_calls=[{"name": "Place", "args": {"city": "Lyon"}, "id": "1"}])
    given = [{"type": "function", "function": {"name": "Place"}}]
    assert (await outcome_of(call))[0].proposal["text"] == GOOD
    outcome, _ = await outcome_of(call, tools=given)
    assert outcome.message is not None
    assert [one["name"] for one in outcome.message.tool_calls] == ["Place"]


@pytest.mark.parametrize("window", [None, 1_000])
async def test_a_long_answer_is_shown_short(window: int | None) -> None:
    """What does not fit is shown within a bound, and within the seat's window: its beginning and its end."""
    outcome, model = await outcome_of(f"Well: {'word ' * 400_000} Lyon", GOOD, context_window=window)
    assert outcome.proposal["status"] == "ok"
    repair = model.requests[1]
    assert estimate_tokens(repair[1].text) <= LONGEST_SHOWN
    assert repair[1].text.startswith("Well: ")
    assert repair[1].text.endswith(" Lyon")
    assert window is None or estimate_request(repair) <= window


async def test_no_repair_without_room() -> None:
    """Where the window is too small for a repair, none is asked for, and the record says why."""
    outcome, model = await outcome_of("Lyon " * 1_000, GOOD, context_window=120)
    assert len(model.requests) == 1
    assert outcome.unreadable is not None
    assert outcome.proposal["error"] is not None
    assert "context window" in outcome.proposal["error"]["message"]


async def test_what_did_not_fit_can_be_written() -> None:
    """Half a character in a broken call does not come back in the text that is kept."""
    broken = {"name": "Place", "args": '{"city": "\ud800"', "id": "1", "error": None, "type": "invalid_tool_call"}
    outcome, _ = await outcome_of(AIMessage("", invalid_tool_calls=[broken]))
    assert outcome.unreadable is not None
    assert outcome.unreadable.text == '{"city": "\ufffd"'


async def test_no_repair_without_time() -> None:
    """When no time is left, nothing is asked."""
    outcome, model = await outcome_of("Lyon", GOOD, seconds=0.0)
    assert outcome.proposal["status"] == "timeout"
    assert model.requests == []
