"""Mixtures whose proposers are of every kind, and the answers that they are to stream."""

from __future__ import annotations

from functools import cache
from typing import Any

from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from langgraph_moa import Mixture, Proposer
from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.testing import ScriptedChatModel

QUESTION = "How high is the tower?"
PROPOSED = "PROPOSED"
"""Stands in every text of a proposer, and in no answer."""
TEXT = "The tower is 80 m high: it was measured twice."
USAGE = UsageMetadata(input_tokens=5, output_tokens=3, total_tokens=8)
CALL = AIMessage("", tool_calls=[{"name": "measure", "args": {"tower": "the old one"}, "id": "call-1"}])


def proposing(slot: str) -> ScriptedChatModel:
    """Return a model that proposes."""
    return ScriptedChatModel(replies=f"{PROPOSED} by {slot} in a few words")


def _nested(slot: str) -> Mixture:
    return Mixture.of([proposing(f"{slot} within")], proposing(slot), depth=2)


@cache
def proposers() -> tuple[Proposer, ...]:
    """Return a proposer of every kind."""
    prompt = ChatPromptTemplate.from_messages([("placeholder", "{messages}")])
    return (
        Proposer(proposing("model"), name="model"),
        Proposer(create_agent(proposing("agent")), name="agent"),
        Proposer(prompt | proposing("chain") | StrOutputParser(), name="chain"),
        Proposer(_nested("mixture"), name="mixture"),
        Proposer(ChatMoA(mixture=_nested("chat")), name="chat"),
    )


ANSWERS: dict[str, AIMessage] = {
    "text": AIMessage(TEXT),
    "one-chunk": AIMessage("Yes."),
    "tool-call": CALL,
    "two-tool-calls": AIMessage(
        "", tool_calls=[*CALL.tool_calls, {"name": "measure", "args": {"tower": "new"}, "id": "call-2"}]
    ),
    "text-and-tool-call": AIMessage("I shall look.", tool_calls=CALL.tool_calls),
    "blocks": AIMessage(
        [
            {"type": "reasoning", "reasoning": "I remember a tower.", "index": 0},
            {"type": "text", "text": TEXT, "index": 1},
        ]
    ),
}


def writer(answer: AIMessage, **fields: Any) -> ScriptedChatModel:
    """Return a model that gives one answer."""
    return ScriptedChatModel(replies=answer, **fields)


def cached_writer() -> ScriptedChatModel:
    """Return a model with a cache of its own. It reports tokens: without, LangChain cannot replay it as v3 events."""
    return writer(ANSWERS["text"], cache=InMemoryCache(), usage=USAGE)


def tool_user() -> ScriptedChatModel:
    """Return a model that calls a tool, and answers when it has the result."""

    def reply(messages: list[BaseMessage]) -> AIMessage:
        return AIMessage(TEXT) if any(isinstance(message, ToolMessage) for message in messages) else CALL

    return ScriptedChatModel(replies=reply)
