"""Claims about what chat models go through in applications: other handlers, threads, configs, resumed nodes."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage
from langchain_core.runnables import ConfigurableField, RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_moa import Aggregator, ChatMoA, ConfigurationError, Mixture, Proposer
from langgraph_moa.testing import ScriptedChatModel

CALL = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "call_0001"}])


@tool
def look() -> str:
    """Look."""
    return "seen"


def chat(aggregator: Any, *proposers: Any, **options: Any) -> ChatMoA:
    """Return a mixture as a chat model."""
    return ChatMoA(mixture=Mixture.of(list(proposers) or [ScriptedChatModel(replies="advice")], aggregator), **options)


class Ear(BaseCallbackHandler):
    """Hears tokens as LangChain's handlers for a terminal do, and which runs begin and end."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.open: set[Any] = set()
        self.parameters: list[Any] = []
        self.begun = asyncio.Event()
        """Set when a proposer is asked."""

    run_inline = True

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.tokens.append(token)

    def on_chat_model_start(self, *_: Any, run_id: Any, **kwargs: Any) -> None:
        self.open.add(run_id)
        self.parameters.append(kwargs)
        if str(kwargs.get("name")).startswith("moa.layer"):
            self.begun.set()

    def on_llm_end(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open.discard(run_id)

    on_llm_error = on_llm_end


def test_any_handler_hears_each_token_once() -> None:
    """A handler that only listens to tokens hears those of the answer, each once."""
    ear = Ear()
    list(chat(ScriptedChatModel(replies="one two")).stream("q", {"callbacks": [ear]}))
    assert "".join(ear.tokens) == "one two"
    ear = Ear()
    chat(ScriptedChatModel(replies="one two"), streaming=True).invoke("q", {"callbacks": [ear]})
    assert "".join(ear.tokens) == "one two"


async def test_a_cancelled_call_leaves_no_run_open() -> None:
    """When an `ainvoke` is cancelled, every run that it began has ended."""
    ear, model = Ear(), ScriptedChatModel(delay=30)
    call = asyncio.create_task(chat(model, model).ainvoke("q", {"callbacks": [ear]}))
    await ear.begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ear.open == set()
    assert ear.parameters


def test_secrets_among_the_arguments_are_masked_in_traces() -> None:
    """A header or a tool that carries a key reaches the model, and no handler."""
    ear, aggregator = Ear(), ScriptedChatModel()
    server = {"type": "mcp", "headers": {"Authorization": "Bearer sk-canary-0123456789"}}
    bound = chat(aggregator).bind_tools([server]).bind(extra_headers={"x-api-key": "sk-canary-9876543210"})
    bound.invoke("q", {"callbacks": [ear]})
    assert "canary" in str(aggregator.options)
    assert "canary" not in str([(one["invocation_params"], one["options"]) for one in ear.parameters])


@pytest.mark.parametrize(
    "aggregator",
    [
        Aggregator(ScriptedChatModel(replies=""), on_failure="best_proposal"),
        Aggregator(
            ScriptedChatModel(replies=""), fallbacks=[ScriptedChatModel(replies="advice", disable_streaming=True)]
        ),
    ],
    ids=["stand-in", "fallback"],
)
def test_a_stream_gives_what_invoke_gives(aggregator: Aggregator) -> None:
    """An answer that comes after an empty beginning is streamed as it is invoked."""
    model = chat(aggregator)
    assert "".join(chunk.text for chunk in model.stream("q")) == model.invoke("q").text == "advice"


def test_retries_are_refused_only_where_something_was_shown() -> None:
    """An answer in a schema is shown whole, so its fallback is asked in a stream too."""
    broken = _Streaming(replies="half", failures=[ConnectionError("lost")] * 9, fail_after=1)
    aggregator = Aggregator(broken, fallbacks=[ScriptedChatModel(replies='{"city": "Rome"}')])

    class City(TypedDict):
        """A city."""

        city: str

    assert list(chat(aggregator).with_structured_output(City).stream("q")) == [{"city": "Rome"}]


def test_a_chat_model_within_another_keeps_its_proposals_apart() -> None:
    """An aggregator that is a ChatMoA and streams its proposals adds nothing of them to the answer."""
    inner = chat(ScriptedChatModel(replies="inner answer"), ScriptedChatModel(replies="IN"), stream_proposals=True)
    outer = chat(inner)
    assert "".join(chunk.text for chunk in outer.stream("q")) == outer.invoke("q").text == "inner answer"


def test_a_user_may_speak_in_any_kind_of_message() -> None:
    """A question in a message with a role begins a new turn, as one of a human does."""
    proposer = ScriptedChatModel(replies="advice")
    model = chat(ScriptedChatModel(replies=[CALL, "done", "again"]), proposer).bind_tools([look])
    first = model.invoke("q")
    result = {"role": "tool", "content": "seen", "tool_call_id": "call_0001"}
    model.invoke([HumanMessage("q"), first, result])
    assert len(proposer.requests) == 1
    model.invoke([HumanMessage("q"), first, result, AIMessage("done"), ChatMessage(content="next", role="user")])
    assert len(proposer.requests) == 2


def test_another_recipe_of_the_same_name_asks_for_itself() -> None:
    """Two mixtures of the default name in one turn each ask their own proposers."""
    first, second = ScriptedChatModel(model_name="x", replies="x"), ScriptedChatModel(model_name="y", replies="y")
    said = chat(ScriptedChatModel(replies=CALL), first).bind_tools([look]).invoke("q")
    result = {"role": "tool", "content": "seen", "tool_call_id": "call_0001"}
    chat(ScriptedChatModel(), second).bind_tools([look]).invoke([HumanMessage("q"), said, result])
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_the_callers_config_reaches_the_slots() -> None:
    """What a caller configures, and how much may go on at once, holds below the chat model too."""
    seen: list[Any] = []

    def note(_: Any, config: RunnableConfig) -> str:
        seen.append((config["configurable"].get("who"), config.get("max_concurrency")))
        return "noted"

    model = chat(ScriptedChatModel(), Proposer(RunnableLambda(note), name="note"))
    config = RunnableConfig(configurable={"who": "bob"}, max_concurrency=3)
    model.invoke("q", config)
    list(model.stream("q", config))
    asyncio.run(model.ainvoke("q", config))
    assert seen == [("bob", 3)] * 3


def test_a_configurable_model_streams_as_ever() -> None:
    """A model with configurable fields gives a handler its tokens one by one, as it does without."""
    model: Any = chat(ScriptedChatModel(replies="one two"))
    configurable = model.configurable_fields(fanout=ConfigurableField(id="fanout"))
    for each in (model, configurable.with_config(configurable={"fanout": "every_call"})):
        graph = StateGraph(_Asked).add_node("ask", lambda state, each=each: {"answer": each.invoke("q").text})
        graph.add_edge(START, "ask")
        parts: list[Any] = list(graph.compile().stream({"question": "q", "answer": ""}, stream_mode="messages"))
        assert [part[0].content for part in parts if part[0].content] == ["one", " two"]


def test_threads_share_one_recipe_of_a_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever thread loads a preset first, every call of it has its tools."""
    aggregator, together = ScriptedChatModel(), threading.Barrier(4)
    mixture = Mixture.of([ScriptedChatModel()], aggregator)
    from langgraph_moa import chat_model

    def load(_: str) -> Mixture:
        together.wait(timeout=5)
        return Mixture.of(list(mixture.layers[0].proposers), aggregator)

    monkeypatch.setattr(chat_model, "load_preset", load)
    chat(aggregator).bind_tools([look]).bind(model="preset").batch(["q"] * 4, {"max_concurrency": 4})
    assert len(aggregator.options) == 4
    assert all("tools" in options for options in aggregator.options)


def test_a_refused_value_is_not_kept() -> None:
    """A field that is set to something wrong keeps what it was."""
    model = ChatMoA(proposers=[ScriptedChatModel()], aggregator=ScriptedChatModel())
    with pytest.raises(ConfigurationError):
        model.depth = 0
    assert model.depth is None
    assert model.model_copy().recipe.depth == 2


def test_tokens_are_estimated() -> None:
    """What counts tokens by a model gets an estimate, as `trim_messages` does."""
    model = chat(ScriptedChatModel())
    assert model.get_num_tokens("four words of text") > 0
    assert model.get_num_tokens_from_messages([HumanMessage("four words of text")]) > 0


def test_a_broken_call_reaches_the_caller() -> None:
    """A call whose arguments are no JSON is the caller's to mend, as with any chat model."""
    broken = AIMessage("", invalid_tool_calls=[{"name": "look", "args": "{", "id": "1", "error": "no JSON"}])
    answer = chat(ScriptedChatModel(replies=broken)).bind_tools([look]).invoke("q")
    assert [call["args"] for call in answer.invalid_tool_calls] == ["{"]


class _Streaming(ScriptedChatModel):
    """Streams whoever listens."""

    streaming: bool = True


class _Asked(TypedDict):
    question: str
    answer: str


class _Answers(TypedDict):
    answers: list[str]


def test_no_call_of_a_resumed_node_is_given_another_ones_answer() -> None:
    """A node that asks several questions at once, and is run again, gets to each its own answer."""
    model = chat(
        ScriptedChatModel(replies=lambda messages: f"about {messages[-1].text.splitlines()[0]}"),
        ScriptedChatModel(replies="advice"),
    )
    order = [["a", "b", "c"], ["c", "b", "a"]]

    def ask(state: _Answers) -> dict[str, Any]:
        questions = order.pop(0)
        answers = {question: model.invoke(question).text for question in questions}
        interrupt("go on?")
        return {"answers": [answers[question] for question in ("a", "b", "c")]}

    graph = StateGraph(_Answers).add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke({"answers": []}, config)
    assert graph.invoke(Command(resume=True), config)["answers"] == ["about a", "about b", "about c"]
