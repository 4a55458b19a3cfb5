"""Slots that are shown a part of the conversation, and slots whose models cannot read all of it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.language_models import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import Mixture, Proposer, QuorumError, create_moa
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.prompts import split_references
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from langgraph_moa.views import kinds_of
from tests.test_views import ASKED, EARLIER, HOUSE, OWN, SAID, WHOLE
from tests.ways import use_simulator


def given_to(messages: Sequence[BaseMessage]) -> Any:
    """Return the input of a graph, which gives ids to the messages, as copies."""
    return {"messages": copy.deepcopy(list(messages))}


Call = Callable[[MoAGraph, list[BaseMessage]], dict[str, Any]]
every_call = pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda graph, messages: graph.invoke(given_to(messages)), id="invoke"),
        pytest.param(lambda graph, messages: asyncio.run(graph.ainvoke(given_to(messages))), id="ainvoke"),
    ],
)
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAEC"}}
SEEN = HumanMessage([{"type": "text", "text": "What is this?"}, PICTURE])


def slot(model: Any, **options: Any) -> Mixture:
    """Return a mixture of one proposer named `a` and one named `other` that shows and takes everything."""
    other = Proposer(ScriptedChatModel(), name="other")
    return Mixture.of([Proposer(model, name="a", **options), other], ScriptedChatModel())


@every_call
def test_a_slot_is_shown_its_view_alone(call: Call) -> None:
    """A slot's model gets the parts of its view, its own system prompt and the references; the others get all."""
    narrow, wide = ScriptedChatModel(replies="n"), ScriptedChatModel(replies="w")
    proposers = [Proposer(narrow, view=(), system_prompt="Doubt."), Proposer(wide)]
    call(create_moa(Mixture.of(proposers, ScriptedChatModel(), depth=3)), [HOUSE, EARLIER, SAID, ASKED])
    first, second = narrow.requests
    assert [message.text for message in first] == ["Doubt.", OWN.text]
    assert second[0] == SystemMessage("Doubt.")
    request = split_references(second)
    assert [message.text for message in request.messages[1:]] == [OWN.text]
    assert sorted(request.references) == ["n", "w"]
    assert [message.text for message in wide.requests[0]] == [each.text for each in (HOUSE, EARLIER, SAID, ASKED)]


@pytest.mark.parametrize(
    ("view", "seen"),
    [
        pytest.param(None, {"the sky", "blue", "80"}, id="everything"),
        pytest.param(["history", "tools"], {"the sky", "blue", "80"}, id="tools-of-every-turn"),
        pytest.param(["tools"], {"the sky", "80"}, id="tools-of-this-turn"),
        pytest.param(["history"], set(), id="no-tools"),
    ],
)
def test_tools_are_shown_as_text(view: Any, seen: set[str], simulator: Simulator) -> None:
    """What a view shows of calls and results reaches a proposer as text, in a history that strict providers take."""
    simulator.behaviour = Behaviour(reply="ok", strict=("openai", "mistral"))
    model = ChatOpenAI(base_url=simulator.url, api_key=SecretStr("any"), model="a", max_retries=0)
    out = create_moa(slot(model, view=view)).invoke(given_to(WHOLE))
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok", "ok"]
    sent = simulator.requests[0].body["messages"]
    assert not {message["role"] for message in sent} - {"system", "user", "assistant"}
    assert {word for word in ("the sky", "blue", "80") if word in as_text(sent)} == seen


def as_text(sent: list[dict[str, Any]]) -> str:
    """Return what a request says, without the documents before a question."""
    return "\n".join(str(message["content"]).replace("The tower is 80 m high.", "") for message in sent)


@every_call
def test_a_view_makes_room(call: Call) -> None:
    """What a view leaves out takes no room in the slot's context window."""
    model = ScriptedChatModel(replies="fits")
    long = [HumanMessage("long " * 5000), AIMessage("long " * 5000), OWN]
    out = call(create_moa(slot(model, view=["system"], context_window=500)), long)
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok", "ok"]
    assert len(model.requests) == 1


@every_call
def test_a_picture_reaches_who_can_see(call: Call, simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """A slot whose model takes no images is skipped loudly with no request; the others get the image unchanged."""
    blind, sighted = (
        ChatOpenAI(base_url=simulator.url, api_key=SecretStr("any"), model=name, profile=profile)
        for name, profile in (("blind", ModelProfile(image_inputs=False)), ("sighted", ModelProfile(image_inputs=True)))
    )
    graph = create_moa(Mixture.of([Proposer(blind, name="b"), Proposer(sighted, name="s")], sighted))
    out = call(graph, [SEEN])
    skipped, seen = out["proposals"]
    assert (skipped["status"], skipped["attempts"], skipped["error"]["kind"]) == ("skipped", 0, "UnsupportedInput")
    assert "layer_1_b: openai:blind takes no image" in skipped["error"]["message"]
    assert skipped["error"]["message"] in caplog.text
    assert seen["status"] == "ok"
    assert [request.model for request in simulator.requests] == ["sighted", "sighted"]
    for request in simulator.requests:
        assert PICTURE in request.body["messages"][0]["content"]


@every_call
def test_a_fallback_that_sees_stands_in_for_a_blind_model(call: Call) -> None:
    """Of a slot's models, those that take what the conversation holds are asked in their order, and no others."""
    blind, broken, sighted = (
        ScriptedChatModel(model_name=name, replies=reply, profile=ModelProfile(image_inputs=sees))
        for name, reply, sees in (
            ("blind", "x", False),
            ("broken", ValueError("down"), True),
            ("sighted", "a cat", True),
        )
    )
    out = call(create_moa(slot(blind, fallbacks=[broken, blind, sighted])), [SEEN])
    seen = out["proposals"][0]
    assert (seen["status"], seen["text"], seen["attempts"]) == ("ok", "a cat", 2)
    assert [(one["model"], one["fallback"]) for one in seen["calls"]] == [
        ("scriptedchatmodel:broken", 1),
        ("scriptedchatmodel:sighted", 3),
    ]
    assert blind.requests == []
    assert out["messages"][-1].response_metadata["moa"]["degraded"]
    call(create_moa(slot(blind, fallbacks=[sighted])), [OWN])
    assert len(blind.requests) == 1


@every_call
def test_a_slot_none_of_whose_models_sees_is_skipped(call: Call) -> None:
    """Where no model of a slot takes what the conversation holds, no request is made for it."""
    blind = ScriptedChatModel(profile=ModelProfile(image_inputs=False))
    out = call(create_moa(slot(blind, fallbacks=[blind])), [SEEN])
    assert (out["proposals"][0]["status"], blind.requests) == ("skipped", [])


@pytest.mark.parametrize(
    ("options", "status"),
    [
        pytest.param({}, "skipped", id="profile"),
        pytest.param({"inputs": ["text", "image"]}, "ok", id="told-to-take-it"),
        pytest.param({"inputs": ["text"]}, "skipped", id="told-to-take-text"),
        pytest.param({"inputs": ["image"]}, "skipped", id="told-to-take-no-text"),
    ],
)
@pytest.mark.parametrize(
    "wrapped",
    [
        pytest.param(lambda model: model, id="bare"),
        pytest.param(lambda model: model.bind(stop=["."]), id="bound"),
        pytest.param(lambda model: model.with_retry() | StrOutputParser(), id="chain"),
    ],
)
def test_who_decides(wrapped: Any, options: dict[str, Any], status: str) -> None:
    """What the slot names counts before the profile of the chat model that is asked first."""
    model = ScriptedChatModel(profile=ModelProfile(image_inputs=False))
    out = create_moa(slot(wrapped(model), **options)).invoke(given_to([SEEN]))
    assert [proposal["status"] for proposal in out["proposals"]] == [status, "ok"]
    assert bool(model.requests) == (status == "ok")


def test_an_agent_takes_what_it_is_given() -> None:
    """Of what is no chat model, nothing is known, so that every kind reaches it."""
    agent: Any = RunnableLambda(lambda messages: AIMessage(str(kinds_of(messages))))
    out = create_moa(slot(agent)).invoke(given_to([SEEN]))
    assert out["proposals"][0]["text"] == "('text', 'image')"


def test_a_picture_outside_the_view_is_no_reason() -> None:
    """An image of an earlier turn keeps no slot from answering that is not shown that turn."""
    model = ScriptedChatModel()
    out = create_moa(slot(model, view=(), inputs=["text"])).invoke(given_to([SEEN, AIMessage("A cat."), OWN]))
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok", "ok"]
    assert [message.text for message in model.requests[0]] == [OWN.text]


def test_a_layer_that_cannot_see_fails_as_a_whole() -> None:
    """When no slot takes what was sent, the layer misses its quorum and says which kind it was; nobody is asked."""
    blind, aggregator = ScriptedChatModel(), ScriptedChatModel()
    graph = create_moa(Mixture.of([Proposer(blind, name="a", inputs=["text"])], aggregator))
    with pytest.raises(QuorumError, match="a: skipped, layer_1_a: scriptedchatmodel:scripted takes no image"):
        graph.invoke(given_to([SEEN]))
    assert blind.requests == aggregator.requests == []


@every_call
def test_a_model_named_by_a_string_has_a_profile_too(
    call: Call, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A string's slot is skipped by its provider's own profile of the model, from the first call on."""
    use_simulator(simulator, monkeypatch)
    blind = Proposer("openai:blind", name="b", model_kwargs={"profile": {"image_inputs": False}})
    graph = create_moa(Mixture.of([blind, Proposer("openai:sighted", name="s")], "openai:sighted"))
    for _ in range(2):
        out = call(graph, [SEEN])
        assert [proposal["status"] for proposal in out["proposals"]] == ["skipped", "ok"]
    assert {request.model for request in simulator.requests} == {"sighted"}


@every_call
def test_a_model_that_cannot_be_built_is_a_failed_proposal(
    call: Call, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model whose profile cannot be read, since it cannot be built, fails as it does without an image."""
    use_simulator(simulator, monkeypatch)
    wrong = Proposer("openai:wrong", name="w", model_kwargs={"n": "many"})
    out = call(create_moa(Mixture.of([wrong, Proposer("openai:sighted", name="s")], "openai:sighted")), [SEEN])
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "ok"]
