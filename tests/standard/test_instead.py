"""What the standard tests that cannot apply want, in the form in which it holds for a mixture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, load
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langgraph_moa.chat_model import ChatMoA
from tests.standard.provider import JOKE, ToolUser
from tests.ways import use_simulator

QUESTION = "Tell me a joke about cats."


class Joke(BaseModel):
    """A joke."""

    setup: str = Field(description="question")
    punchline: str = Field(description="answer")


class JokeDict(TypedDict):
    """A joke."""

    setup: str
    punchline: str


class Starts(BaseCallbackHandler):
    """Keeps how the mixture's own runs were begun."""

    def __init__(self) -> None:
        self.options: list[dict[str, Any]] = []

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        """Keep the options of a run that is of the mixture."""
        if told["metadata"]["ls_provider"] == "langgraph_moa":
            self.options.append(told["options"])


Ask = Callable[[Runnable[Any, Any], RunnableConfig], Any]


def invoke(chat: Runnable[Any, Any], config: RunnableConfig) -> Any:
    """Call synchronously."""
    return chat.invoke(QUESTION, config)


def ainvoke(chat: Runnable[Any, Any], config: RunnableConfig) -> Any:
    """Call in a loop."""
    return asyncio.run(chat.ainvoke(QUESTION, config))


def stream(chat: Runnable[Any, Any], config: RunnableConfig) -> Any:
    """Return the last of what is streamed."""
    return list(chat.stream(QUESTION, config))[-1]


def astream(chat: Runnable[Any, Any], config: RunnableConfig) -> Any:
    """Return the last of what is streamed in a loop."""

    async def collect() -> list[Any]:
        return [value async for value in chat.astream(QUESTION, config)]

    return asyncio.run(collect())[-1]


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[ToolUser]:
    """Start the provider that the models' strings stand for."""
    with ToolUser() as running:
        use_simulator(running, monkeypatch)
        yield running


def chat_model(**parameters: Any) -> ChatMoA:
    """Return the mixture of the standard tests."""
    return ChatMoA(proposers=["openai:a", "openai:b"], aggregator="openai:c", **parameters)


@pytest.mark.parametrize("ask", [invoke, ainvoke, stream, astream])
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param(Joke, Joke(**JOKE), id="pydantic"),
        pytest.param(JokeDict, JOKE, id="typeddict"),
        pytest.param(Joke.model_json_schema(), JOKE, id="json-schema"),
    ],
)
def test_structured_output(schema: Any, value: Any, ask: Ask) -> None:
    """The value is of the schema, and callbacks hear once that the mixture began, with the schema."""
    starts = Starts()
    chat = chat_model().with_structured_output(schema)
    assert ask(chat, {"callbacks": [starts]}) == value
    (options,) = starts.options
    assert options["ls_structured_output_format"]["schema"] == convert_to_json_schema(schema)


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_written_form() -> None:
    """What is written of a chat model is read again where its class is allowed, and is the same recipe."""
    model = chat_model(temperature=0.5, max_tokens=7, stop=["end"], fanout="every_call", depth=3)
    written = dumpd(model)
    loaded = load(written, allowed_objects=[ChatMoA], valid_namespaces=["langgraph_moa"])
    assert loaded.recipe == model.recipe
    assert dumpd(loaded) == written
    assert (loaded.stop, loaded.fanout) == (["end"], "every_call")
