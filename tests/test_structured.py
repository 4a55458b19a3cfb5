"""Models asked in a schema: by their own method where they have one, or in words."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether
from pydantic import SecretStr

from langgraph_moa.structured import in_schema
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator, ToolCall

SCHEMA = {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
QUESTION = [HumanMessage("Where?")]


def asked(model: Runnable[Any, Any], *, has_tools: bool = False) -> AIMessage:
    """Return what a model answers that is asked in the schema."""
    ready = in_schema(model, QUESTION, SCHEMA, has_tools=has_tools)
    message: AIMessage = ready.model.invoke(list(ready.messages))
    return message


@pytest.mark.parametrize("kind", [ChatOpenAI, ChatTogether])
@pytest.mark.parametrize(
    "join", [lambda model: model, lambda model: model.bind(stop=["."]), lambda model: model.with_retry()]
)
def test_the_providers_own_method(simulator: Simulator, kind: Any, join: Any) -> None:
    """A real client sends the schema in its own way, and its message comes back, whatever it is joined with."""
    simulator.behaviour = Behaviour(reply='{"city": 4}', tool_calls=[ToolCall(name="Place", arguments={"city": 4})])
    message = asked(join(kind(model="m", base_url=simulator.url, api_key=SecretStr("any"))))
    assert isinstance(message, AIMessage)
    [request] = simulator.requests
    assert "Place" in str(request.body.get("response_format") or request.body["tools"])
    assert request.body["messages"][-1]["content"] == "Where?"


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(FakeListChatModel(responses=["ok"]), id="no-such-method"),
        pytest.param(RunnableLambda(lambda messages: AIMessage(messages[-1].content)), id="function"),
        pytest.param(ScriptedChatModel().bind_tools([SCHEMA]), id="bound-tools"),
    ],
)
def test_all_others_in_words(model: Runnable[Any, Any]) -> None:
    """What has no method for it, or has tools, is asked in words and not changed."""
    ready = in_schema(model, QUESTION, SCHEMA, has_tools=False)
    assert ready.model is model
    assert '"title": "Place"' in str(ready.messages[-1].content)


def test_tools_of_the_call() -> None:
    """A model that is given tools with the call is asked in words."""
    model = ScriptedChatModel(replies=lambda messages: str(messages[-1].content))
    assert '"title": "Place"' in asked(model, has_tools=True).text
    assert model.options == [{}]


def test_an_unknown_way_of_giving_the_message() -> None:
    """Where a class builds its structured output in a way of its own, the message is still what comes back."""

    class Odd(ScriptedChatModel):
        def with_structured_output(self, *_: Any, **__: Any) -> Any:
            return RunnableLambda(lambda _: {"raw": AIMessage("as it came"), "parsed": None, "parsing_error": None})

    assert asked(Odd()).text == "as it came"
