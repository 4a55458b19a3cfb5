"""Claims about mixtures whose provider, aimock, fails: how often it is asked again, and what becomes of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import Aggregator, AggregatorError, Mixture, Proposer, QuorumError, create_moa
from langgraph_moa.prompts import split_references
from tests.contract.aimock import Aimock, fails, in_turn, says

ASKED = {"messages": [HumanMessage("Which tower is the tallest?")]}
ANSWER = "The Burj Khalifa, as far as anybody knows today."


async def ask(aimock: Aimock, *models: str) -> dict[str, Any]:
    """Run a mixture of a proposer that never fails and the given ones; check what the aggregator is shown."""
    aimock.answer(says("steady", "text of steady"), says("omega", ANSWER))
    out = await create_moa(Mixture.of([f"openai:{model}" for model in ("steady", *models)], "openai:omega")).ainvoke(
        ASKED
    )
    assert out["messages"][-1].content == ANSWER
    [final] = aimock.journal("omega")
    shown = split_references([HumanMessage(final.body["messages"][-1]["content"])]).references
    assert shown == tuple(proposal["text"] for proposal in out["proposals"] if proposal["status"] == "ok")
    return {proposal["proposer"]: proposal for proposal in out["proposals"]}


async def test_passing_failures_are_retried(aimock: Aimock) -> None:
    """A proposer that is told 429, 500 or 503 once, or twice in turn, is asked again and answers."""
    troubles = {"limited": [429], "broken": [500], "unavailable": [503], "both": [503, 429]}
    for model, statuses in troubles.items():
        errors = [fails(model, status, retry_after=1 if status == 429 else None) for status in statuses]
        aimock.answer(*in_turn(*errors, says(model, f"text of {model}")))
    proposals = await ask(aimock, *troubles)
    assert {proposal["status"] for proposal in proposals.values()} == {"ok"}
    told = {model: [entry.status for entry in aimock.journal(model)] for model in troubles}
    assert told == {model: [*statuses, 200] for model, statuses in troubles.items()}


async def test_the_time_that_the_provider_names_is_waited(aimock: Aimock) -> None:
    """After a 429 with `Retry-After: 2`, the next request comes 2 seconds later and not before."""
    aimock.answer(*in_turn(fails("limited", 429, retry_after=2), says("limited", "text of limited")))
    await ask(aimock, "limited")
    refused, answered = aimock.journal("limited")
    assert 1.9 < answered.seconds - refused.seconds < 10


async def test_a_time_beyond_the_deadline_is_not_waited(aimock: Aimock) -> None:
    """A proposer that is told to come back after its deadline is given up at once, after one request."""
    aimock.answer(fails("limited", 429, retry_after=60), says("steady", "whole"), says("omega", ANSWER))
    proposers = [Proposer("openai:limited", timeout=20), Proposer("openai:steady")]
    out = await create_moa(Mixture.of(proposers, "openai:omega")).ainvoke(ASKED)
    limited = out["proposals"][0]
    assert limited["status"] != "ok"
    assert limited["latency"] < 10
    assert len(aimock.journal("limited")) == 1


async def test_a_model_that_is_told_not_to_retry_does_not(aimock: Aimock) -> None:
    """With `max_retries=0`, a 503 is one request and one error."""
    aimock.answer(fails("broken", 503), says("steady", "whole"), says("omega", ANSWER))
    proposers = [Proposer("openai:broken", model_kwargs={"max_retries": 0}), Proposer("openai:steady")]
    out = await create_moa(Mixture.of(proposers, "openai:omega")).ainvoke(ASKED)
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "ok"]
    assert len(aimock.journal("broken")) == 1


async def test_a_broken_connection_is_retried(aimock: Aimock) -> None:
    """A connection that is closed before the answer costs one more request, not the proposal."""
    dropped = {**says("dropped", "never seen"), "chaos": {"disconnectRate": 1}}
    aimock.answer(*in_turn(dropped, says("dropped", "text of dropped")))
    proposals = await ask(aimock, "dropped")
    assert proposals["dropped"]["text"] == "text of dropped"
    assert [entry.status for entry in aimock.journal("dropped")] == [0, 200]


async def test_lasting_refusals_are_not_retried(aimock: Aimock) -> None:
    """400, 401, 403 and 404 are one request each, and the mixture answers without those proposers."""
    statuses = {f"told{status}": status for status in (400, 401, 403, 404)}
    aimock.answer(*(fails(model, status) for model, status in statuses.items()))
    proposals = await ask(aimock, *statuses)
    assert {model: [entry.status for entry in aimock.journal(model)] for model in statuses} == {
        model: [status] for model, status in statuses.items()
    }
    for model, status in statuses.items():
        error = proposals[model]["error"]
        assert (proposals[model]["status"], proposals[model]["text"]) == ("error", "")
        assert f"planned {status}" in error["message"]


async def test_lasting_failures_become_data(aimock: Aimock) -> None:
    """Proposers that always fail, each in its own way, are asked at most three times and end as errors."""
    ways: dict[str, dict[str, float]] = {
        "malformed": {"malformedRate": 1},
        "disconnected": {"disconnectRate": 1},
        "dropped": {"dropRate": 1},
    }
    aimock.answer(*({**says(model, "never seen"), "chaos": chaos} for model, chaos in ways.items()))
    proposals = await ask(aimock, *ways)
    assert {proposals[model]["status"] for model in ways} == {"error"}
    assert {model: proposals[model]["error"]["message"] for model in ways if not proposals[model]["error"]} == {}
    assert {1 <= len(aimock.journal(model)) <= 3 for model in ways} == {True}
    assert {len(aimock.journal(model)) >= 2 for model in ("disconnected", "dropped")} == {True}


async def test_an_unknown_model_becomes_data(aimock: Aimock) -> None:
    """A model that the provider does not know is one request and one error."""
    proposals = await ask(aimock, "unheard-of")
    assert proposals["unheard-of"]["status"] == "error"
    assert [entry.status for entry in aimock.journal("unheard-of")] == [404]


async def test_a_proposer_whose_stream_breaks_is_no_proposal(aimock: Aimock, http_clients: dict[str, Any]) -> None:
    """Half an answer is not shown to the aggregator: a stream that breaks off every time is an error."""
    text = "a long text that comes in many pieces " * 4
    aimock.answer(
        {**says("cut", text), "truncateAfterChunks": 3, "chunkSize": 8}, says("steady", "whole"), says("omega", ANSWER)
    )
    cut = ChatOpenAI(
        model="cut",
        base_url=aimock.base_url,
        api_key=SecretStr("any"),
        **http_clients,
        streaming=True,
    )
    proposers = [Proposer(cut.bind(stop=["never"]), name="cut"), Proposer("openai:steady")]
    out = await create_moa(Mixture.of(proposers, "openai:omega")).ainvoke(ASKED)
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "ok"]
    assert out["messages"][-1].content == ANSWER
    [final] = aimock.journal("omega")
    assert "a long text" not in final.body["messages"][-1]["content"]
    assert {entry.body["stream"] for entry in aimock.journal("cut")} == {True}


@pytest.mark.parametrize("fault", [{"truncateAfterChunks": 3}, {"disconnectAfterMs": 30, "latency": 20}])
async def test_an_answer_whose_stream_breaks_is_not_the_answer(aimock: Aimock, fault: dict[str, int]) -> None:
    """When the aggregator's stream breaks, its fallback answers, and the final message holds that answer alone."""
    broken = {**says("omega", "half of it " * 20), "chunkSize": 8, **fault}
    aimock.answer(says("steady", "whole"), broken, says("spare", ANSWER))
    graph = create_moa(Mixture.of(["openai:steady"], Aggregator("openai:omega", fallbacks=["openai:spare"])))
    parts: list[Any] = [part async for part in graph.astream(ASKED, stream_mode=["messages", "values"])]
    answer = parts[-1][1]["messages"][-1]
    assert answer.content == ANSWER
    assert answer.response_metadata["moa"]["degraded"] is True
    assert len(aimock.journal("omega")) >= 1
    assert len(aimock.journal("spare")) == 1


async def test_a_refused_aggregator_raises_with_the_proposals(aimock: Aimock) -> None:
    """An aggregator that may not answer is asked once, and the error holds what the proposers said."""
    aimock.answer(says("steady", "whole"), fails("omega", 403))
    with pytest.raises(AggregatorError, match="planned 403") as caught:
        await create_moa(Mixture.of(["openai:steady"], "openai:omega")).ainvoke(ASKED)
    assert [proposal["text"] for proposal in caught.value.proposals] == ["whole"]
    assert len(aimock.journal("omega")) == 1


def test_without_a_quorum_no_aggregator_is_asked(aimock: Aimock) -> None:
    """When every proposer is refused, the error says so and the aggregator gets no request."""
    aimock.answer(fails("alpha", 401), fails("beta", 403), says("omega", ANSWER))
    with pytest.raises(QuorumError, match="0 of 2"):
        create_moa(Mixture.of(["openai:alpha", "openai:beta"], "openai:omega")).invoke(ASKED)
    assert aimock.journal("omega") == []
