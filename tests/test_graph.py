"""Claims about `create_moa`: what the graph looks like, what reaches whom, what comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph, add_messages
from typing_extensions import TypedDict

from langgraph_moa import (
    Aggregator,
    ConfigurationError,
    Layer,
    MissingKeyError,
    Mixture,
    Proposer,
    create_moa,
    load_preset,
)
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.prompts import split_references
from langgraph_moa.testing import ScriptedChatModel

ODD_TEXTS = {
    "numbered list": "1. one\n2. two\n\n3. three",
    "code fence": "```python\nprint('{x}')\n```",
    "braces": "{} {0} {name} %s {{x}}",
    "blank lines": "\n\n\na\n\n",
    "right to left": "\u202eשלום\u202c مرحبا",
    "nul": "a\x00b\x00",
    "look-alike tags": "</reference_0123456789abcdef>\n</references_0123456789abcdef>",
    "200 kB": "long " * 40_000,
}


def named(*names: str) -> list[Proposer]:
    """Return proposers that answer with their own name."""
    return [Proposer(ScriptedChatModel(replies=name), name=name) for name in names]


def ask(graph: MoAGraph, question: str = "why?") -> dict[str, Any]:
    """Return what the graph gives for a question."""
    return graph.invoke({"messages": [HumanMessage(question)]})


@pytest.mark.parametrize(
    ("width", "depth", "calls"),
    [pytest.param(6, 3, 13, id="paper"), pytest.param(6, 2, 7, id="lite"), pytest.param(1, 2, 2, id="smallest")],
)
def test_call_counts(width: int, depth: int, calls: int) -> None:
    """A mixture makes width times layers calls and one of the aggregator, and plans exactly those."""
    model, aggregator = ScriptedChatModel(), ScriptedChatModel()
    mixture = Mixture.of([Proposer(model) for _ in range(width)], aggregator, depth=depth)
    ask(create_moa(mixture))
    assert len(model.requests) + len(aggregator.requests) == calls == mixture.plan().calls
    assert len(aggregator.requests) == 1


@pytest.mark.parametrize("width", [1, 2, 6, 64])
def test_every_proposal_reaches_every_model_of_the_next_stage(width: int) -> None:
    """Each usable proposal reaches each next model byte-exact, once, in configured order."""
    odd = list(ODD_TEXTS.values())
    texts = [f"<{index}> {odd[index % len(odd)]}" for index in range(width)]
    first = [Proposer(ScriptedChatModel(replies=text), name=f"p{index}") for index, text in enumerate(texts)]
    reader, aggregator = ScriptedChatModel(replies="second"), ScriptedChatModel(replies="end")
    mixture = Mixture([Layer(first), Layer([Proposer(reader)], aggregator=None)], aggregator)
    out = ask(create_moa(mixture))
    [request] = reader.requests
    assert split_references(request).references == tuple(texts)
    prompt = str(request[-1].content)
    assert [prompt.count(text) for text in texts] == [1] * width
    assert [prompt.index(text) for text in texts] == sorted(prompt.index(text) for text in texts)
    assert [proposal["text"] for proposal in out["proposals"]] == [*texts, "second"]


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(
        st.text(min_size=1).filter(lambda text: text.strip() and "think>" not in text), min_size=1, max_size=5
    )
)
def test_any_text_reaches_the_aggregator(texts: list[str]) -> None:
    """Whatever proposers say, the aggregator's references are exactly that."""
    aggregator = ScriptedChatModel()
    proposers = [Proposer(ScriptedChatModel(replies=text)) for text in texts]
    ask(create_moa(Mixture.of(proposers, aggregator)))
    assert split_references(aggregator.requests[0]).references == tuple(texts)


@settings(max_examples=15, deadline=None)
@given(widths=st.lists(st.integers(1, 4), min_size=1, max_size=4), failing=st.sets(st.integers(0, 3)))
def test_each_join_and_the_aggregator_run_once(widths: list[int], failing: set[int]) -> None:
    """However many layers, slots and failures there are, every node runs once and the answer comes."""
    layers = [
        Layer(
            [
                Proposer(ScriptedChatModel(replies="ok" if i == 0 or i not in failing else ValueError("no")))
                for i in range(n)
            ]
        )
        for n in widths
    ]
    graph = create_moa(Mixture(layers, ScriptedChatModel(replies="answer"), on_partial="allow"))
    updates = [name for part in graph.stream({"messages": [HumanMessage("q")]}, stream_mode="updates") for name in part]
    assert len(updates) == len(set(updates)) == sum(widths) + len(widths) + 1


def test_drawing_shows_every_slot() -> None:
    """`draw_mermaid` shows each proposer of each layer, the joins and the aggregator."""
    mixture = load_preset("together-moa")
    drawing = create_moa(mixture).get_graph().draw_mermaid()
    nodes = [slot.node for slots in mixture.slots for slot in slots]
    assert len(nodes) == 12
    for node in [*nodes, "layer_1_join", "layer_2_join", "aggregator"]:
        assert f"({node})" in drawing
    assert "-.->" not in drawing


def test_edges_are_those_of_the_design() -> None:
    """Proposers lead to their join, a join to the next layer, the last join to the aggregator."""
    edges = {
        (edge.source, edge.target)
        for edge in create_moa(Mixture.of(named("a", "b"), "offline:x", depth=3)).get_graph().edges
    }
    layers = {
        (source, target)
        for number, before in enumerate(["__start__", "layer_1_join"], start=1)
        for slot in ("a", "b")
        for source, target in [
            (before, f"layer_{number}_{slot}"),
            (f"layer_{number}_{slot}", f"layer_{number}_join"),
        ]
    }
    assert edges == {*layers, ("layer_2_join", "aggregator"), ("aggregator", "__end__")}


def test_conversation_reaches_every_model() -> None:
    """System message, earlier turns and images reach proposers as they are, in every layer."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    conversation: list[AnyMessage] = [
        SystemMessage("be brief"),
        HumanMessage("hello"),
        AIMessage("hi"),
        HumanMessage([{"type": "text", "text": "what is this?"}, image]),
    ]
    model = ScriptedChatModel(replies="a cat")
    create_moa(Mixture.of([Proposer(model)], model, depth=3)).invoke({"messages": conversation})
    assert len(model.requests) == 3
    for request in model.requests:
        kept = split_references(request).messages
        assert [message.content for message in kept] == [message.content for message in conversation]


def test_system_prompt_is_for_its_proposer_alone() -> None:
    """A proposer's system prompt is added to the conversation's own and reaches nobody else."""
    chemist, other = ScriptedChatModel(), ScriptedChatModel()
    proposers = [Proposer(chemist, name="chemist", system_prompt="You are a chemist."), Proposer(other, name="other")]
    create_moa(Mixture.of(proposers, other)).invoke({"messages": [SystemMessage("Be brief."), HumanMessage("q")]})
    assert chemist.requests[0][0].content == "Be brief.\n\nYou are a chemist."
    assert all(request[0].content == "Be brief." for request in other.requests)


def test_sampling_parameters_are_sent_only_when_set() -> None:
    """Temperature and max_tokens reach the model when set, and nothing is sent otherwise."""
    plain, tuned = ScriptedChatModel(), ScriptedChatModel()
    mixture = Mixture.of(
        [Proposer(plain, name="plain"), Proposer(tuned, name="tuned", temperature=0.3, max_tokens=9)], plain
    )
    ask(create_moa(mixture))
    assert plain.options == [{}, {}]
    assert tuned.options == [{"temperature": 0.3, "max_tokens": 9}]


def test_samples_differ_even_under_a_cache() -> None:
    """Draws of one model are calls of their own under an LLM cache, and a cached run gives the same ones again."""
    counter = iter(range(100))
    model = ScriptedChatModel(replies=lambda _: f"sample {next(counter)}")
    graph = create_moa(Mixture.of([Proposer(model, samples=3)], ScriptedChatModel()))
    set_llm_cache(InMemoryCache())
    try:
        texts = [[proposal["text"] for proposal in ask(graph)["proposals"]] for _ in range(2)]
    finally:
        set_llm_cache(None)
    assert len(set(texts[0])) == 3
    assert texts[0] == texts[1]
    assert len(model.requests) == 3


def test_layer_aggregator_synthesises_before_the_next_layer() -> None:
    """With an aggregator of its own, a layer passes one text on and keeps its proposals."""
    middle, last = ScriptedChatModel(replies="merged"), ScriptedChatModel(replies="end")
    mixture = Mixture([Layer(named("a", "b"), aggregator=Aggregator(middle)), Layer(named("c"))], last)
    out = ask(create_moa(mixture))
    assert split_references(middle.requests[0]).references == ("a", "b")
    assert [proposal["proposer"] for proposal in out["proposals"]] == ["a", "b", "c"]
    summary = out["messages"][-1].response_metadata["moa"]
    assert [slot["slot"] for slot in summary["usage"]["slots"]] == ["a", "b", "c", "join", "aggregator"]


def test_shuffle_is_seeded() -> None:
    """A seed shows references in another order, the same in every run; proposals keep the configured one."""
    names = [f"p{number}" for number in range(12)]
    orders = []
    for _ in range(2):
        aggregator = ScriptedChatModel()
        mixture = Mixture([Layer(named(*names))], aggregator, shuffle_seed=7)
        out = ask(create_moa(mixture))
        orders.append(split_references(aggregator.requests[0]).references)
        assert [proposal["text"] for proposal in out["proposals"]] == names
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == sorted(names)
    assert list(orders[0]) != names


def test_own_instructions_stand_before_the_references() -> None:
    """`Aggregator.prompt` replaces the wording for every model that reads references, braces and all."""
    model = ScriptedChatModel()
    ask(create_moa(Mixture.of([Proposer(model)], Aggregator(model, prompt="Vote. {not a field}"), depth=3)))
    assert all("Vote. {not a field}" in str(request[-1].content) for request in model.requests[1:])
    assert "Vote." not in str(model.requests[0][-1].content)


def test_parent_graph_gets_one_message_and_nothing_else() -> None:
    """A parent's state holds its own keys and one message more per turn; nothing of the mixture's own."""

    class Parent(TypedDict):
        messages: Annotated[list[AnyMessage], add_messages]
        topic: str

    builder = StateGraph(Parent)
    builder.add_node("moa", create_moa(Mixture.of(named("a", "b"), ScriptedChatModel(replies="end"))))
    builder.add_edge(START, "moa")
    builder.add_edge("moa", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    for turn in range(1, 6):
        out = graph.invoke({"messages": [HumanMessage(f"turn {turn}")], "topic": "t"}, config)
        assert len(out["messages"]) == 2 * turn
    assert set(graph.get_state(config).values) == {"messages", "topic"}


def test_two_mixtures_in_parallel_in_one_parent() -> None:
    """The same graph twice in a parent, side by side under a checkpointer, gives two answers and no clash."""
    moa = create_moa(Mixture.of(named("a", "b"), ScriptedChatModel(replies="end"), depth=3))
    builder = StateGraph(MessagesState)
    for name in ("left", "right"):
        builder.add_node(name, moa)
        builder.add_edge(START, name)
        builder.add_edge(name, END)
    graph = builder.compile(checkpointer=InMemorySaver())
    out = graph.invoke({"messages": [HumanMessage("q")]}, {"configurable": {"thread_id": "1"}})
    assert [message.content for message in out["messages"]] == ["q", "end", "end"]


def _compiled(mixture: Mixture) -> Runnable[Any, Any]:
    return create_moa(mixture)


def _itself(mixture: Mixture) -> Mixture:
    return mixture


@pytest.mark.parametrize("form", [_itself, _compiled])
def test_mixture_as_proposer(form: Callable[[Mixture], Any]) -> None:
    """A mixture, compiled or not, is a proposer of another and its answer a reference."""
    inner = Mixture.of(named("a", "b"), ScriptedChatModel(replies="inner answer"), name="inner")
    aggregator = ScriptedChatModel(replies="end")
    out = ask(create_moa(Mixture.of([form(inner), *named("c")], aggregator)))
    assert split_references(aggregator.requests[0]).references == ("inner answer", "c")
    assert [proposal["proposer"] for proposal in out["proposals"]] == ["inner", "c"]


def test_a_mixture_that_calls_itself_is_stopped() -> None:
    """A mixture that is reached from within its own run raises instead of going on for ever."""
    graphs: list[MoAGraph] = []

    async def again(messages: list[BaseMessage]) -> dict[str, Any]:
        return await graphs[0].ainvoke({"messages": messages})

    graphs.append(
        create_moa(Mixture.of([Proposer(RunnableLambda(again), name="again")], ScriptedChatModel(), name="loop"))
    )
    with pytest.raises(ConfigurationError, match="'loop' was called from within itself"):
        ask(graphs[0])


async def test_every_way_to_call() -> None:
    """`invoke`, `ainvoke`, `stream`, `astream`, `batch` and `abatch` give the same answer."""
    graph = create_moa(Mixture.of(named("a", "b"), ScriptedChatModel(replies="the end"), depth=3))
    question = {"messages": [HumanMessage("q")]}
    answers = [
        (await asyncio.to_thread(graph.invoke, question))["messages"],
        (await graph.ainvoke(question))["messages"],
        next(reversed(list(await asyncio.to_thread(lambda: list(graph.stream(question))))))["aggregator"]["messages"],
        [part async for part in graph.astream(question)][-1]["aggregator"]["messages"],
        *[out["messages"] for out in await asyncio.to_thread(graph.batch, [question] * 3)],
        *[out["messages"] for out in await graph.abatch([question] * 3)],
    ]
    assert [messages[-1].content for messages in answers] == ["the end"] * 10


def test_invoke_inside_a_running_loop() -> None:
    """A synchronous call works where an event loop is running, as in a notebook."""
    graph = create_moa(Mixture.of(named("a"), ScriptedChatModel(replies="end")))

    async def cell() -> str:
        return str(ask(graph)["messages"][-1].content)

    assert asyncio.run(cell()) == "end"


def test_invoke_inside_a_model_of_a_synchronous_run() -> None:
    """A proposer that calls another mixture synchronously, on the loop it runs in, does not block itself."""
    inner = create_moa(Mixture.of(named("a"), ScriptedChatModel(replies="inner"), name="inner"))

    async def call_synchronously(messages: list[BaseMessage]) -> AIMessage:
        return AIMessage(ask(inner, str(messages[-1].content))["messages"][-1].content)

    outer = create_moa(
        Mixture.of([Proposer(RunnableLambda(call_synchronously), name="x")], ScriptedChatModel(replies="end"))
    )
    assert ask(outer)["proposals"][0]["text"] == "inner"


def test_stale_proposals_do_not_come_back() -> None:
    """Under a checkpointer, a proposer that fails in a later turn contributes nothing of an earlier one."""
    flaky = ScriptedChatModel(replies=["first", ValueError("down")])
    aggregator = ScriptedChatModel()
    mixture = Mixture.of([Proposer(flaky, name="flaky"), *named("b")], aggregator, name="m")
    graph = create_moa(mixture, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    for _ in range(2):
        out = graph.invoke({"messages": [HumanMessage("q")]}, config)
    assert [split_references(request).references for request in aggregator.requests] == [("first", "b"), ("b",)]
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "ok"]


def test_only_the_answer_streams() -> None:
    """`stream_mode="messages"` gives the answer's tokens once, in order, and no proposer's."""
    graph = create_moa(Mixture.of(named("a", "b"), ScriptedChatModel(replies="one two three"), depth=3))
    parts: list[Any] = list(graph.stream({"messages": [HumanMessage("q")]}, stream_mode="messages"))
    assert {metadata["langgraph_node"] for _, metadata in parts} == {"aggregator"}
    assert [chunk.content for chunk, _ in parts if chunk.content] == ["one", " two", " three"]


def test_interrupt_before_the_aggregator_repeats_no_call() -> None:
    """A run that stops before the aggregator goes on from there without asking a proposer again."""
    model, aggregator = ScriptedChatModel(), ScriptedChatModel(replies="end")
    mixture = Mixture.of([Proposer(model, samples=3)], aggregator)
    graph = create_moa(mixture, checkpointer=InMemorySaver(), interrupt_before=["aggregator"])
    config: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke({"messages": [HumanMessage("q")]}, config)
    assert (len(model.requests), len(aggregator.requests)) == (3, 0)
    assert graph.invoke(None, config)["messages"][-1].content == "end"
    assert (len(model.requests), len(aggregator.requests)) == (3, 1)


def test_proposers_do_not_use_the_streaming_transport() -> None:
    """A stream of the answer does not make proposers stream."""
    used: list[str] = []

    class Recording(ScriptedChatModel):
        def _astream(self, *args: Any, **kwargs: Any) -> Any:
            used.append(self.model_name)
            return super()._astream(*args, **kwargs)

    mixture = Mixture.of([Proposer(Recording(model_name="proposer"))], Recording(model_name="last"))
    list(create_moa(mixture).stream({"messages": [HumanMessage("q")]}, stream_mode="messages"))
    assert used == ["last"]


def test_create_moa_refuses_what_is_no_mixture() -> None:
    """Anything but a Mixture is refused with what to write instead."""
    with pytest.raises(ConfigurationError, match=r"Mixture\.of"):
        create_moa(["openai:gpt-4o"])  # type: ignore[arg-type]


def test_sampling_parameters_for_a_runnable_are_refused() -> None:
    """A temperature for something that is not a chat model is an error, not silently lost."""
    chain: Any = RunnableLambda(lambda _: "x")
    with pytest.raises(ConfigurationError, match="temperature goes with a chat model"):
        create_moa(Mixture.of([Proposer(chain, name="chain", temperature=0.1)], ScriptedChatModel()))


def test_an_empty_conversation_is_refused() -> None:
    """Without a message no model is called, and the error says what is missing."""
    model = ScriptedChatModel()
    with pytest.raises(ConfigurationError, match="messages is empty"):
        create_moa(Mixture.of([Proposer(model)], model)).invoke({"messages": []})
    assert model.requests == []


def test_system_prompt_with_references_in_the_system_message() -> None:
    """With `reference_placement="system"`, the references stay readable behind a proposer's own system prompt."""
    reader = ScriptedChatModel(replies="second")
    layers = [Layer(named("a", "b")), Layer([Proposer(reader, name="reader", system_prompt="You are a judge.")])]
    ask(create_moa(Mixture(layers, ScriptedChatModel(), reference_placement="system")))
    [request] = reader.requests
    assert split_references(request).references == ("a", "b")
    assert str(request[0].content).startswith("You are a judge.")


def test_an_answer_never_takes_the_place_of_an_earlier_one() -> None:
    """A model that gives every answer the same id, and an answer from a cache, still add a message each."""
    fixed = ScriptedChatModel(replies=AIMessage("end", id="always the same"))
    graph = create_moa(Mixture.of(named("a"), fixed), checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    for turn in (1, 2, 3):
        out = graph.invoke({"messages": [HumanMessage("q")]}, config)
        assert len(out["messages"]) == 2 * turn


def test_a_cached_answer_streams_once() -> None:
    """An answer from an LLM cache is shown once in the stream of messages."""
    graph = create_moa(Mixture.of(named("a"), ScriptedChatModel(replies="end")))
    question = {"messages": [HumanMessage("q", id="1")]}
    set_llm_cache(InMemoryCache())
    try:
        runs: list[Any] = [list(graph.stream(question, stream_mode="messages")) for _ in range(2)]
    finally:
        set_llm_cache(None)
    assert ["".join(chunk.content for chunk, _ in run) for run in runs] == ["end", "end"]


@pytest.mark.parametrize("names", [["aggregator"], "*"])
def test_interrupts_by_name_or_everywhere(names: Any) -> None:
    """`interrupt_before` takes node names or `"*"`."""
    graph = create_moa(
        Mixture.of(named("a"), ScriptedChatModel()), checkpointer=InMemorySaver(), interrupt_before=names
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke({"messages": [HumanMessage("q")]}, config)
    assert graph.get_state(config).next


def test_a_node_name_that_is_not_in_a_list_is_refused() -> None:
    """A bare name is not read letter by letter."""
    with pytest.raises(ConfigurationError, match="interrupt_before must be a list, got 'aggregator'"):
        create_moa(Mixture.of(named("a"), ScriptedChatModel()), interrupt_before="aggregator")


def test_a_resumed_run_checks_its_keys_too() -> None:
    """A run that goes on at the aggregator raises `MissingKeyError` before any request when the key is gone."""
    graph = create_moa(
        Mixture.of(named("a"), "together:b"), checkpointer=InMemorySaver(), interrupt_before=["aggregator"]
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOGETHER_API_KEY", "any")
        graph.invoke({"messages": [HumanMessage("q")]}, config)
    again = create_moa(Mixture.of(named("a"), "together:b"), checkpointer=graph.checkpointer)
    with pytest.raises(MissingKeyError):
        again.invoke(None, config)


@pytest.mark.parametrize("form", [_itself, _compiled])
def test_a_nested_mixture_is_planned(form: Callable[[Mixture], Any]) -> None:
    """A plan counts the calls of a mixture within a mixture, compiled or not."""
    inner = Mixture.of(named("a", "b"), ScriptedChatModel(), name="inner")
    outer = Mixture.of([form(inner), *named("c")], ScriptedChatModel())
    assert [call.slot for call in outer.plan().slots] == ["inner/a", "inner/b", "inner/aggregator", "c", "aggregator"]
