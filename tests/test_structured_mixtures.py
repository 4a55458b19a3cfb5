"""Structured mixtures: every answer is a value of the schema, and each field of the last one says who supports it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel, SecretStr

from langgraph_moa import (
    Aggregator,
    AggregatorError,
    ChatMoA,
    ConfigurationError,
    Layer,
    Mixture,
    Proposer,
    StructuredOutputError,
    create_moa,
)
from langgraph_moa.json_text import write_json
from langgraph_moa.prompts import split_references
from langgraph_moa.schema_prompts import DECIDE_FIELD_BY_FIELD
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator, ToolCall
from tests.ways import FIRST, Way, ask, every_way, sync_and_async


class City(BaseModel):
    """A city."""

    name: str
    country: str
    inhabitants: int | None = None


PARIS = {"name": "Paris", "country": "France", "inhabitants": 2_100_000}
LYON = {"name": "Lyon", "country": "France", "inhabitants": 2_100_000}
BROKEN = '{"name": "Paris", "country": 33}'


def saying(*replies: object) -> ScriptedChatModel:
    """Return a model whose answers are texts, or values as JSON."""
    return ScriptedChatModel(replies=[reply if isinstance(reply, str) else json.dumps(reply) for reply in replies])


def mixture_of(replies: Sequence[ScriptedChatModel], last: Any, **options: Any) -> Mixture:
    """Return a mixture that asks for a city."""
    proposers = [Proposer(model, name=name) for name, model in zip("abcdef", replies, strict=False)]
    return Mixture.of(proposers, last, answer_schema=City, **options)


def moa_of(output: dict[str, Any]) -> dict[str, Any]:
    """Return what the answer says of the run."""
    summary: dict[str, Any] = output["messages"][-1].response_metadata["moa"]
    return summary


@every_way
def test_every_answer_is_a_value(way: Way) -> None:
    """Proposals and answer are the value's JSON, however the graph is called, and fields name their supporters."""
    mixture = mixture_of(
        [saying(PARIS), saying(LYON), saying(f"Sure!\n```json\n{json.dumps(PARIS)}\n```")], saying(PARIS)
    )
    for out in way(create_moa(mixture)).values():
        assert out["messages"][-1].content == write_json(PARIS)
        if out["proposals"]:
            assert [one["text"] for one in out["proposals"]] == [write_json(one) for one in (PARIS, LYON, PARIS)]
        assert moa_of(out)["fields"] == {
            "country": {"agreement": 1.0, "supporters": ["a", "b", "c"], "values": 1},
            "inhabitants": {"agreement": 1.0, "supporters": ["a", "b", "c"], "values": 1},
            "name": {"agreement": 2 / 3, "supporters": ["a", "c"], "values": 2},
        }


@sync_and_async
def test_real_clients_are_asked_by_their_own_method(way: Way, moa_openai_environment: Simulator) -> None:
    """`ChatOpenAI` sends the schema as its response format, and the aggregator reads the values as references."""
    provider = moa_openai_environment
    provider.models |= {
        "a": Behaviour(reply=json.dumps(PARIS)),
        "b": Behaviour(reply=lambda body: json.dumps(LYON) if "response_format" in body else "Lyon"),
        "c": Behaviour(reply=json.dumps(PARIS)),
    }
    mixture = Mixture.of(["openai:a", "openai:b"], "openai:c", answer_schema=City)
    out = way(create_moa(mixture))[FIRST]
    assert out["messages"][-1].content == write_json(PARIS)
    assert {request.body["response_format"]["json_schema"]["name"] for request in provider.requests} == {"City"}
    [last] = [request for request in provider.requests if request.model == "c"]
    content = last.body["messages"][-1]["content"]
    assert split_references([AIMessage(content)]).references == (write_json(PARIS), write_json(LYON))
    assert DECIDE_FIELD_BY_FIELD in content
    assert moa_of(out)["fields"]["name"] == {"agreement": 0.5, "supporters": ["a"], "values": 2}
    assert moa_of(out)["usage"]["total"]["total_tokens"] > 0


@sync_and_async
def test_a_provider_that_calls_a_tool(way: Way, moa_openai_environment: Simulator) -> None:
    """Where the method is a tool call, its arguments are the answer, and no call is left in the message."""
    call = ToolCall(name="City", arguments=PARIS)
    moa_openai_environment.behaviour = Behaviour(tool_calls=[call])

    class Calling(ChatOpenAI):
        """Asks by a tool, as most providers' clients do."""

        def with_structured_output(self, schema: Any = None, **options: Any) -> Any:
            return super().with_structured_output(schema, method="function_calling", **options)

    model = Calling(model="m", api_key=SecretStr("any"), base_url=moa_openai_environment.url)
    out = way(create_moa(Mixture.of([model], model, answer_schema=City)))[FIRST]
    answer = out["messages"][-1]
    assert (answer.content, answer.tool_calls) == (write_json(PARIS), [])
    assert "tool_calls" not in answer.additional_kwargs
    assert [one["status"] for one in out["proposals"]] == ["ok"]


@sync_and_async
def test_a_repair_round(way: Way) -> None:
    """An answer that does not fit is asked for once more, with what is wrong with it, as a request of its own."""
    proposer, aggregator = saying(BROKEN, PARIS), saying("Paris", PARIS)
    out = way(create_moa(mixture_of([proposer], aggregator)))[FIRST]
    [proposal] = out["proposals"]
    assert proposal["status"] == "ok"
    assert [call["error"] and call["error"]["kind"] for call in proposal["calls"]] == ["StructuredOutputError", None]
    assert proposal["attempts"] == 2
    request, repair = proposer.requests
    assert repair[: len(request)] == request
    assert [message.content for message in repair[len(request) : -1]] == [BROKEN]
    assert "country: " in repair[-1].text
    assert out["messages"][-1].content == write_json(PARIS)
    assert len(aggregator.requests) == 2


@sync_and_async
def test_tokens_of_a_repair_count(way: Way, moa_openai_environment: Simulator) -> None:
    """The tokens of both rounds are in the proposal's usage and in the total."""
    provider = moa_openai_environment
    provider.models["a"] = Behaviour(
        reply=lambda body: json.dumps(PARIS) if "cannot be used" in body["messages"][-1]["content"] else BROKEN
    )
    provider.models["c"] = Behaviour(reply=json.dumps(PARIS))
    out = way(create_moa(Mixture.of(["openai:a"], "openai:c", answer_schema=City)))[FIRST]
    [proposal] = out["proposals"]
    both = [call["usage"]["total_tokens"] for call in proposal["calls"]]
    assert len(both) == 2
    assert proposal["usage"]["total_tokens"] == sum(both)
    total = moa_of(out)["usage"]
    assert total["total"]["total_tokens"] == sum(slot["usage"]["total_tokens"] for slot in total["slots"])


@sync_and_async
def test_a_proposal_that_stays_wrong_is_no_reference(way: Way) -> None:
    """A proposer that fails its repair is an error with its reason, and no word of its answer reaches a prompt."""
    wrong, aggregator = saying("CANARY is no object"), saying(PARIS)
    out = way(create_moa(mixture_of([saying(PARIS), wrong], aggregator)))[FIRST]
    failed = out["proposals"][1]
    assert (failed["status"], failed["text"]) == ("error", "")
    assert failed["error"] == {"kind": "StructuredOutputError", "message": "it holds no JSON object"}
    assert len(wrong.requests) == 2
    assert "CANARY" not in str(aggregator.requests)
    assert moa_of(out)["degraded"]
    assert moa_of(out)["fields"]["name"] == {"agreement": 1.0, "supporters": ["a"], "values": 1}


@sync_and_async
def test_an_aggregator_that_stays_wrong_raises(way: Way) -> None:
    """The error has the raw text, the reason and the proposals, after exactly one repair."""
    aggregator = saying("Paris, of course")
    with pytest.raises(StructuredOutputError, match="'City'") as caught:
        way(create_moa(mixture_of([saying(PARIS)], aggregator)))
    assert caught.value.raw == "Paris, of course"
    assert caught.value.why == "it holds no JSON object"
    assert [one["text"] for one in caught.value.proposals] == [write_json(PARIS)]
    assert len(aggregator.requests) == 2


@sync_and_async
def test_a_fallback_is_asked_after_the_repair(way: Way) -> None:
    """When the repair fails, the seat's fallback is asked, with a repair round of its own."""
    first, second = saying("Paris"), saying(BROKEN, PARIS)
    out = way(create_moa(mixture_of([saying(LYON)], Aggregator(first, fallbacks=[second]))))[FIRST]
    assert out["messages"][-1].content == write_json(PARIS)
    assert (len(first.requests), len(second.requests)) == (2, 2)


@sync_and_async
def test_a_failing_aggregator_is_no_misfit(way: Way) -> None:
    """An aggregator that raises, or says nothing, is told as such, and is not asked to repair what is not there."""
    for reply in (RuntimeError("down"), ""):
        aggregator = ScriptedChatModel(replies=reply)
        with pytest.raises(AggregatorError):
            way(create_moa(mixture_of([saying(PARIS)], aggregator)))
        assert len(aggregator.requests) == 1


@sync_and_async
def test_the_plurality_stands_in(way: Way) -> None:
    """With `on_failure="best_proposal"` each field of the answer is as most proposals have it, and it is said so."""
    values = [
        {"name": "Lyon", "country": "France", "inhabitants": 1},
        {"name": "Paris", "country": "France", "inhabitants": 2},
        {"name": "Paris", "country": "Italy", "inhabitants": 1},
    ]
    last = Aggregator(saying("no"), on_failure="best_proposal")
    out = way(create_moa(mixture_of([saying(value) for value in values], last)))[FIRST]
    assert json.loads(out["messages"][-1].text) == {"name": "Paris", "country": "France", "inhabitants": 1}
    moa = moa_of(out)
    assert [(one["seat"], one["proposer"]) for one in moa["substitutes"]] == [("aggregator", "a")]
    assert moa["degraded"]
    assert {field: one["supporters"] for field, one in moa["fields"].items()} == {
        "country": ["a", "b"],
        "inhabitants": ["a", "c"],
        "name": ["b", "c"],
    }


def test_layers_read_values() -> None:
    """Every further layer, and a layer's own aggregator, reads values and gives one."""
    model, own = saying(LYON), saying(PARIS)
    layers = [Layer([Proposer(model, name="a")], aggregator=own), Layer([Proposer(model, name="b")])]
    out = create_moa(Mixture(layers, saying(PARIS), answer_schema=City)).invoke(ask(FIRST))
    assert split_references(model.requests[1]).references == (write_json(PARIS),)
    assert DECIDE_FIELD_BY_FIELD in str(own.requests[0])
    assert moa_of(out)["fields"]["name"] == {"agreement": 0.0, "supporters": [], "values": 1}


@sync_and_async
def test_an_agent_in_a_slot_is_asked_in_words(way: Way) -> None:
    """A Runnable that is no chat model is told the schema in words, and its text is read."""
    asked: list[Any] = []

    def answer(messages: list[Any]) -> str:
        asked.append(messages[-1].content)
        return f"I think: {json.dumps(LYON)}"

    proposer = Proposer(RunnableLambda(answer), name="agent")
    out = way(create_moa(Mixture.of([proposer], saying(PARIS), answer_schema=City)))[FIRST]
    assert [one["text"] for one in out["proposals"]] == [write_json(LYON)]
    assert '"title": "City"' in asked[0]


def tool_loop(schema: Any, aggregator: Aggregator, **options: Any) -> AIMessage:
    """Return the last answer of an agent whose mixture calls a tool first."""

    @tool
    def look(place: str) -> str:
        """Look a place up."""
        return f"{place} is a city."

    proposers = [Proposer(saying(value), name=name) for name, value in zip("abc", (PARIS, LYON, PARIS), strict=True)]
    model = ChatMoA(mixture=Mixture.of(proposers, aggregator, answer_schema=schema, **options))
    agent: Any = create_agent(model, tools=[look])
    answer: AIMessage = agent.invoke(ask(FIRST))["messages"][-1]
    return answer


LOOK = AIMessage("", tool_calls=[{"name": "look", "args": {"place": "Paris"}, "id": "1"}])


@pytest.mark.parametrize("options", [{}, {"shuffle_seed": 3}], ids=["in order", "shuffled"])
def test_fields_after_a_call_of_a_tool(options: dict[str, Any]) -> None:
    """In a later step of a turn, fields name their supporters all the same, though no proposer was asked again."""
    aggregator = Aggregator(ScriptedChatModel(replies=[LOOK, LOOK, json.dumps(PARIS)]))
    moa = tool_loop(City, aggregator, **options).response_metadata["moa"]
    assert moa["fields"]["name"] == {"agreement": 2 / 3, "supporters": ["a", "c"], "values": 2}
    assert (moa["planned"], "proposed" in moa) == (3, False)


def test_the_plurality_stands_in_after_a_call_of_a_tool() -> None:
    """In a later step of a turn, what was proposed in it stands in for an aggregator that fails."""
    failing = ScriptedChatModel(replies=[LOOK, RuntimeError("down")])
    answer = tool_loop(City, Aggregator(failing, on_failure="best_proposal"))
    assert json.loads(answer.text) == PARIS
    [substitute] = answer.response_metadata["moa"]["substitutes"]
    assert (substitute["layer"], substitute["proposer"]) == (1, "a")


def test_prose_stands_in_after_a_call_of_a_tool() -> None:
    """The same holds for prose; where nothing may stand in, no more is kept than the references."""
    failing = ScriptedChatModel(replies=[LOOK, RuntimeError("down")])
    answer = tool_loop(None, Aggregator(failing, on_failure="best_proposal"))
    assert json.loads(answer.text) == PARIS
    call = ChatMoA(mixture=Mixture.of([saying(PARIS)], ScriptedChatModel(replies=LOOK))).bind_tools([]).invoke("q")
    assert set(call.response_metadata["moa"]) >= {"references"}
    assert "proposed" not in call.response_metadata["moa"]


def test_a_tool_that_has_the_name_of_the_schema() -> None:
    """With tools, a call of the one that is named as the schema is a call: it is run, and is no answer."""

    @tool
    def City(name: str) -> str:  # noqa: N802 - as the schema
        """Look a city up."""
        return f"{name} lies in France."

    call = AIMessage("", tool_calls=[{"name": "City", "args": PARIS, "id": "1"}])
    aggregator = ScriptedChatModel(replies=[call, json.dumps(LYON)])
    agent: Any = create_agent(ChatMoA(mixture=mixture_of([saying(PARIS)], aggregator)), tools=[City])
    out = agent.invoke(ask(FIRST))["messages"]
    assert [(message.type, message.text) for message in out[-2:]] == [
        ("tool", "Paris lies in France."),
        ("ai", write_json(LYON)),
    ]


@sync_and_async
def test_own_instructions_stay(way: Way) -> None:
    """An aggregator's own prompt stands in place of the instructions for fields."""
    model = saying(PARIS)
    way(create_moa(mixture_of([saying(PARIS)], Aggregator(model, prompt="Choose by size."))))
    assert "Choose by size." in str(model.requests)
    assert DECIDE_FIELD_BY_FIELD not in str(model.requests)


def test_the_answer_is_streamed_whole() -> None:
    """In a stream the answer comes once, whole and in its written form, also after a repair."""
    graph = create_moa(mixture_of([saying(PARIS)], saying(BROKEN, PARIS)))
    chunks = [chunk for chunk, _ in graph.stream(ask(FIRST), stream_mode="messages")]
    assert [chunk.text for chunk in chunks] == [write_json(PARIS)]


def test_prose_has_no_fields() -> None:
    """Without a schema nothing is said of fields, and no model is given one."""
    model = ScriptedChatModel(replies="Paris")
    out = create_moa(Mixture.of([model], model)).invoke(ask(FIRST))
    assert "fields" not in moa_of(out)
    assert all("tools" not in options for options in model.options)


def test_a_recipe_is_written_with_its_json_schema() -> None:
    """A schema is written as a text of JSON, and what is read from it asks the same, in the same order."""
    mixture = Mixture.of(["openai:a"], "openai:b", answer_schema=City)
    table = mixture.to_dict()
    written = json.loads(table["answer_schema"])
    assert (written["title"], list(written["properties"])) == ("City", ["name", "country", "inhabitants"])
    again = Mixture.from_dict(json.loads(json.dumps(table)))
    assert again.schema is not None
    assert again.schema.json_schema["required"] == ["name", "country"]
    assert Mixture.from_dict(again.to_dict()) == again


def test_what_is_no_schema_is_refused_at_once() -> None:
    """A schema that describes no object is told when the recipe is made."""
    with pytest.raises(ConfigurationError, match=r"Mixture\.answer_schema"):
        Mixture.of(["openai:a"], "openai:b", answer_schema={"type": "string"})


def test_a_nested_mixture_answers_in_the_schema() -> None:
    """A mixture in a slot is asked in words, and its answer is read as any other."""
    inner = Mixture.of([saying("prose")], saying(LYON), name="inner")
    out = create_moa(Mixture.of([inner], saying(PARIS), answer_schema=City)).invoke(ask(FIRST))
    assert [one["text"] for one in out["proposals"]] == [write_json(LYON)]


def test_a_resumed_run_reads_what_was_kept() -> None:
    """Proposals are kept as text, so that a run that stopped before the aggregator goes on as one that did not."""
    model = saying(PARIS)
    graph: CompiledStateGraph[Any, Any, Any, Any] = create_moa(
        mixture_of([model], saying(LYON)), checkpointer=InMemorySaver(), interrupt_before=["aggregator"]
    )
    thread: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke(ask(FIRST), thread)
    out = graph.invoke(None, thread)
    assert len(model.requests) == 1
    assert moa_of(out)["fields"]["name"] == {"agreement": 0.0, "supporters": [], "values": 1}
