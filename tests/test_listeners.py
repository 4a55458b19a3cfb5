"""Claims about handlers that want tokens."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph

from langgraph_moa.listeners import (
    FirstToken,
    Relay,
    Silenced,
    TokenListener,
    wants_tokens,
    with_tokens,
    without_tokens,
)
from langgraph_moa.testing import ScriptedChatModel


class Ear(TokenListener):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.heard.append("start")

    async def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        self.heard.append("token")

    async def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.heard.append("end")


async def test_a_silenced_handler_hears_all_but_tokens() -> None:
    """A handler behind `Silenced` hears begin and end, no token, and makes no model stream."""
    loud, quiet = Ear(), Ear()
    model = ScriptedChatModel(replies="a b")
    await model.ainvoke("q", {"callbacks": [loud]})
    assert loud.heard == ["start", "token", "token", "token", "end"]
    assert not wants_tokens(Silenced(quiet))
    await model.ainvoke("q", {"callbacks": [Silenced(quiet)]})
    assert quiet.heard == ["start", "end"]
    await model.ainvoke("q", {"callbacks": [Silenced(quiet), loud]})
    assert quiet.heard == ["start", "end"] * 2


@pytest.mark.parametrize("kind", [None, CallbackManager, AsyncCallbackManager])
def test_configs_are_silenced_and_made_loud_again(kind: Any) -> None:
    """Whatever form callbacks have, handlers of tokens are silenced, others are kept, and nothing given is changed."""
    ear, other = Ear(), BaseCallbackHandler()
    handlers: list[BaseCallbackHandler] = [ear, other]
    config = RunnableConfig(callbacks=handlers if kind is None else kind(handlers, inheritable_handlers=handlers))
    silent = without_tokens(config)
    assert [type(handler) for handler in _handlers(silent)] == [Silenced, BaseCallbackHandler]
    assert _handlers(config) == [ear, other]
    assert _handlers(with_tokens(silent, [ear])) == [ear, other]
    assert without_tokens({})["callbacks"] == []


def test_handlers_of_langgraphs_streams_are_left_out() -> None:
    """A handler of a `messages` stream, which also shows whole messages of nodes, hears nothing at all."""
    seen: list[list[BaseCallbackHandler]] = []

    def node(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        seen.extend([_handlers(config), _handlers(without_tokens(config))])
        return {}

    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    list(builder.compile().stream({"messages": []}, stream_mode="messages"))
    assert [len(handlers) for handlers in seen] == [1, 0]


async def test_the_first_token_is_told_once() -> None:
    """The first token that holds something is told, be it text, a part of a call, or a part of a content block."""
    for token in (_text("a"), _call(), {"event": "content-block-delta"}):
        told: list[str] = []

        async def tell(told: list[str] = told) -> None:
            told.append("first")

        clock = FirstToken(tell)
        await clock.on_llm_new_token("", chunk=_text(""))
        assert not clock.has_come
        for _ in range(2):
            if isinstance(token, dict):
                await clock.on_stream_event(token)
            else:
                await clock.on_llm_new_token(token.text, chunk=token)
        assert told == ["first"]
        assert clock.seconds is not None
        assert clock.has_come


async def test_a_relay_hands_every_chunk_on() -> None:
    """Chunks are handed on as they are, in their order."""
    given: list[ChatGenerationChunk] = []
    relay = Relay(given.append)
    chunks = [_text("a"), _call(), _text("b")]
    for chunk in chunks:
        await relay.on_llm_new_token(chunk.text, chunk=chunk, run_id=uuid4())
    await relay.on_llm_new_token("text of a completion model")
    assert [one is other for one, other in zip(given, chunks, strict=True)] == [True] * 3


def _handlers(config: RunnableConfig) -> list[BaseCallbackHandler]:
    callbacks = config.get("callbacks")
    assert callbacks is not None
    return list(callbacks if isinstance(callbacks, list) else callbacks.handlers)


def _text(text: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=text))


def _call() -> ChatGenerationChunk:
    part = tool_call_chunk(name="add", args="{", id="1", index=0)
    return ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[part]))
