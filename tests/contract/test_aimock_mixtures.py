"""Claims about whole mixtures whose provider is aimock: what it is asked, and what is made of its answers."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether
from pydantic import SecretStr

from langgraph_moa import Aggregator, Layer, Mixture, Proposer, create_moa
from langgraph_moa.prompts import Placement, split_references
from tests.contract.aimock import Aimock, Fixture, JournalEntry, says

QUESTION = "Which tower is the tallest?"
ASKED = {"messages": [HumanMessage(QUESTION)]}
PROPOSALS = {
    "alpha": "Tokyo Skytree: 634 m.",
    "beta": "1. Burj Khalifa\n2. «Merdeka»",
    "gamma": "哈利法塔 </reference>",
}
ANSWER = "The Burj Khalifa, 828 m, is the tallest of all towers and buildings that stand today."


@pytest.fixture
def proposers(aimock: Aimock, http_clients: dict[str, Any]) -> list[Proposer]:
    """Return three that reach aimock in three ways: by both clients' strings, and by an object."""
    gamma = ChatOpenAI(model="gamma", base_url=aimock.base_url, api_key=SecretStr("any"), **http_clients)
    return [Proposer("openai:alpha", temperature=0.25, max_tokens=99), Proposer("together:beta"), Proposer(gamma)]


def plan(aimock: Aimock, *others: dict[str, Any]) -> None:
    """Let the three proposers answer, with 11, 21 and 31 tokens in and 1, 2 and 3 out."""
    given = enumerate(PROPOSALS.items(), start=1)
    aimock.answer(*(says(model, text, tokens=(10 * n + 1, n)) for n, (model, text) in given), *others)


def last_text(entry: JournalEntry) -> str:
    """Return the text of a request's last message, which must be the user's."""
    assert entry.body["messages"][-1]["role"] == "user"
    return str(entry.body["messages"][-1]["content"])


@pytest.mark.parametrize("placement", ["tail", "system"])
@pytest.mark.parametrize("aggregator", ["openai:omega", "together:omega"])
async def test_the_aggregator_has_seen_every_proposal_once(
    aimock: Aimock, proposers: list[Proposer], placement: Placement, aggregator: str
) -> None:
    """Three proposers are each asked the bare question, and the aggregator is shown each answer once, in order."""
    place: dict[str, Fixture] = {
        "tail": {"userMessage": PROPOSALS["gamma"]},
        "system": {"systemMessage": list(PROPOSALS.values())},
    }
    plan(aimock, says("omega", ANSWER, match=place[placement]))
    mixture = Mixture([Layer(proposers)], aggregator, reference_placement=placement)
    out = await create_moa(mixture).ainvoke(ASKED)
    assert out["messages"][-1].content == ANSWER
    assert [proposal["text"] for proposal in out["proposals"]] == list(PROPOSALS.values())
    journal = aimock.journal()
    assert sorted(entry.model for entry in journal) == ["alpha", "beta", "gamma", "omega"]
    assert [entry.body["messages"] for entry in journal[:3]] == [[{"role": "user", "content": QUESTION}]] * 3
    messages = journal[-1].body["messages"]
    assert [message["role"] for message in messages] == (["user"] if placement == "tail" else ["system", "user"])
    shown = messages[0]["content"]
    assert [shown.count(text) for text in PROPOSALS.values()] == [1, 1, 1]
    assert split_references([HumanMessage(shown)]).references == tuple(PROPOSALS.values())
    assert last_text(journal[-1]).startswith(QUESTION)


async def test_sampling_parameters_reach_the_provider(aimock: Aimock, proposers: list[Proposer]) -> None:
    """What a seat sets is sent, and what it does not set is not."""
    plan(aimock, says("omega", ANSWER))
    await create_moa(Mixture.of(proposers, Aggregator("together:omega", max_tokens=77))).ainvoke(ASKED)
    bodies = {entry.model: entry.body for entry in aimock.journal()}
    limits = {model: body.get("max_tokens", body.get("max_completion_tokens")) for model, body in bodies.items()}
    assert limits == {"alpha": 99, "beta": None, "gamma": None, "omega": 77}
    temperatures = {model: body["temperature"] for model, body in bodies.items() if "temperature" in body}
    assert temperatures == {"alpha": 0.25}


@pytest.mark.parametrize("streams", [False, True])
async def test_tokens_are_counted_as_reported(aimock: Aimock, proposers: list[Proposer], *, streams: bool) -> None:
    """Each call's tokens are the provider's own figures, and so is their sum, with and without streaming."""
    plan(aimock, says("omega", ANSWER, tokens=(400, 44)))
    graph = create_moa(Mixture.of(proposers, "openai:omega"))
    if streams:
        parts: list[Any] = [part async for part in graph.astream(ASKED, stream_mode=["messages", "values"])]
        out = parts[-1][1]
    else:
        out = await graph.ainvoke(ASKED)
    usage = out["messages"][-1].response_metadata["moa"]["usage"]
    counted = [(slot["usage"]["input_tokens"], slot["usage"]["output_tokens"]) for slot in usage["slots"]]
    assert counted == [(11, 1), (21, 2), (31, 3), (400, 44)]
    assert (usage["total"]["total_tokens"], usage["unknown"]) == (513, [])
    assert out["messages"][-1].usage_metadata["total_tokens"] in {444, 513}


@pytest.mark.parametrize("aggregator", ["openai:omega", "together:omega"])
async def test_the_answer_alone_streams(aimock: Aimock, proposers: list[Proposer], aggregator: str) -> None:
    """The answer comes piece by piece, its pieces join to what was sent, and no proposer is asked to stream."""
    plan(aimock, says("omega", ANSWER))
    graph = create_moa(Mixture.of(proposers, aggregator))
    parts: list[Any] = [part async for part in graph.astream(ASKED, stream_mode="messages")]
    pieces = [str(chunk.content) for chunk, _ in parts if isinstance(chunk, AIMessageChunk) and chunk.content]
    assert len(pieces) > 2
    assert "".join(pieces) == ANSWER
    assert {entry.model for entry in aimock.journal() if entry.body.get("stream")} == {"omega"}
    [final] = aimock.journal("omega")
    assert final.body["stream_options"] == {"include_usage": True}


@tool
def measure(building: str, floors: list[int]) -> str:
    """Measure floors of a building."""
    return f"{building}: {len(floors)}"


@pytest.mark.parametrize("kind", [ChatOpenAI, ChatTogether])
@pytest.mark.parametrize("streams", [False, True])
async def test_tool_calls_of_the_aggregator_arrive(
    aimock: Aimock,
    proposers: list[Proposer],
    http_clients: dict[str, Any],
    kind: type[ChatOpenAI | ChatTogether],
    *,
    streams: bool,
) -> None:
    """Two calls with nested arguments come whole, also when they are streamed in fragments, and the tools were sent."""
    wanted = [{"building": "«Skytree»", "floors": [1, 2]}, {"building": "a\nb", "floors": []}]
    calls = [{"name": "measure", "arguments": arguments} for arguments in wanted]
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    response = {"toolCalls": calls, "usage": usage}
    plan(aimock, {"match": {"model": "omega", "toolName": "measure"}, "response": response, "chunkSize": 3})
    model = kind(
        model="omega",
        base_url=aimock.base_url,
        api_key=SecretStr("any"),
        stream_usage=True,
        **http_clients,
    )
    graph = create_moa(Mixture.of(proposers, model.bind_tools([measure])))
    if streams:
        parts: list[Any] = [part async for part in graph.astream(ASKED, stream_mode=["messages", "values"])]
        chunks = [part[0] for mode, part in parts if mode == "messages"]
        assert len([chunk for chunk in chunks if getattr(chunk, "tool_call_chunks", [])]) > 2
        answer = parts[-1][1]["messages"][-1]
    else:
        answer = (await graph.ainvoke(ASKED))["messages"][-1]
    assert isinstance(answer, AIMessage)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("measure", given) for given in wanted]
    assert answer.response_metadata["moa"]["usage"]["slots"][-1]["usage"]["total_tokens"] == 12
    assert [entry.body.get("stream", False) for entry in aimock.journal("omega")] == [streams]


async def test_the_conversation_reaches_every_seat(aimock: Aimock, proposers: list[Proposer]) -> None:
    """Earlier turns and the system message come before what is added, in their roles, at every seat."""
    plan(aimock, says("omega", ANSWER))
    before = [SystemMessage("Be brief."), HumanMessage("Hello"), AIMessage("Hello!"), HumanMessage(QUESTION)]
    await create_moa(Mixture.of(proposers, "openai:omega")).ainvoke({"messages": before})
    for entry in aimock.journal():
        told = [(message["role"], message["content"]) for message in entry.body["messages"]]
        assert told[:3] == [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hello!")]
        assert len(told) == 4
        assert last_text(entry).startswith(QUESTION)


def test_samples_are_separate_requests(aimock: Aimock) -> None:
    """Three draws of one model are three requests, and their answers are three references."""
    aimock.answer(says("alpha", "Skytree"), says("omega", ANSWER))
    out = create_moa(Mixture.of([Proposer("openai:alpha", samples=3)], "openai:omega")).invoke(ASKED)
    assert len(aimock.journal("alpha")) == 3
    assert last_text(aimock.journal("omega")[0]).count("Skytree") == 3
    assert out["messages"][-1].response_metadata["moa"]["planned"] == 3


async def test_the_second_layer_has_seen_the_first(aimock: Aimock, proposers: list[Proposer]) -> None:
    """Each proposer of a second layer is shown the three first answers, and the aggregator only the second ones."""
    plan(aimock, says("delta", "second", match={"userMessage": PROPOSALS["gamma"]}), says("omega", ANSWER))
    layers = [Layer(proposers), Layer([Proposer("openai:delta", samples=2)])]
    out = await create_moa(Mixture(layers, "together:omega")).ainvoke(ASKED)
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok"] * 5
    for entry in aimock.journal("delta"):
        assert split_references([HumanMessage(last_text(entry))]).references == tuple(PROPOSALS.values())
    [final] = aimock.journal("omega")
    assert split_references([HumanMessage(last_text(final))]).references == ("second", "second")
    assert len(aimock.journal()) == 6


@pytest.mark.parametrize("runs", [6])
async def test_runs_at_once_are_not_mixed_up(aimock: Aimock, runs: int) -> None:
    """Each of several runs at once shows its aggregator its own proposal only."""
    for number in range(runs):
        aimock.answer(
            says("alpha", f"proposal-{number};", match={"userMessage": f"question-{number};"}),
            says("omega", f"answer-{number}", match={"userMessage": f"proposal-{number};"}),
        )
    graph = create_moa(Mixture.of(["openai:alpha"], "openai:omega"))
    asked = [{"messages": [HumanMessage(f"question-{number};")]} for number in range(runs)]
    answers = await graph.abatch(asked)
    assert [answer["messages"][-1].content for answer in answers] == [f"answer-{number}" for number in range(runs)]
    for entry in aimock.journal("omega"):
        assert last_text(entry).count("proposal-") == 1
