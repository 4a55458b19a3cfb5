"""A mixture where LangChain takes a chat model: in chains, behind fallbacks, configured, within another mixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, Runnable, RunnableLambda, RunnableParallel

from langgraph_moa import AggregatorError
from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.testing import ScriptedChatModel
from tests.chat_model.calling import QUESTION, Way, every_way, scripted

Chat = Runnable[Any, Any]


def chat_model(aggregator: ScriptedChatModel | None = None, **parameters: Any) -> ChatMoA:
    """Return a mixture of one proposer."""
    return ChatMoA(
        proposers=[scripted("proposer", "idea")], aggregator=aggregator or scripted("last", "answer"), **parameters
    )


def broken() -> ChatMoA:
    """Return a mixture whose aggregator is down."""
    return chat_model(scripted("last", ValueError("down")))


@every_way
def test_with_fallbacks(way: Way) -> None:
    """A mixture falls back on a model, and a model on a mixture."""
    assert way(broken().with_fallbacks([scripted("other", "instead")])).text == "instead"
    assert way(scripted("other", ValueError("down")).with_fallbacks([chat_model()])).text == "answer"


@every_way
def test_with_retry(way: Way) -> None:
    """A mixture that has failed is asked again as often as it is said; a stream, as LangChain has it, is not."""
    proposer = scripted("proposer")
    chat = ChatMoA(proposers=[proposer], aggregator=scripted("last", [ValueError("down"), "answer"]))
    retried = chat.with_retry(
        retry_if_exception_type=(AggregatorError,), wait_exponential_jitter=False, stop_after_attempt=2
    )
    if "stream" in way.__name__:
        with pytest.raises(AggregatorError):
            way(retried)
        return
    assert way(retried).text == "answer"
    assert len(proposer.requests) == 2


@every_way
def test_configurable_fields(way: Way) -> None:
    """A field that is configured for a call holds for it."""
    aggregator = scripted("last")
    chat = chat_model(aggregator, temperature=0.1).configurable_fields(
        temperature=ConfigurableField("heat"), stop=ConfigurableField("end")
    )
    way(chat.with_config(configurable={"heat": 0.7, "end": ["."]}))
    way(chat)
    assert [options["temperature"] for options in aggregator.options] == [0.7, 0.1]


def test_configurable_preset() -> None:
    """Which preset is asked can be configured, and one that does not exist is refused."""
    chat = ChatMoA(model="together-2026").configurable_fields(model=ConfigurableField("preset"))
    answer = chat.with_config(configurable={"preset": "offline"}).invoke(QUESTION)
    assert answer.response_metadata["moa"]["mixture"] == "offline"
    with pytest.raises(ValueError, match="there is no preset 'online'"):
        chat.with_config(configurable={"preset": "online"}).invoke(QUESTION)


@every_way
def test_configurable_alternatives(way: Way) -> None:
    """A mixture can be the alternative to a model, and a model to a mixture."""
    switch = ConfigurableField("model")
    single = scripted("single", "alone").configurable_alternatives(switch, default_key="single", moa=chat_model())
    assert [way(single).text, way(single.with_config(configurable={"model": "moa"})).text] == ["alone", "answer"]
    mixture = chat_model().configurable_alternatives(switch, default_key="moa", single=scripted("single", "alone"))
    assert [way(mixture).text, way(mixture.with_config(configurable={"model": "single"})).text] == ["answer", "alone"]


@every_way
def test_bound_arguments(way: Way) -> None:
    """What is bound goes to the aggregator alone."""
    proposer, aggregator = scripted("proposer"), scripted("last")
    way(ChatMoA(proposers=[proposer], aggregator=aggregator).bind(stop=["."], seed=7))
    (options,) = aggregator.options
    assert options["seed"] == 7
    assert "seed" not in proposer.options[0]


@pytest.mark.parametrize("parameters", [{}, {"stop": ["never"]}], ids=["bound", "instead-of-its-own"])
@every_way
def test_stop(way: Way, parameters: dict[str, Any]) -> None:
    """Sequences that end the answer reach the aggregator, those of the call before the chat model's own."""
    stops: list[Any] = []

    class Stopping(ScriptedChatModel):
        """Keeps the sequences of every call."""

        async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            stops.append(stop)
            return await super()._agenerate(messages, stop, run_manager, **kwargs)

        async def _astream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            stops.append(stop)
            async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
                yield chunk

    chat = ChatMoA(proposers=[scripted("proposer")], aggregator=Stopping(), **parameters)
    way(chat.bind(stop=["END"]))
    way(chat)
    assert stops == [["END"], parameters.get("stop")]


@every_way
def test_preset_for_a_call(way: Way) -> None:
    """The model that is named in a call is a preset, and is asked instead; the next call is not changed."""
    chat = chat_model()
    assert way(chat.bind(model="offline")).response_metadata["moa"]["mixture"] == "offline"
    assert way(chat).text == "answer"
    with pytest.raises(ValueError, match="there is no preset 'gpt-5'"):
        way(chat.bind(model="gpt-5"))


@every_way
def test_in_a_chain(way: Way) -> None:
    """Between a prompt and a parser, a mixture is asked what the prompt makes."""
    proposer = scripted("proposer")
    chat = ChatMoA(proposers=[proposer], aggregator=scripted("last", "the answer"))
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "Say: {question}")])
    chain = {"question": RunnableLambda(str)} | prompt | chat | StrOutputParser() | RunnableLambda(AIMessage)
    assert way(chain).text == "the answer"
    (request,) = proposer.requests
    assert [(message.type, message.text) for message in request] == [
        ("system", "Be brief."),
        ("human", f"Say: {QUESTION}"),
    ]


@every_way
def test_side_by_side(way: Way) -> None:
    """In a `RunnableParallel`, mixtures answer at once, each its own."""
    first, second = chat_model(scripted("a", "one")), chat_model(scripted("b", "two"))
    both: Any = RunnableParallel(first=first | StrOutputParser(), second=second | StrOutputParser())
    answer = way(both | RunnableLambda(lambda said: AIMessage(f"{said['first']} {said['second']}")))
    assert answer.text == "one two"


def test_batch_within_a_limit() -> None:
    """A batch asks as many questions at a time as it is told, and gives the answers in their order."""
    order: list[str] = []

    def idea(messages: Any) -> str:
        order.append(messages[-1].text.split()[0])
        return "idea"

    last = scripted("last", lambda messages: f"answer to {messages[-1].text.split()[0]}")
    chat = ChatMoA(proposers=[scripted("a", idea), scripted("b", idea)], aggregator=last)
    questions: list[Any] = [f"{number} ?" for number in range(4)]
    answers = chat.batch(questions, {"max_concurrency": 1})
    assert [answer.text for answer in answers] == [f"answer to {number}" for number in range(4)]
    assert order == ["0", "0", "1", "1", "2", "2", "3", "3"]


async def test_errors_in_a_batch() -> None:
    """A question that fails leaves the others their answers."""

    def answer(messages: Any) -> str:
        if "hard" in messages[0].text:
            raise ValueError(messages[0].text)
        return "answer"

    chat = chat_model(scripted("last", answer))
    for results in (
        chat.batch(["easy", "hard"], return_exceptions=True),
        await chat.abatch(["easy", "hard"], return_exceptions=True),
    ):
        assert results[0].text == "answer"
        assert isinstance(results[1], AggregatorError)


async def test_generate() -> None:
    """`generate` and `agenerate` answer every conversation, in their order."""
    chat = chat_model(scripted("last", lambda messages: messages[0].text.upper()))
    conversations: list[list[Any]] = [[HumanMessage("one")], [HumanMessage("two")]]
    for result in (chat.generate(conversations), await chat.agenerate(conversations)):
        assert [choices[0].text[:3] for choices in result.generations] == ["ONE", "TWO"]


@pytest.mark.parametrize(
    "given",
    [QUESTION, [("user", QUESTION)], [{"role": "user", "content": QUESTION}], [HumanMessage(QUESTION)]],
    ids=["text", "pairs", "tables", "messages"],
)
def test_forms_of_input(given: Any) -> None:
    """A conversation may be given in any form that LangChain takes."""
    proposer = scripted("proposer")
    ChatMoA(proposers=[proposer], aggregator=scripted("last")).invoke(given)
    assert [message.text for message in proposer.requests[0]] == [QUESTION]


def as_proposer(inner: ChatMoA) -> ChatMoA:
    """Return a mixture that another one proposes in."""
    return ChatMoA(proposers=[inner, scripted("beside", "another idea")], aggregator=scripted("outer", "outer answer"))


def as_aggregator(inner: ChatMoA) -> ChatMoA:
    """Return a mixture that another one aggregates."""
    return ChatMoA(proposers=[scripted("beside", "another idea")], aggregator=inner)


@pytest.mark.parametrize(
    ("build", "expected"),
    [(as_proposer, "outer answer"), (as_aggregator, "inner answer")],
    ids=["proposer", "aggregator"],
)
@every_way
def test_within_another(way: Way, build: Callable[[ChatMoA], ChatMoA], expected: str) -> None:
    """A mixture takes a slot of another one as any chat model does, and is asked once."""
    proposer, aggregator = scripted("proposer", "inner idea"), scripted("inner", "inner answer")
    answer = way(build(ChatMoA(proposers=[proposer], aggregator=aggregator)))
    assert answer.text == expected
    assert not answer.response_metadata["moa"]["degraded"]
    assert [len(model.requests) for model in (proposer, aggregator)] == [1, 1]


def test_tools_reach_the_innermost_actor() -> None:
    """Tools go through an aggregator that is a mixture to the aggregator of that, and to nobody else."""
    proposer, called = scripted("proposer"), AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])
    actor = scripted("inner", called)
    outer = as_aggregator(ChatMoA(proposers=[proposer], aggregator=actor))
    table = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    answer = outer.bind_tools([table]).invoke(QUESTION)
    assert [call["name"] for call in answer.tool_calls] == ["look"]
    assert [tool["function"]["name"] for tool in actor.options[0]["tools"]] == ["look"]
    assert "tools" not in proposer.options[0]
