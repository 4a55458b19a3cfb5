"""Claims about `ChatMoA.with_structured_output`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from typing_extensions import TypedDict

from langgraph_moa import ChatMoA, ConfigurationError, Mixture, Proposer, StructuredOutputError
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator

FITTING = '{"city": "Paris", "people": 2100000}'
USAGE: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


class City(BaseModel):
    """A city."""

    city: str
    people: int


class CityTable(TypedDict):
    """A city."""

    city: str
    people: int


schemas = pytest.mark.parametrize(
    "schema", [City, CityTable, City.model_json_schema()], ids=["Pydantic", "TypedDict", "JSON schema"]
)
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["invoke", "ainvoke"])


def ask(model: Any, *, asynchronous: bool) -> Any:
    """Return what a model gives."""
    return asyncio.run(model.ainvoke("Which city?")) if asynchronous else model.invoke("Which city?")


def chat(aggregator: Any, *proposers: Any) -> ChatMoA:
    """Return a mixture as a chat model."""
    return ChatMoA(mixture=Mixture.of(list(proposers) or [ScriptedChatModel(replies="Paris.")], aggregator))


@schemas
@both
def test_an_answer_in_the_schema(schema: Any, asynchronous: bool) -> None:  # noqa: FBT001
    """The aggregator alone is asked in the schema; a class gives its instance, anything else a table."""
    proposer, aggregator = ScriptedChatModel(replies="Paris, I think."), ScriptedChatModel(replies=FITTING)
    value = ask(chat(aggregator, proposer).with_structured_output(schema), asynchronous=asynchronous)
    assert value == (City(city="Paris", people=2_100_000) if schema is City else json.loads(FITTING))
    assert "tools" not in proposer.options[0]
    assert [entry["function"]["name"] for entry in aggregator.options[0]["tools"]] in (["City"], ["CityTable"])


@schemas
@both
def test_through_the_real_client(simulator: Simulator, schema: Any, asynchronous: bool) -> None:  # noqa: FBT001
    """OpenAI's client asks by its provider's own method, and proposers are asked as ever."""
    simulator.models = {"actor": Behaviour(reply=FITTING)}
    models = [ChatOpenAI(model=name, base_url=simulator.url, api_key=SecretStr("k")) for name in ("adviser", "actor")]
    value = ask(chat(models[1], models[0]).with_structured_output(schema), asynchronous=asynchronous)
    assert (dict(value)["city"], type(value)) == ("Paris", City if schema is City else dict)
    adviser, actor = simulator.requests
    assert actor.body["response_format"]["json_schema"]["schema"]["required"] == ["city", "people"]
    assert "response_format" not in adviser.body


@both
def test_one_repair_round(asynchronous: bool) -> None:  # noqa: FBT001
    """An answer that does not fit is asked for once more, of the aggregator alone, and both requests are counted."""
    proposer = ScriptedChatModel(replies="Paris.", usage=USAGE)
    aggregator = ScriptedChatModel(replies=['{"city": "Paris"}', FITTING], usage=USAGE)
    model = chat(aggregator, proposer).with_structured_output(City, include_raw=True)
    out = ask(model, asynchronous=asynchronous)
    assert out["parsed"] == City(city="Paris", people=2_100_000)
    assert (len(proposer.requests), len(aggregator.requests)) == (1, 2)
    assert out["raw"].usage_metadata["total_tokens"] == 15
    assert "people" in aggregator.requests[1][-1].text


@both
def test_an_answer_that_never_fits(asynchronous: bool) -> None:  # noqa: FBT001
    """After the repair round a typed error holds the last text; with `include_raw` it stands beside that text."""
    model = chat(ScriptedChatModel(replies="I would rather not."))
    with pytest.raises(StructuredOutputError, match="City") as caught:
        ask(model.with_structured_output(City), asynchronous=asynchronous)
    assert caught.value.raw == "I would rather not."
    assert [proposal["text"] for proposal in caught.value.proposals] == ["Paris."]
    out = ask(model.with_structured_output(City, include_raw=True), asynchronous=asynchronous)
    assert (out["raw"].text, out["parsed"]) == ("I would rather not.", None)
    assert isinstance(out["parsing_error"], StructuredOutputError)


@both
def test_fields_are_merged(asynchronous: bool) -> None:  # noqa: FBT001
    """With `merge_fields`, proposers answer in the schema too, and the raw message says who supports each field."""
    proposers = [
        Proposer(ScriptedChatModel(replies=text), name=name)
        for name, text in (
            ("a", FITTING),
            ("b", '{"city": "Paris", "people": 3}'),
            ("c", '{"city": "Lyon", "people": 3}'),
        )
    ]
    aggregator = ScriptedChatModel(replies='{"city": "Paris", "people": 3}')
    model = chat(aggregator, *proposers).with_structured_output(City, merge_fields=True, include_raw=True)
    out = ask(model, asynchronous=asynchronous)
    assert out["parsed"] == City(city="Paris", people=3)
    fields = out["raw"].response_metadata["moa"]["fields"]
    assert fields["city"] == {"agreement": pytest.approx(2 / 3), "supporters": ["a", "b"], "values": 2}
    assert fields["people"]["supporters"] == ["b", "c"]


def test_a_stream_gives_the_value_once() -> None:
    """A stream gives the value when it is whole: what came in parts might not fit."""
    aggregator = ScriptedChatModel(replies=["half of", FITTING])
    assert list(chat(aggregator).with_structured_output(City).stream("q")) == [City(city="Paris", people=2_100_000)]


def test_arguments_of_other_chat_models() -> None:
    """`method` and `strict` are taken from callers of any chat model; what means nothing is refused."""
    model = chat(ScriptedChatModel(replies=FITTING))
    assert model.with_structured_output(City, method="json_schema", strict=True).invoke("q")
    with pytest.raises(ConfigurationError, match="'temperature'"):
        model.with_structured_output(City, temperature=0)
    with pytest.raises(ConfigurationError, match="schema"):
        model.with_structured_output("City")  # type: ignore[arg-type]


def test_a_tool_call_of_the_schema_is_an_answer() -> None:
    """A provider that has the schema called as a tool gives the call's arguments."""
    call = AIMessage("", tool_calls=[{"name": "City", "args": json.loads(FITTING), "id": "1"}])
    value = chat(ScriptedChatModel(replies=call)).with_structured_output(City).invoke("q")
    assert value == City(city="Paris", people=2_100_000)
