"""Claims about real clients of OpenAI's protocol: each gets a mixture by another base URL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, SecretStr

from tests.serving.conftest import Served

pytestmark = pytest.mark.xdist_group("served")
QUESTION = "How high is the tower?"
ANSWER = f"answer to {QUESTION}"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


class City(BaseModel):
    """A city."""

    city: str
    people: int


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@pytest.fixture
def client(served: Served) -> OpenAI:
    """Return the official client."""
    return OpenAI(base_url=served.url, api_key="none", max_retries=0)


def chat(served: Served, model: str) -> ChatOpenAI:
    """Return LangChain's client."""
    return ChatOpenAI(model=model, base_url=served.url, api_key=SecretStr("none"), max_retries=0)


def test_openai_lists_the_mixtures(client: OpenAI) -> None:
    """`models.list` gives every mixture that is served, and `models.retrieve` one of them."""
    assert [model.id for model in client.models.list()][:2] == ["offline", "panel"]
    assert client.models.retrieve("panel").id == "panel"


def test_openai_asks(client: OpenAI) -> None:
    """`chat.completions.create` gives the answer, with the tokens of all calls and what became of the run."""
    answer = client.chat.completions.create(model="panel", messages=[{"role": "user", "content": QUESTION}])
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    own = len(ANSWER.split())
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 2 * own
    assert (answer.model_extra or {})["moa"]["ok"] == 2


async def test_openai_asks_asynchronously(served: Served) -> None:
    """The asynchronous client gets the same answer, whole and streamed."""
    async with AsyncOpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        whole = await client.chat.completions.create(model="panel", messages=[{"role": "user", "content": QUESTION}])
        stream = await client.chat.completions.create(
            model="panel", messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert whole.choices[0].message.content == "".join(pieces) == ANSWER


def test_openai_streams(client: OpenAI) -> None:
    """A stream gives the answer in pieces, one reason to stop, and the tokens of all calls in its last chunk."""
    chunks = list(
        client.chat.completions.create(
            model="panel",
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == ANSWER
    assert sum(bool(piece) for piece in said) > 2
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_openai_asks_for_several(client: OpenAI) -> None:
    """With `n=3` there are three choices, and the tokens are those of three runs; a stream keeps them apart."""
    one = client.chat.completions.create(model="panel", messages=[{"role": "user", "content": QUESTION}])
    three = client.chat.completions.create(model="panel", messages=[{"role": "user", "content": QUESTION}], n=3)
    assert [(choice.index, choice.message.content) for choice in three.choices] == [(i, ANSWER) for i in range(3)]
    assert one.usage is not None
    assert three.usage is not None
    assert three.usage.total_tokens == 3 * one.usage.total_tokens
    texts = ["", "", ""]
    for chunk in client.chat.completions.create(
        model="panel", messages=[{"role": "user", "content": QUESTION}], n=3, stream=True
    ):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == [ANSWER] * 3


@pytest.mark.parametrize("streams", [False, True])
def test_openai_calls_tools(client: Any, *, streams: bool) -> None:
    """A mixture calls the client's tool, whole or streamed, and answers once it is given the result."""
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    if streams:
        chunks = list(client.chat.completions.create(model="caller", messages=messages, tools=[WEATHER], stream=True))
        deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
        name, id_ = deltas[0].function.name, deltas[0].id
        arguments = "".join(call.function.arguments or "" for call in deltas)
        reason = chunks[-1].choices[0].finish_reason
    else:
        choice = client.chat.completions.create(model="caller", messages=messages, tools=[WEATHER]).choices[0]
        call = choice.message.tool_calls[0]
        name, id_, arguments, reason = call.function.name, call.id, call.function.arguments, choice.finish_reason
    assert (name, arguments.replace(" ", ""), reason) == ("weather", '{"city":"Paris"}', "tool_calls")
    made = {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
    turn = [
        *messages,
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": id_, "content": "sunny"},
    ]
    last = client.chat.completions.create(model="caller", messages=turn, tools=[WEATHER])
    assert last.choices[0].message.content == "It is sunny."


def test_openai_parses_an_answer_in_a_schema(client: Any) -> None:
    """`chat.completions.parse` with a Pydantic class gives an object of it; a stream gives the same text."""
    asked = [{"role": "user", "content": "Describe Paris"}]
    parsed = client.chat.completions.parse(model="json", messages=asked, response_format=City)
    assert parsed.choices[0].message.parsed == City(city="Paris", people=2_100_000)
    with client.chat.completions.stream(model="json", messages=asked, response_format=City) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == City(city="Paris", people=2_100_000)


def test_chat_openai(served: Served) -> None:
    """`ChatOpenAI` is invoked and streamed, and tells the tokens of all calls."""
    model = chat(served, "panel")
    answer = model.invoke(QUESTION)
    assert answer.text == ANSWER
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] > 2 * len(ANSWER.split())
    assert "".join(str(chunk.text) for chunk in model.stream(QUESTION)) == ANSWER


def test_chat_openai_with_tools(served: Served) -> None:
    """`ChatOpenAI.bind_tools` gets the mixture's call of a tool, and the answer once it has the result."""
    model = chat(served, "caller").bind_tools([weather])
    asked = HumanMessage("What is the weather in Paris?")
    first = model.invoke([asked])
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("weather", {"city": "Paris"})]
    assert model.invoke([asked, first, weather.invoke(first.tool_calls[0])]).text == "It is sunny."


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_chat_openai_in_a_schema(served: Served, method: Literal["json_schema", "json_mode"]) -> None:
    """`ChatOpenAI.with_structured_output` gives an object by each method whose answers are texts."""
    model = chat(served, "json").with_structured_output(City, method=method)
    assert model.invoke("Describe Paris as JSON") == City(city="Paris", people=2_100_000)


def test_llm_command_line(served: Served, tmp_path: Path) -> None:
    """The `llm` command asks a mixture that its configuration names, and prints its answer."""
    about = f"- model_id: panel\n  model_name: panel\n  api_base: {served.url}\n  api_key_name: none\n"
    (tmp_path / "extra-openai-models.yaml").write_text(about, encoding="utf-8")
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""}
    command = [sys.executable, "-m", "llm", "-m", "panel", "--key", "none", "--no-log", QUESTION]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, ANSWER), run.stderr
