"""Claims about what becomes of a call: answers, failures, fallbacks, lateness."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import threading
from contextlib import suppress
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from langgraph_moa import Aggregator, AggregatorError, Layer, Mixture, Proposer, QuorumError, create_moa
from langgraph_moa.prompts import split_references
from langgraph_moa.state import LayerRecord
from langgraph_moa.summary import summarize
from langgraph_moa.testing import ScriptedChatModel
from langgraph_moa.usage import Price, PriceTable

QUESTION = {"messages": [HumanMessage("why?")]}
CANARY = "sk-canary-0123456789abcdef"


def good(text: str = "good", **fields: Any) -> ScriptedChatModel:
    """Return a model that answers."""
    return ScriptedChatModel(replies=text, **fields)


def bad(error: Exception | None = None) -> ScriptedChatModel:
    """Return a model that raises."""
    return ScriptedChatModel(replies=error or ValueError("it is down"))


def test_failures_are_data() -> None:
    """With one good answer of four, the run ends well and says of each slot what became of it."""
    aggregator = good("answer")
    proposers = [
        Proposer(bad(), name="raises"),
        Proposer(good(delay=30), name="late", timeout=0.05),
        Proposer(good(""), name="silent"),
        Proposer(good("fine"), name="fine"),
    ]
    out = create_moa(Mixture.of(proposers, aggregator, name="four")).invoke(QUESTION)
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "timeout", "empty", "ok"]
    assert split_references(aggregator.requests[0]).references == ("fine",)
    assert "down" not in str(aggregator.requests[0][-1].content)
    summary = out["messages"][-1].response_metadata["moa"]
    assert (summary["degraded"], summary["ok"], summary["planned"]) == (True, 1, 4)
    assert [missing["proposer"] for missing in summary["missing"]] == ["raises", "late", "silent"]


def test_quorum_error_holds_every_proposal_and_spares_the_aggregator() -> None:
    """Below the quorum, the error says what each slot did, survives pickling, and no aggregator is called."""
    aggregator = good()
    mixture = Mixture.of([Proposer(bad(), name="a"), Proposer(good(), name="b")], aggregator, quorum=2)
    with pytest.raises(QuorumError, match="1 of 2 proposers gave a usable answer, 2 needed") as caught:
        create_moa(mixture).invoke(QUESTION)
    unpickled = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert [proposal["status"] for proposal in unpickled.proposals] == ["error", "ok"]
    assert aggregator.requests == []


def test_grace_ends_the_wait_and_cancels_stragglers() -> None:
    """With the quorum in and the grace over, the layer goes on and the straggler's call is cancelled."""
    slow = good(delay=60)
    proposers = [Proposer(good("1"), name="a"), Proposer(good("2"), name="b"), Proposer(slow, name="slow")]
    out = create_moa(Mixture.of(proposers, good("answer"), quorum=2, grace=0.05)).invoke(QUESTION)
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok", "ok", "cancelled"]
    assert slow.cancelled == 1


def test_required_proposer_is_waited_for() -> None:
    """A required proposer is waited for although the quorum has long been reached."""
    proposers = [Proposer(good("1"), name="a"), Proposer(good("2", delay=0.3), name="slow", required=True)]
    out = create_moa(Mixture.of(proposers, good("answer"), quorum=1, grace=0.0)).invoke(QUESTION)
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok", "ok"]


def test_deadline_is_of_the_layer() -> None:
    """A layer's deadline cuts a proposer that sets no time of its own."""
    proposers = [Proposer(good("1"), name="a"), Proposer(good(delay=60), name="slow")]
    out = create_moa(Mixture.of(proposers, good("answer"), deadline=0.2)).invoke(QUESTION)
    late = out["proposals"][1]
    assert (late["status"], late["text"]) == ("timeout", "")
    assert late["error"]["kind"] == "DeadlineExceeded"


async def test_cancelling_a_run_cancels_its_calls() -> None:
    """Cancelling `ainvoke` reaches every call that is under way."""
    under_way, ended, all_under_way = [], [], asyncio.Event()

    async def never(messages: list[BaseMessage]) -> str:
        under_way.append(messages)
        if len(under_way) == 3:
            all_under_way.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(messages)
        return "never"

    graph = create_moa(Mixture.of([Proposer(RunnableLambda(never), samples=3)], good()))
    task = asyncio.create_task(graph.ainvoke(QUESTION))
    await all_under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(ended) == 3


def test_fallback_answers_in_place_of_a_model() -> None:
    """A fallback's answer is used, labelled as its own, and marks the run as degraded."""
    proposer = Proposer(bad(), name="a", fallbacks=[bad(), good("rescued", model_name="second")])
    out = create_moa(Mixture.of([proposer], good("answer"))).invoke(QUESTION)
    [proposal] = out["proposals"]
    assert (proposal["text"], proposal["attempts"]) == ("rescued", 3)
    assert proposal["model"] == "scriptedchatmodel:scripted"
    assert proposal["served_model"] == "scriptedchatmodel:second"
    assert out["messages"][-1].response_metadata["moa"]["degraded"] is True


def test_empty_answers_fall_back_too() -> None:
    """An empty answer is no answer: the next model is asked."""
    out = create_moa(Mixture.of([Proposer(good(" "), name="a", fallbacks=[good("text")])], good("answer"))).invoke(
        QUESTION
    )
    assert out["proposals"][0]["text"] == "text"


def test_aggregator_failure_keeps_the_proposals() -> None:
    """When aggregator and fallback fail, the error holds every finished proposal and survives pickling."""
    mixture = Mixture.of([Proposer(good("kept"), name="a")], Aggregator(bad(), fallbacks=[good("")]), depth=3)
    with pytest.raises(AggregatorError, match="the answer has no visible text") as caught:
        create_moa(mixture).invoke(QUESTION)
    unpickled = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert [proposal["text"] for proposal in unpickled.proposals] == ["kept", "kept"]


def test_aggregator_timeout() -> None:
    """An aggregator that takes too long is cut."""
    mixture = Mixture.of([Proposer(good(), name="a")], Aggregator(good(delay=60), timeout=0.05))
    with pytest.raises(AggregatorError, match=r"no answer within 0\.05 s"):
        create_moa(mixture).invoke(QUESTION)


def test_refusal_is_not_an_answer() -> None:
    """What a provider marks as a refusal is not shown to the aggregator."""
    refusal = ScriptedChatModel(replies=AIMessage("no", additional_kwargs={"refusal": "no"}))
    aggregator = good("answer")
    out = create_moa(Mixture.of([Proposer(refusal, name="a"), Proposer(good("yes"), name="b")], aggregator)).invoke(
        QUESTION
    )
    assert [proposal["status"] for proposal in out["proposals"]] == ["refused", "ok"]
    assert split_references(aggregator.requests[0]).references == ("yes",)


@pytest.mark.parametrize("policy", ["allow", "warn"])
def test_partial_layers_go_on(policy: Any, caplog: pytest.LogCaptureFixture) -> None:
    """`on_partial` says whether a missing proposal is logged."""
    mixture = Mixture([Layer([Proposer(bad(), name="a"), Proposer(good(), name="b")])], good("x"), on_partial=policy)
    with caplog.at_level(logging.WARNING, logger="langgraph_moa"):
        create_moa(mixture).invoke(QUESTION)
    assert [record.getMessage() for record in caplog.records] == (
        ["moa: layer 1 goes on with 1 of 2 proposals (a: error)"] if policy == "warn" else []
    )


def test_on_partial_raise() -> None:
    """`on_partial="raise"` makes every slot needed."""
    mixture = Mixture([Layer([Proposer(bad(), name="a"), Proposer(good(), name="b")])], good(), on_partial="raise")
    with pytest.raises(QuorumError, match="2 needed"):
        create_moa(mixture).invoke(QUESTION)


def test_secrets_are_taken_out_of_failures() -> None:
    """A key in a provider's message reaches no proposal, error or cause."""
    leaky = bad(ValueError(f"Incorrect API key provided: {CANARY}. Authorization: Bearer {CANARY}"))
    with pytest.raises(QuorumError) as caught:
        create_moa(Mixture.of([Proposer(leaky, name="a")], good())).invoke(QUESTION)
    assert CANARY not in f"{caught.value!r} {caught.value.proposals} {caught.value.__cause__!r}"
    with pytest.raises(AggregatorError) as failed:
        create_moa(Mixture.of([Proposer(good(), name="a")], leaky)).invoke(QUESTION)
    assert CANARY not in f"{failed.value!r} {failed.value.proposals} {failed.value.__cause__!r}"


def test_usage_is_summed_over_all_calls() -> None:
    """The summary's total is the sum of what every call reported, and names the calls that reported nothing."""
    usage: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    counted = ScriptedChatModel(usage=usage)
    mixture = Mixture.of([Proposer(counted, samples=2), Proposer(good(), name="silent")], counted)
    summary = create_moa(mixture).invoke(QUESTION)["messages"][-1].response_metadata["moa"]
    total = summary["usage"]["total"]
    assert (total["input_tokens"], total["output_tokens"], total["total_tokens"]) == (30, 15, 45)
    assert total["cached_tokens"] is None
    assert summary["usage"]["unknown"] == ["layer_1_silent"]
    assert summary["cost"]["total"] is None


def test_progress_events() -> None:
    """The custom stream tells when each call starts and how it ends."""
    mixture = Mixture.of([Proposer(good(), name="a"), Proposer(bad(), name="b")], good("one two"))
    parts = list(create_moa(mixture).stream(QUESTION, stream_mode=["custom", "messages"]))
    events = [part for mode, part in parts if mode == "custom"]
    told = {(event["event"], event["slot"]) for event in events}
    assert told == {
        ("planned", "aggregator"), ("started", "a"), ("started", "b"),
        ("finished", "a"), ("failed", "b"), ("aggregating", "aggregator"),
        ("first_token", "aggregator"), ("done", "aggregator"),
    }  # fmt: skip
    assert [event["event"] for event in events][-3:] == ["aggregating", "first_token", "done"]


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(AIMessage("said"), id="message"),
        pytest.param("said", id="text"),
        pytest.param({"messages": [HumanMessage("q"), AIMessage("said")]}, id="state"),
        pytest.param({"messages": [{"type": "ai", "content": "said"}]}, id="state as JSON"),
        pytest.param(ChatMessage(content="said", role="assistant"), id="another kind of message"),
    ],
)
def test_any_runnable_may_propose(output: Any) -> None:
    """A Runnable may answer with a message, with text or with a state."""
    chain = RunnableLambda(lambda _: output)
    out = create_moa(Mixture.of([Proposer(chain, name="chain")], good())).invoke(QUESTION)
    assert out["proposals"][0]["text"] == "said"


def test_another_output_is_an_error_of_that_slot() -> None:
    """A Runnable that answers with something else fails alone."""
    chain: Any = RunnableLambda(lambda _: 42)
    out = create_moa(Mixture.of([Proposer(chain, name="chain"), Proposer(good(), name="b")], good())).invoke(QUESTION)
    assert out["proposals"][0]["error"]["kind"] == "TypeError"


async def test_a_cancelled_run_resumes_with_a_whole_deadline() -> None:
    """A run that was cancelled and is resumed gives each proposer the layer's deadline again."""
    first = asyncio.Event()

    async def hang_once(messages: list[BaseMessage]) -> str:
        if not first.is_set():
            first.set()
            await asyncio.Event().wait()
        return "answered"

    mixture = Mixture.of([Proposer(RunnableLambda(hang_once), name="a")], good("end"), deadline=5.0)
    graph = create_moa(mixture, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    task = asyncio.create_task(graph.ainvoke(QUESTION, config))
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    out = await graph.ainvoke(None, config)
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok"]


@pytest.mark.parametrize(
    ("output", "status"),
    [
        pytest.param({"messages": [HumanMessage("why?")]}, "empty", id="the question in a state"),
        pytest.param({"messages": []}, "empty", id="an empty state"),
        pytest.param(HumanMessage("why?"), "empty", id="the question"),
        pytest.param(42, "error", id="a number"),
    ],
)
def test_the_question_is_no_answer(output: Any, status: str) -> None:
    """What gives back the user's own message has not answered."""
    chain: Any = RunnableLambda(lambda _: output)
    out = create_moa(Mixture.of([Proposer(chain, name="chain"), Proposer(good(), name="b")], good())).invoke(QUESTION)
    assert out["proposals"][0]["status"] == status


def _agent(reply: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("say", lambda state: {"messages": [reply(state)]})
    builder.add_edge(START, "say")
    return builder.compile()


@pytest.mark.parametrize("wrap", ["with_retry", "with_config", "bind", "with_fallbacks", "pipe"])
def test_wrapped_graphs_may_propose(wrap: str) -> None:
    """A graph is asked as a graph, also behind retries, fallbacks, bound arguments or at the head of a chain."""
    agent = _agent(lambda state: AIMessage(f"{len(state['messages'])} message"))
    wrapped = {
        "with_retry": agent.with_retry,
        "with_config": lambda: agent.with_config(tags=["x"]),
        "bind": lambda: agent.bind(stream_mode="values"),
        "with_fallbacks": lambda: agent.with_fallbacks([agent]),
        "pipe": lambda: agent | RunnableLambda(lambda state: state["messages"][-1]),
    }[wrap]()
    out = create_moa(Mixture.of([Proposer(wrapped, name="agent")], good())).invoke(QUESTION)
    assert (out["proposals"][0]["status"], out["proposals"][0]["text"]) == ("ok", "1 message")


def test_usage_counts_every_call_of_a_slot() -> None:
    """Empty answers before a fallback, and an agent's earlier turns, are counted too."""
    usage: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    turn = AIMessage("turn", usage_metadata=usage)
    agent: Any = RunnableLambda(
        lambda _: {"messages": [HumanMessage("why?"), turn, turn.model_copy(update={"id": "2"})]}
    )
    empty, rescue = ScriptedChatModel(replies="", usage=usage), ScriptedChatModel(usage=usage)
    mixture = Mixture.of([Proposer(agent, name="agent"), Proposer(empty, name="b", fallbacks=[rescue])], good())
    totals = [proposal["usage"]["total_tokens"] for proposal in create_moa(mixture).invoke(QUESTION)["proposals"]]
    assert totals == [30, 30]


def test_a_nested_mixture_is_seen_through() -> None:
    """The outer summary knows the inner mixture's missing proposer and its cost."""
    inner = Mixture.of([Proposer(bad(), name="x"), "offline:bm25"], "offline:agreement", name="inner")
    out = create_moa(Mixture.of([inner], "offline:agreement")).invoke(QUESTION)
    [proposal] = out["proposals"]
    summary = out["messages"][-1].response_metadata["moa"]
    assert proposal["model"] == "mixture:inner"
    assert proposal["nested"]["missing"] == ["layer_1_x"]
    assert summary["degraded"] is True
    assert summary["missing"] == []
    assert summary["cost"]["unpriced"] == ["scriptedchatmodel:scripted"]


def test_a_model_that_cancels_itself_fails_alone() -> None:
    """`CancelledError` from within a model is that slot's failure, and does not end the run."""

    async def cancel(_: list[BaseMessage]) -> str:
        raise asyncio.CancelledError("inner")

    proposers = [Proposer(RunnableLambda(cancel), name="a"), Proposer(good(), name="b")]
    out = create_moa(Mixture.of(proposers, good())).invoke(QUESTION)
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "ok"]


def test_an_error_that_cannot_be_shown_is_data() -> None:
    """An exception whose text cannot be made is recorded by its kind."""

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    out = create_moa(Mixture.of([Proposer(bad(MuteError()), name="a"), Proposer(good(), name="b")], good())).invoke(
        QUESTION
    )
    assert out["proposals"][0]["error"] == {"kind": "MuteError", "message": "MuteError"}


def test_a_set_up_error_inside_a_proposer_is_data() -> None:
    """A proposer that calls a mixture with a missing key fails alone, and its fallback is asked."""
    inner = create_moa(Mixture.of(["together:a"], "together:b", name="inner"))

    async def use_inner(messages: list[BaseMessage]) -> Any:
        return await inner.ainvoke({"messages": messages})

    proposer = Proposer(RunnableLambda(use_inner), name="a", fallbacks=[good("rescued")])
    assert create_moa(Mixture.of([proposer], good())).invoke(QUESTION)["proposals"][0]["text"] == "rescued"


class Blocking(BaseChatModel):
    """A model without an asynchronous side that answers when all of its calls are under way."""

    barrier: Any

    @property
    def _llm_type(self) -> str:
        return "blocking"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        self.barrier.wait(timeout=30)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("ok"))])


def test_synchronous_models_do_not_wait_for_each_other() -> None:
    """64 models without an asynchronous side answer side by side in a synchronous run."""
    graph = create_moa(Mixture.of([Proposer(Blocking(barrier=threading.Barrier(64)), samples=64)], good()))
    assert [proposal["status"] for proposal in graph.invoke(QUESTION)["proposals"]] == ["ok"] * 64


def test_a_wide_layer_runs_side_by_side_in_a_synchronous_call() -> None:
    """All 64 calls of a layer are under way before the first of them ends, whatever the number of cores."""
    under_way: list[int] = []
    all_under_way = asyncio.Event()

    async def wait_for_all(_: list[BaseMessage]) -> str:
        under_way.append(1)
        if len(under_way) == 64:
            all_under_way.set()
        await all_under_way.wait()
        return "ok"

    mixture = Mixture.of([Proposer(RunnableLambda(wait_for_all), samples=64)], good(), deadline=60)
    assert create_moa(mixture).invoke(QUESTION)["messages"][-1].response_metadata["moa"]["ok"] == 64


async def test_a_call_that_ignores_cancellation_is_left_behind() -> None:
    """The deadline holds also for a call that does not let itself be cancelled."""
    release = asyncio.Event()

    async def stubborn(_: list[BaseMessage]) -> str:
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()
        return "too late"

    mixture = Mixture.of(
        [Proposer(RunnableLambda(stubborn), name="a"), Proposer(good(), name="b")], good(), deadline=0.05
    )
    out = await asyncio.wait_for(create_moa(mixture).ainvoke(QUESTION), 30)
    release.set()
    assert [proposal["status"] for proposal in out["proposals"]] == ["timeout", "ok"]


def test_a_chain_with_a_prompt_may_propose() -> None:
    """A chain that begins with a prompt template gets the conversation under `messages`."""
    model = good("as a poet")
    prompt = ChatPromptTemplate([("system", "You are a poet."), MessagesPlaceholder("messages")])
    out = create_moa(Mixture.of([Proposer(prompt | model, name="poet")], good())).invoke(QUESTION)
    assert out["proposals"][0]["text"] == "as a poet"
    assert [message.content for message in model.requests[0]] == ["You are a poet.", "why?"]


def test_a_runnable_that_only_looks_like_a_wrapper_is_asked_as_it_is() -> None:
    """Attributes named as LangChain's wrappers name theirs do not change what a user's own Runnable is given."""

    class Own(Runnable[Any, Any]):
        first = bound = runnable = ChatPromptTemplate([MessagesPlaceholder("messages")])

        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> str:
            return f"{len(input[-1:])} last message"

    out = create_moa(Mixture.of([Proposer(Own(), name="own")], good())).invoke(QUESTION)
    assert out["proposals"][0]["text"] == "1 last message"


def test_a_prompt_with_a_variable_of_another_name_gets_the_conversation() -> None:
    """A prompt that asks for the conversation under one other name is fed it by LangChain itself."""
    model = good()
    prompt = ChatPromptTemplate([("system", "s"), MessagesPlaceholder("history")])
    create_moa(Mixture.of([Proposer(prompt | model, name="a")], good())).invoke(QUESTION)
    assert [message.content for message in model.requests[0]] == ["s", "why?"]


def test_a_tool_s_direct_answer_is_an_answer() -> None:
    """An agent may end with a tool's message."""
    agent: Any = RunnableLambda(lambda _: {"messages": [HumanMessage("why?"), ToolMessage("42", tool_call_id="1")]})
    out = create_moa(Mixture.of([Proposer(agent, name="a")], good())).invoke(QUESTION)
    assert out["proposals"][0]["text"] == "42"


def test_every_attempt_has_its_own_price() -> None:
    """An empty answer of a dear model and the answer of its cheap fallback are priced apart."""
    usage: Any = {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000}
    dear = ScriptedChatModel(replies="", usage=usage, model_name="dear")
    cheap = ScriptedChatModel(usage=usage, model_name="cheap")
    out = create_moa(Mixture.of([Proposer(dear, name="a", fallbacks=[cheap])], good())).invoke(QUESTION)
    calls = out["proposals"][0]["calls"]
    assert [call["model"] for call in calls] == ["scriptedchatmodel:dear", "scriptedchatmodel:cheap"]
    prices = {"scriptedchatmodel:dear": Price(10, 1), "scriptedchatmodel:cheap": Price(1, 1)}
    table = PriceTable(prices=prices, date="2026-01-01", source="by hand")
    record = LayerRecord(proposals=out["proposals"], synthesis=None, substitute=None)
    summary = summarize("m", {"1": record}, out["proposals"][0], prices=table)
    assert summary["usage"]["slots"][0]["cost"] == 11.0


def test_a_summary_of_another_shape_does_no_harm() -> None:
    """An answer with foreign data under `moa`, as a remote graph may give it, is an answer all the same."""
    odd = ScriptedChatModel(replies=AIMessage("fine", response_metadata={"moa": {"usage": {"total": None}}}))
    out = create_moa(Mixture.of([Proposer(odd, name="a")], good())).invoke(QUESTION)
    assert (out["proposals"][0]["text"], out["proposals"][0]["nested"]) == ("fine", None)


async def test_no_fallback_is_asked_after_the_time_is_up() -> None:
    """A model that answers its cancellation with an error of its own does not make the slot ask its fallback."""

    async def complain(_: list[BaseMessage]) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("closed") from None
        return "never"

    fallback = good("too late")
    late = Proposer(RunnableLambda(complain), name="a", fallbacks=[fallback])
    mixture = Mixture.of([late, Proposer(good(), name="b")], good(), deadline=0.05)
    out = await create_moa(mixture).ainvoke(QUESTION)
    assert [proposal["status"] for proposal in out["proposals"]] == ["timeout", "ok"]
    assert out["proposals"][0]["attempts"] == 1
    assert fallback.requests == []


async def test_a_call_left_behind_changes_no_record() -> None:
    """What a call that ignored its cancellation still does is not written into the proposal that told of it."""
    release, ended = asyncio.Event(), asyncio.Event()
    usage: Any = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}

    async def stubborn(_: list[BaseMessage]) -> AIMessage:
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()
        ended.set()
        return AIMessage("too late", usage_metadata=usage)

    proposers = [Proposer(RunnableLambda(stubborn), name="a"), Proposer(good(), name="b")]
    out = await create_moa(Mixture.of(proposers, good(), deadline=0.05)).ainvoke(QUESTION)
    before = copy.deepcopy(out["proposals"])
    release.set()
    await ended.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert out["proposals"] == before
