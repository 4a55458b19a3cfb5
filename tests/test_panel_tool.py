"""Claims about a mixture as a tool."""

from __future__ import annotations

import asyncio

import pytest
from langchain.agents import create_agent
from langchain_core._api import LangChainBetaWarning
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from langgraph_moa import ChatMoA, Mixture, create_moa
from langgraph_moa.testing import ScriptedChatModel
from langgraph_moa.testing.scripted import Reply


def mixture(name: str = "panel") -> Mixture:
    """Return a mixture that answers "joint"."""
    return Mixture.of([ScriptedChatModel(replies="one")], ScriptedChatModel(replies="joint"), name=name)


doors = pytest.mark.parametrize(
    "tool",
    [create_moa(mixture()).as_tool(), ChatMoA(mixture=mixture()).as_tool()],
    ids=["graph", "chat model"],
)


@doors
def test_a_question_gives_the_answer(tool: BaseTool) -> None:
    """The tool takes a question alone and returns the answer's text, in both kinds of call."""
    assert (tool.name, list(tool.args)) == ("ask_panel", ["question"])
    assert tool.invoke({"question": "why?"}) == "joint"
    assert asyncio.run(tool.ainvoke({"question": "why?"})) == "joint"


@doors
def test_the_artifact_is_the_summary(tool: BaseTool) -> None:
    """The message of the call carries the run's summary beside the answer, where no model reads it."""
    message = tool.invoke({"type": "tool_call", "name": tool.name, "args": {"question": "why?"}, "id": "1"})
    assert isinstance(message, ToolMessage)
    assert message.artifact["mixture"] == "panel"
    assert message.artifact["ok"] == 1


def test_an_agent_asks_it_only_when_it_wants() -> None:
    """An agent that calls the tool once makes the mixture's calls once; one that does not makes none."""
    proposer = ScriptedChatModel(replies="one")
    tool = create_moa(Mixture.of([proposer], ScriptedChatModel(replies="joint"), name="panel")).as_tool()
    call = AIMessage("", tool_calls=[{"name": "ask_panel", "args": {"question": "why?"}, "id": "1"}])
    scripts: list[tuple[list[Reply], int]] = [(["at once"], 0), ([call, "in the end"], 1)]
    for replies, asked in scripts:
        agent = create_agent(ScriptedChatModel(replies=replies), tools=[tool])
        out = agent.invoke({"messages": [HumanMessage("q")]})
        assert out["messages"][-1].text == replies[-1]
        assert len(proposer.requests) == asked
    assert out["messages"][2].text == "joint"


@pytest.mark.parametrize("name", ["mit Umlaut ä und Raum", "a" * 80, "!!!"])
def test_any_name_becomes_a_name_of_a_function(name: str) -> None:
    """Whatever a tool is called, providers take its name."""
    tool = create_moa(mixture()).as_tool(name=name, description="A panel.")
    written = convert_to_openai_tool(tool)["function"]
    assert written["name"].replace("_", "").isalnum()
    assert written["name"].isascii()
    assert len(written["name"]) <= 64
    assert written["description"] == "A panel."


def test_a_schema_of_the_whole_input_is_langchains_own() -> None:
    """With a schema, the tool takes a whole state, as a tool of any Runnable does."""

    class State(BaseModel):
        """The conversation."""

        messages: list[tuple[str, str]]

    with pytest.warns(LangChainBetaWarning):
        tool = create_moa(mixture()).as_tool(State, name="panel", description="A panel.")
    assert tool.invoke({"messages": [("user", "why?")]})["messages"][-1].text == "joint"
