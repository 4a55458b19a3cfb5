"""Claims about mixtures on a real engine, llama.cpp: random weights, but real tokens, limits and parallel decoding."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import Aggregator, Mixture, Proposer, create_moa
from langgraph_moa.prompts import split_references
from tests.contract.llama_server import SERVED_MODEL

ASKED = {"messages": [HumanMessage("Why is the sky blue?")]}
NAMES = ("tiny-a", "tiny-b", "tiny-c", "tiny-d", "tiny-e", "tiny-f")
PROPOSAL_TOKENS = 24
ANSWER_TOKENS = 40


def mixture(url: str, *, width: int = 3, tokens: int = PROPOSAL_TOKENS) -> Mixture:
    """Return proposers with an instruction each and an aggregator, which all ask for the likeliest tokens."""
    options: dict[str, Any] = {"base_url": url, "api_key": "any"}
    proposers = [
        Proposer(
            f"openai:{name}",
            temperature=0.0,
            max_tokens=tokens,
            system_prompt=f"You are {name}.",
            model_kwargs=options,
        )
        for name in NAMES[:width]
    ]
    final = Aggregator("openai:tiny-z", temperature=0.0, max_tokens=ANSWER_TOKENS, model_kwargs=options)
    return Mixture.of(proposers, final)


def test_a_mixture_of_a_real_engine_answers(engine_url: str) -> None:
    """Three proposers and an aggregator answer with noise, and every token is counted and every limit kept."""
    out = create_moa(mixture(engine_url)).invoke(ASKED)
    proposals, answer = out["proposals"], out["messages"][-1]
    assert [proposal["status"] for proposal in proposals] == ["ok"] * 3
    assert len({proposal["text"] for proposal in proposals}) == 3
    assert [proposal["finish_reason"] for proposal in proposals] == ["length"] * 3
    assert answer.content.strip()
    assert answer.response_metadata["finish_reason"] == "length"
    usage = answer.response_metadata["moa"]["usage"]
    assert usage["unknown"] == []
    said = [slot["usage"]["output_tokens"] for slot in usage["slots"]]
    assert said == [PROPOSAL_TOKENS] * 3 + [ANSWER_TOKENS]
    sent = [slot["usage"]["input_tokens"] for slot in usage["slots"]]
    assert min(sent) > len("Why is the sky blue?")
    assert sent[-1] > sum(len(proposal["text"].encode()) for proposal in proposals)
    assert usage["total"]["total_tokens"] == sum(said) + sum(sent)


def test_the_served_model_stands_beside_the_one_asked_for(engine_url: str) -> None:
    """llama.cpp serves its one model under whatever name; the record says so of every call."""
    out = create_moa(mixture(engine_url)).invoke(ASKED)
    assert [proposal["model"] for proposal in out["proposals"]] == [f"openai:{name}" for name in NAMES[:3]]
    assert {proposal["served_model"] for proposal in out["proposals"]} == {SERVED_MODEL}


async def test_noise_reaches_the_aggregator_unchanged(engine_url: str, http_clients: dict[str, Any]) -> None:
    """Whatever characters the engine's noise has, the aggregator is shown exactly the proposals."""
    requests: list[bytes] = []

    async def keep(request: Any) -> None:
        requests.append(request.content)

    http_clients["http_async_client"].event_hooks = {"request": [keep]}
    final = ChatOpenAI(
        model="tiny-z",
        base_url=engine_url,
        api_key=SecretStr("any"),
        **http_clients,
        temperature=0.0,
        max_completion_tokens=ANSWER_TOKENS,
    )
    recipe = Mixture(mixture(engine_url).layers, final)
    out = await create_moa(recipe).ainvoke(ASKED)
    [request] = requests
    shown = json.loads(request)["messages"][-1]["content"]
    assert split_references([HumanMessage(shown)]).references == tuple(
        proposal["text"] for proposal in out["proposals"]
    )


def test_the_answer_streams_token_by_token(engine_url: str) -> None:
    """The pieces of a streamed answer join to the answer, and its tokens are counted too."""
    parts: list[Any] = list(create_moa(mixture(engine_url)).stream(ASKED, stream_mode=["messages", "values"]))
    pieces = [
        str(part[0].content) for mode, part in parts if mode == "messages" and isinstance(part[0], AIMessageChunk)
    ]
    answer = parts[-1][1]["messages"][-1]
    assert len([piece for piece in pieces if piece]) > 5
    assert "".join(pieces) == answer.content
    final = answer.response_metadata["moa"]["usage"]["slots"][-1]["usage"]
    assert final["output_tokens"] == ANSWER_TOKENS
    assert answer.response_metadata["finish_reason"] == "length"


def test_the_same_question_gets_the_same_answer(engine_url: str) -> None:
    """At temperature 0 a whole mixture is deterministic, streamed or not."""
    graph = create_moa(mixture(engine_url))
    answers = {graph.invoke(ASKED)["messages"][-1].content for _ in range(2)}
    streamed: list[Any] = list(graph.stream(ASKED, stream_mode="values"))
    assert {*answers, streamed[-1]["messages"][-1].content} == answers
    assert len(answers) == 1


async def test_a_request_that_is_too_long_is_one_request(engine_url: str, http_clients: dict[str, Any]) -> None:
    """What does not fit the engine's context is an error that is not asked for again, and the mixture answers."""
    requests: list[Any] = []

    async def keep(request: Any) -> None:
        requests.append(request)

    http_clients["http_async_client"].event_hooks = {"request": [keep]}
    small = ChatOpenAI(model="tiny-a", base_url=engine_url, api_key=SecretStr("any"), **http_clients)
    long = Proposer(small, name="long", system_prompt="far too long " * 1000)
    [layer] = mixture(engine_url).layers
    recipe = Mixture.of([long, *layer.proposers], mixture(engine_url).aggregator)
    out = await create_moa(recipe).ainvoke(ASKED)
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "ok", "ok", "ok"]
    assert "context" in out["proposals"][0]["error"]["message"]
    assert len(requests) == 1
    assert out["messages"][-1].response_metadata["moa"]["degraded"] is True


def test_six_proposers_run_at_once(engine_url: str) -> None:
    """Six calls overlap in time on the engine, and each gives a text of its own."""
    out = create_moa(mixture(engine_url, width=6, tokens=100)).invoke(ASKED)
    proposals = out["proposals"]
    assert [proposal["status"] for proposal in proposals] == ["ok"] * 6
    assert len({proposal["text"] for proposal in proposals}) == 6
    first_end = min(proposal["started_at"] + proposal["latency"] for proposal in proposals)
    assert max(proposal["started_at"] for proposal in proposals) < first_end


@pytest.mark.parametrize("runs", [4])
async def test_whole_mixtures_run_at_once(engine_url: str, runs: int) -> None:
    """Several mixtures at once, more calls than the engine has places, all answer in full."""
    graph = create_moa(mixture(engine_url))
    questions = [{"messages": [HumanMessage(f"Question {number}?")]} for number in range(runs)]
    for out in await graph.abatch(questions):
        summary = out["messages"][-1].response_metadata["moa"]
        assert (summary["degraded"], summary["usage"]["slots"][-1]["usage"]["output_tokens"]) == (False, ANSWER_TOKENS)
