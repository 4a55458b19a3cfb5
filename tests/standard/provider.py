"""A provider that calls whatever tool it is offered, with arguments that fit it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph_moa.testing import Simulator, ToolCall
from langgraph_moa.testing.models import RunningModel

JOKE = {"setup": "Why did the cat sit down?", "punchline": "It was tired."}
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "magic_function": {"input": 3},
    "greeting_generator": {"answer_style": "pirate"},
    "my_adder_tool": {"a": 1, "b": 2},
    "get_weather": {"location": "San Francisco, CA"},
    "Joke": JOKE,
    "JokeDict": JOKE,
}
"""Of the standard tests' tools; all others are called without any."""


class ToolUser(Simulator):
    """Calls the first tool of every request that allows it, and otherwise says what was asked for."""

    def model(self, name: str) -> RunningModel:
        """Return a model for the request that has just come."""
        body = self.requests[-1].body
        offered = [tool["function"]["name"] for tool in body.get("tools", [])]
        calls = [ToolCall(name=tool, arguments=_arguments(tool, body)) for tool in offered]
        forced = [call for call in calls if call.name == _named(body)]
        reply = json.dumps(JOKE) if "response_format" in body else "Hello, how are you?"
        given = replace(self.behaviour, reply=reply, tool_calls=forced or calls[:1], strict="openai")
        return RunningModel(name, given)


def _named(body: Mapping[str, Any]) -> str | None:
    """Return the tool that a request wants to be called."""
    choice = body.get("tool_choice")
    return choice["function"]["name"] if isinstance(choice, dict) else None


def _arguments(tool: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return arguments for a tool: a customer is called what the user calls them."""
    if tool != "unicode_customer":
        return ARGUMENTS.get(tool, {})
    name = str(body["messages"][-1]["content"]).split("'")[1]
    return {"customer_name": name, "description": "a company"}
