"""Every strategy, as the aggregator of a mixture and of a layer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, HumanMessage

from langgraph_moa import (
    Aggregator,
    AggregatorError,
    ChatMoA,
    ConfigurationError,
    Layer,
    Mixture,
    Proposer,
    StopWhen,
    create_moa,
)
from langgraph_moa.strategies import (
    STRATEGIES,
    Case,
    Consensus,
    Council,
    Select,
    Sequential,
    Source,
    Strategy,
    Synthesize,
    Vote,
)
from langgraph_moa.testing import ScriptedChatModel

SOLUTIONS = ("6 * 3 = 18. The answer is 18.", "It is 20.\n#### 20", "Surely 18. So the answer is 18.")
REVIEW = {
    "agreements": ["all multiply"],
    "contradictions": ["1 and 3 say 18, 2 says 20"],
    "unique_points": [{"reference": 2, "point": "it may be 20"}],
}


def mixture(aggregator: Aggregator, texts: tuple[str, ...] = SOLUTIONS) -> Mixture:
    """Return a mixture whose proposers `p0`, `p1`, ... say these texts."""
    return Mixture(
        [Layer([Proposer(ScriptedChatModel(replies=text), name=f"p{i}") for i, text in enumerate(texts)])], aggregator
    )


def run(aggregator: Aggregator, texts: tuple[str, ...] = SOLUTIONS) -> tuple[str, dict[str, Any]]:
    """Return the answer and the decision of a run."""
    message = create_moa(mixture(aggregator, texts)).invoke({"messages": [("user", "How many?")]})["messages"][-1]
    return message.text, message.response_metadata["moa"]


def test_vote_takes_the_plurality() -> None:
    """A vote answers with the earliest proposal of the winning answer, word for word, and tells every ballot."""
    text, summary = run(Aggregator(strategy="vote"))
    assert text == SOLUTIONS[0]
    decision = summary["decision"]
    assert decision["chosen"] == "p0"
    assert [(ballot["answer"], ballot["weight"], ballot["slots"]) for ballot in decision["ballots"]] == [
        ("18", 2.0, ["p0", "p2"]),
        ("20", 1.0, ["p1"]),
    ]
    assert decision["tie"] is False
    assert "'18' has 2 of 3" in decision["why"]


def test_vote_by_weights() -> None:
    """A vote weighted by reliability lets one trusted slot overrule two."""
    text, summary = run(Aggregator(strategy=Vote(weights={"p0": 1, "p1": 3, "p2": 1})))
    assert text == SOLUTIONS[1]
    assert summary["decision"]["ballots"][0]["weight"] == 3


def test_a_tie_is_explained() -> None:
    """A tie goes to the answer that was given first, and the decision says so."""
    text, summary = run(Aggregator(strategy="vote"), SOLUTIONS[:2])
    assert text == SOLUTIONS[0]
    assert summary["decision"]["tie"] is True
    assert summary["decision"]["why"].startswith("tie: ")


def test_nothing_to_vote_on() -> None:
    """Where no proposal has a final answer, the vote falls back to the consensus and says why."""
    texts = ("Paris, of course", "London by the sea", "Paris, surely of course")
    text, summary = run(Aggregator(strategy="vote"), texts)
    assert text in {texts[0], texts[2]}
    assert "no reference has a final answer" in summary["decision"]["why"]


def test_consensus_asks_no_model() -> None:
    """The consensus is one of the proposals, and the plan and the run have no call but the proposers'."""
    aggregator = Aggregator(strategy="consensus")
    texts = ("red green blue", "red green yellow", "something else")
    text, summary = run(aggregator, texts)
    assert text == texts[0]
    assert summary["decision"]["chosen"] == "p0"
    assert summary["degraded"] is False
    assert mixture(aggregator, texts).plan().calls == 3


def test_a_given_model_is_not_asked() -> None:
    """A strategy that asks no model leaves one that is given alone, and refuses tools."""
    model = ScriptedChatModel(replies="never")
    run(Aggregator(model, strategy="vote"))
    assert model.requests == []


def test_select_gives_a_proposal_verbatim() -> None:
    """The ranker's number chooses a proposal, which is the answer word for word, with the ranker's reason."""
    ranker = ScriptedChatModel(replies=json.dumps({"best": 2, "why": "it is checked"}))
    text, summary = run(Aggregator(ranker, strategy="select"))
    assert text == SOLUTIONS[1]
    assert summary["decision"] | {} == {"strategy": "select", "chosen": "p1", "why": "it is checked"}
    assert len(ranker.requests) == 1
    assert all(solution in str(ranker.requests[0][-1].content) for solution in SOLUTIONS)


@pytest.mark.parametrize("reply", ['{"best": 9, "why": "?"}', "the second one", '{"best": 0, "why": "?"}'])
def test_a_ranker_that_chooses_nothing(reply: str) -> None:
    """A ranker without a usable choice fails as an aggregator does, or a proposal stands in where that is wanted."""
    with pytest.raises(AggregatorError):
        run(Aggregator(ScriptedChatModel(replies=reply), strategy="select"))
    standing_in = Aggregator(ScriptedChatModel(replies=reply), strategy="select", on_failure="best_proposal")
    text, summary = run(standing_in)
    assert text in SOLUTIONS
    assert summary["degraded"] is True


def test_council_reviews_first() -> None:
    """A council's model writes a typed review, and then the answer with the review behind the references."""
    model = ScriptedChatModel(replies=[json.dumps(REVIEW), "It is 18, as two say."])
    text, summary = run(Aggregator(model, strategy="council"))
    assert text == "It is 18, as two say."
    assert summary["decision"]["review"] == REVIEW
    assert summary["decision"]["chosen"] is None
    assert "1 and 3 say 18, 2 says 20" in str(model.requests[1])
    assert len(model.requests) == 2
    assert mixture(Aggregator(model, strategy="council")).plan().calls == 5


def test_council_without_a_review() -> None:
    """A council whose model writes no readable review answers all the same, and says that it had none."""
    model = ScriptedChatModel(replies=["well", "still no review", "It is 18."])
    text, summary = run(Aggregator(model, strategy="council"))
    assert text == "It is 18."
    assert summary["decision"]["review"] is None
    assert "without one" in summary["decision"]["why"]


def test_sequential_windows() -> None:
    """Each window shows the answer so far before the next references, and the last one's reply is the answer."""
    model = ScriptedChatModel(replies=["after two", "after three", "after four"])
    texts = ("one", "two", "three", "four")
    text, summary = run(Aggregator(model, strategy=Sequential(window=2)), texts)
    assert text == "after four"
    assert summary["decision"]["windows"] == 3
    assert ["after two" in str(request) for request in model.requests] == [False, True, False]
    assert mixture(Aggregator(model, strategy=Sequential(window=2)), texts).plan().calls == 7


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_in_a_layer(name: str) -> None:
    """Any strategy can merge a layer, whose decision is kept, and the next stage reads its one answer."""
    replies = {"select": '{"best": 1, "why": "best"}', "council": json.dumps(REVIEW)}
    model = ScriptedChatModel(replies=[replies.get(name, "merged"), "merged"])
    last = ScriptedChatModel(replies="the end")
    proposers = [Proposer(ScriptedChatModel(replies=text), name=f"p{i}") for i, text in enumerate(SOLUTIONS)]
    layer = Layer(proposers, aggregator=Aggregator(model, strategy=name))  # type: ignore[arg-type]
    graph = create_moa(Mixture([layer], last))
    out = graph.invoke({"messages": [("user", "How many?")]})
    assert out["messages"][-1].text == "the end"
    shown = str(last.requests[0])
    assert sum(solution in shown for solution in SOLUTIONS) == (0 if STRATEGIES[name].writes_answer else 1)


def test_tools_need_a_model_that_answers() -> None:
    """A strategy that gives a proposal word for word refuses tools with what to use instead."""
    model = ChatMoA(mixture=mixture(Aggregator(strategy="vote"))).bind_tools(
        [{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}]
    )
    with pytest.raises(ConfigurationError, match="'vote', which gives a proposal word for word"):
        model.invoke("How many?")


@pytest.mark.parametrize(
    ("strategy", "written"),
    [
        pytest.param("vote", "vote", id="name"),
        pytest.param(Vote(), "vote", id="without-settings"),
        pytest.param(Vote(weights={"a": 2.0}), {"name": "vote", "weights": {"a": 2.0}}, id="weights"),
        pytest.param(Sequential(window=3), {"name": "sequential", "window": 3}, id="window"),
        pytest.param({"name": "sequential", "window": 3}, {"name": "sequential", "window": 3}, id="table"),
    ],
)
def test_written_form(strategy: Any, written: object) -> None:
    """A strategy is written as its name, or as a table where it has settings, and is read again."""
    recipe = Mixture.of(
        [Proposer("openai:a", name="a"), Proposer("openai:b", name="b")], Aggregator("openai:c", strategy=strategy)
    )
    table = recipe.to_dict()
    assert table["aggregator"]["strategy"] == written
    assert Mixture.from_dict(table).merger.decider == recipe.merger.decider


@pytest.mark.parametrize(
    ("strategy", "problem"),
    [
        pytest.param("majority", "'vote', .*got 'majority'", id="unknown"),
        pytest.param({"name": "vote", "window": 3}, "window", id="unknown-setting"),
        pytest.param({"window": 3}, "name must be one of", id="no-name"),
        pytest.param(None, "must be one of", id="none"),
    ],
)
def test_wrong_strategies(strategy: Any, problem: str) -> None:
    """An unknown strategy or setting is refused with those that there are."""
    with pytest.raises(ConfigurationError, match=problem):
        Aggregator("openai:c", strategy=strategy)


@pytest.mark.parametrize("weights", [{"p0": 1}, {"p0": 1, "p1": 1, "p2": 1, "p9": 1}])
def test_weights_must_fit_the_layer(weights: dict[str, float]) -> None:
    """Weights that leave a slot out, or name none, are refused before any call."""
    with pytest.raises(ConfigurationError, match="Give one for each of p0, p1, p2"):
        create_moa(mixture(Aggregator(strategy=Vote(weights=weights))))


@given(
    st.sampled_from([Synthesize(), Select(), Vote(), Council(), Sequential(window=2), Consensus()]),
    st.lists(st.text(max_size=30), min_size=1, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_no_strategy_asks_more_than_it_plans(strategy: Strategy, texts: list[str], answers: list[bool]) -> None:
    """Whichever requests fail, no more are made than `requests` says, and what is chosen is one of the references."""
    in_schema = json.dumps(REVIEW if isinstance(strategy, Council) else {"best": 1, "why": "w"})
    steps, asked, ruling = strategy.decide(Case([Source(text, f"p{i}", "m") for i, text in enumerate(texts)])), 0, None
    try:
        ask = next(steps)
        while True:
            asked += 1
            reply = "an answer" if ask.schema is None else in_schema
            ask = steps.send(reply if answers[asked % len(answers)] else None)
    except StopIteration as end:
        ruling = end.value
    assert asked <= strategy.requests(len(texts))
    assert ruling is None or ruling.text is None or ruling.text in texts


@pytest.mark.parametrize(("name", "reply"), [("select", '{"best": 1, "why": "best"}'), ("vote", ""), ("consensus", "")])
def test_a_chosen_answer_streams_once(name: Any, reply: str) -> None:
    """The tokens of a stream are those of the chosen proposal once, from the graph and from the chat model."""
    ranker = ScriptedChatModel(replies=reply) if reply else None
    recipe = mixture(Aggregator(ranker, strategy=name), (SOLUTIONS[0], SOLUTIONS[0]))
    parts = create_moa(recipe).stream({"messages": [("user", "How many?")]}, stream_mode="messages")
    assert "".join(message.text for message, _ in parts) == SOLUTIONS[0]
    assert "".join(chunk.text for chunk in ChatMoA(mixture=recipe).stream("How many?")) == SOLUTIONS[0]


def test_weights_that_leave_out_a_slot_do_not_count() -> None:
    """Where an agreement has left out the layer that weights are for, all votes count 1, and the decision says why."""
    said = {"a": "It is 1.", "b": "It is 1.", "c": "It is 2.", "d": "It is 1."}
    first = Layer(
        [Proposer(ScriptedChatModel(replies=text), name=name) for name, text in said.items()],
        stop_when=StopWhen(share=0.6, waves=(4,)),
    )
    last = Layer([Proposer(ScriptedChatModel(), name=name) for name in "cz"])
    recipe = Mixture([first, last], Aggregator(strategy=Vote(weights={"c": 9, "z": 1})))
    answer = create_moa(recipe).invoke({"messages": [("user", "How many?")]})["messages"][-1]
    assert answer.text == "It is 1."
    why = answer.response_metadata["moa"]["decision"]["why"]
    assert why.startswith("all count 1, since there is no weight for a, b, d: '1' has 3 of 4")


@pytest.mark.parametrize("strategy", ["vote", "consensus"])
def test_a_shuffle_decides_no_tie(strategy: Any) -> None:
    """Where no model is shown the references, the order in which they would be shown changes no answer."""
    seeded = [replace(mixture(Aggregator(strategy=strategy), SOLUTIONS[:2]), shuffle_seed=seed) for seed in range(6)]
    answers = {create_moa(one).invoke({"messages": [("user", "How many?")]})["messages"][-1].text for one in seeded}
    assert answers == {SOLUTIONS[0]}


def test_select_with_a_shuffle() -> None:
    """With a `shuffle_seed`, the chosen slot is the one whose text the ranker was shown under that number."""

    def choose(request: list[BaseMessage]) -> str:
        places = sorted(range(3), key=lambda index: request[-1].text.index(SOLUTIONS[index]))
        return json.dumps({"why": "?", "best": places.index(1) + 1})

    for seed in range(4):
        recipe = replace(mixture(Aggregator(ScriptedChatModel(replies=choose), strategy="select")), shuffle_seed=seed)
        answer = create_moa(recipe).invoke({"messages": [("user", "How many?")]})["messages"][-1]
        assert (answer.text, answer.response_metadata["moa"]["decision"]["chosen"]) == (SOLUTIONS[1], "p1")


def test_a_number_of_no_reference_is_asked_for_again() -> None:
    """A ranker that names a reference which there is not is asked once more, as one whose reply is no choice."""
    ranker = ScriptedChatModel(replies=['{"why": "?", "best": 9}', '{"why": "checked", "best": 2}'])
    text, summary = run(Aggregator(ranker, strategy="select"))
    assert text == SOLUTIONS[1]
    assert summary["decision"]["why"] == "checked"


def test_structured_votes_agree_as_fields_do() -> None:
    """Structured answers that differ in case and in how a number is written are one answer of a vote."""
    texts = ('{"city": "Paris", "size": 2}', '{"city": "Rome", "size": 3}', '{"size": 2.0, "city": "PARIS"}')
    schema = {"title": "Place", "properties": {"city": {"type": "string"}, "size": {"type": "number"}}}
    recipe = replace(mixture(Aggregator(strategy="vote"), texts), answer_schema=schema)
    answer = create_moa(recipe).invoke({"messages": [("user", "Where?")]})["messages"][-1]
    assert json.loads(answer.text)["city"] == "Paris"
    assert answer.response_metadata["moa"]["decision"]["ballots"][0]["slots"] == ["p0", "p2"]


@pytest.mark.parametrize("strategy", ["vote", "consensus", "select"])
def test_a_schema_of_the_call_needs_a_writer(strategy: Any) -> None:
    """A schema that the proposals are not in is refused before anybody is asked, where one of them is the answer."""
    recipe = mixture(Aggregator(ScriptedChatModel(), strategy=strategy))
    schema = {"title": "Number", "properties": {"number": {"type": "integer"}}}
    with pytest.raises(ConfigurationError, match=r"set Mixture\.answer_schema"):
        ChatMoA(mixture=recipe).with_structured_output(schema).invoke("How many?")
    asked = [seat.model for seat in recipe.seats if isinstance(seat.model, ScriptedChatModel)]
    assert not any(model.requests for model in asked)


@pytest.mark.parametrize("strategy", ["vote", "consensus", "select"])
def test_tools_are_refused_before_anybody_is_asked(strategy: Any) -> None:
    """Tools that no model may call cost no request."""
    recipe = mixture(Aggregator(ScriptedChatModel(), strategy=strategy))
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
    with pytest.raises(ConfigurationError, match="tools cannot be called"):
        ChatMoA(mixture=recipe).bind_tools([tool]).invoke("How many?")
    asked = [seat.model for seat in recipe.seats if isinstance(seat.model, ScriptedChatModel)]
    assert not any(model.requests for model in asked)


def long(aggregator: Aggregator) -> tuple[str, dict[str, Any], int]:
    """Return the answer and the summary of a run over texts too long for a window, and how many calls were planned."""
    texts = ("first " + "word " * 3000, "second " + "word " * 3000, "third", "fourth", "fifth")
    recipe = replace(mixture(aggregator, texts), on_overflow="windows")
    message = create_moa(recipe).invoke({"messages": [("user", "How many?")]})["messages"][-1]
    return message.text, message.response_metadata["moa"], recipe.plan([HumanMessage("How many?")]).calls


def test_a_council_reads_in_one_request() -> None:
    """A council that reads too much has it shortened: no window is told that its last reference is the review."""
    model = ScriptedChatModel(replies=[json.dumps(REVIEW), "It is 18."])
    text, summary, planned = long(Aggregator(model, strategy="council", context_window=5000, max_tokens=200))
    assert text == "It is 18."
    assert ["Agreements:" in request[-1].text for request in model.requests] == [False, True]
    assert summary["shortened"] == ["aggregator"]
    assert planned == 5 + len(model.requests)


def test_what_an_earlier_window_shortened_is_told() -> None:
    """The summary names a sequential aggregator that read a shortened reference, in whichever window that was."""
    model = ScriptedChatModel(replies="so far")
    strategy = Sequential(window=2)
    text, summary, planned = long(Aggregator(model, strategy=strategy, context_window=3000, max_tokens=200))
    assert text == "so far"
    assert summary["shortened"] == ["aggregator"]
    assert planned == 5 + len(model.requests)
