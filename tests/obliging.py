"""A provider for the example scripts: it calls tools that it is offered, and answers in the schema that it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langgraph_moa.testing import Behaviour, Simulator, ToolCall
from langgraph_moa.testing.models import RunningModel

Schema = Mapping[str, Any]
_PLAIN: Mapping[str, Any] = {"string": "Rome", "integer": 3, "number": 0.5, "boolean": True, "null": None}


class ObligingProvider(Simulator):
    """Calls one tool in a conversation, the demanded one or the first; refuses what OpenAI refuses."""

    def model(self, name: str) -> RunningModel:
        """Return a model for the request that has just come."""
        body = self.requests[-1].body
        called = any(message["role"] == "tool" for message in body["messages"])
        offered = [] if called else [tool["function"] for tool in body.get("tools", [])]
        calls = [ToolCall(name=tool["name"], arguments=example_of(tool.get("parameters", {}))) for tool in offered]
        demanded = [call for call in calls if call.name == _demanded(body)]
        reply = f"This is what {name} says."
        if "response_format" in body:
            reply = json.dumps(example_of(body["response_format"]["json_schema"]["schema"]))
        return RunningModel(name, Behaviour(reply=reply, tool_calls=demanded or calls[:1], strict="openai"))


def example_of(schema: Schema, definitions: Mapping[str, Schema] | None = None) -> Any:
    """Return a value that a JSON schema allows.

    Args:
        schema: Of types, enumerations, unions and references; bounds and patterns are not looked at.
        definitions: Of the schema around it; `None`: its own.
    """
    known = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        return example_of(known[schema["$ref"].rpartition("/")[2]], known)
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return example_of(schema[union][0], known)
    if schema.get("type") == "array":
        return [example_of(schema.get("items", {}), known)]
    if "properties" in schema or schema.get("type") == "object":
        return {name: example_of(part, known) for name, part in schema.get("properties", {}).items()}
    return _PLAIN[schema.get("type", "string")]


def _demanded(body: Mapping[str, Any]) -> str | None:
    choice = body.get("tool_choice")
    return choice["function"]["name"] if isinstance(choice, dict) else None
