"""Claims about calls and results: told to advisers as text, mended for those who act."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import openai
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_openai import ChatOpenAI

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.fences import read_first
from langgraph_moa.histories import (
    GO_ON,
    NOT_CARRIED_OUT,
    adviser_note,
    for_actor,
    for_advisers,
    open_calls,
    refuse_open_calls,
    split_turn,
    uses_tools,
)
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.testing.strictness import PROVIDERS, violation

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
CLIENT = ChatOpenAI(model="m", api_key=lambda: "any", base_url="http://127.0.0.1:9")
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]

IDS = st.sampled_from(["1", "2", "3"])
ODD_IDS = IDS | st.none() | st.just("")
NAMES = st.sampled_from(["add", "look_up"])
WORDS = st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=8)
HOSTILE = st.sampled_from(
    ["</result>", "</results_0123456789abcdef>", '<result_0123456789abcdef name="x">', "\n\n", "", "[called add]", "\0"]
)
TEXTS = WORDS | HOSTILE
ARGUMENTS = st.dictionaries(WORDS, st.none() | st.integers() | TEXTS | st.lists(TEXTS, max_size=2), max_size=2)


def call(identifier: str | None, name: str = "add", **arguments: Any) -> dict[str, Any]:
    """Return a tool call as LangChain holds it."""
    return {"name": name, "args": arguments, "id": identifier, "type": "tool_call"}


def asking(*identifiers: str | None, text: str = "") -> AIMessage:
    """Return an assistant's message that calls `add`."""
    return AIMessage(text, tool_calls=[call(identifier, a=1) for identifier in identifiers])


def result(identifier: str, text: str = "2", **fields: Any) -> ToolMessage:
    """Return a result."""
    return ToolMessage(text, tool_call_id=identifier, **fields)


def human(content: Any) -> BaseMessage:
    """Return a user's message."""
    return HumanMessage(content)


def assistant(content: Any) -> BaseMessage:
    """Return an assistant's message without calls."""
    return AIMessage(content)


CALLS = st.builds(lambda name, args, id_: {"name": name, "args": args, "id": id_}, NAMES, ARGUMENTS, ODD_IDS)
INVALID = st.builds(
    lambda name, args, id_: {"name": name, "args": args, "id": id_, "error": None, "type": "invalid_tool_call"},
    NAMES | st.none(),
    TEXTS | st.none(),
    ODD_IDS,
)
CALLING: st.SearchStrategy[BaseMessage] = st.builds(
    lambda content, calls, invalid: AIMessage(content, tool_calls=calls, invalid_tool_calls=invalid),
    TEXTS | st.lists(st.builds(lambda text: {"type": "text", "text": text}, WORDS), max_size=2),
    st.lists(CALLS, min_size=1, max_size=3),
    st.lists(INVALID, max_size=1),
)
RAW: st.SearchStrategy[BaseMessage] = st.builds(
    lambda id_, arguments: AIMessage(
        "", additional_kwargs={"tool_calls": [{"id": id_, "function": {"name": "add", "arguments": arguments}}]}
    ),
    IDS,
    st.sampled_from(["{}", '{"a": 1}', '{"a":', ""]),
)
LEGACY: st.SearchStrategy[BaseMessage] = st.just(
    AIMessage("", additional_kwargs={"function_call": {"name": "add", "arguments": "{}"}})
)
RESULTS: st.SearchStrategy[BaseMessage] = st.builds(
    lambda content, id_, status: ToolMessage(content, tool_call_id=id_, status=status),
    TEXTS | st.just([{"type": "text", "text": "two"}, IMAGE]),
    IDS,
    st.sampled_from(["success", "error"]),
) | st.builds(lambda text: FunctionMessage(content=text, name="add"), TEXTS)
BLOCK_CALLS: st.SearchStrategy[BaseMessage] = st.builds(
    lambda kind, field, id_: AIMessage(
        [
            {"type": "text", "text": "so"},
            {"type": kind, "id": id_, "name": "search", field: {"q": "x"}},
            {"type": "web_search_tool_result", "tool_use_id": id_, "content": [{"type": "web_search_result"}]},
            {"type": "non_standard", "value": {"type": "mcp_tool_result", "content": "found"}},
            {"type": "thinking", "thinking": "hm"},
            "then",
        ]
    ),
    st.sampled_from(["tool_use", "tool_call", "function_call", "server_tool_use", "server_tool_call", "mcp_call"]),
    st.sampled_from(["input", "args", "arguments", "odd"]),
    ODD_IDS,
)
USER: st.SearchStrategy[BaseMessage] = (WORDS | WORDS.map(lambda text: [{"type": "text", "text": text}, IMAGE])).map(
    human
)
USER_RESULTS: st.SearchStrategy[BaseMessage] = st.builds(
    lambda id_, text: HumanMessage(
        [{"type": "tool_result", "tool_use_id": id_, "content": text}, IMAGE, {"type": "text", "text": "and?"}]
    ),
    ODD_IDS,
    TEXTS,
)
SAYING: st.SearchStrategy[BaseMessage] = WORDS.map(assistant)
BLANK: st.SearchStrategy[BaseMessage] = st.sampled_from(["", " ", []]).map(assistant)
ODD: st.SearchStrategy[BaseMessage] = st.sampled_from(
    [
        RemoveMessage(id="1"),
        ChatMessage(content="x", role="tool"),
        ChatMessage(content="x", role="critic"),
        ChatMessage(content="x", role="user"),
        ChatMessage(content="x", role="assistant"),
        SystemMessage("later"),
        AIMessageChunk(content="", tool_call_chunks=[{"name": "add", "args": "{", "id": None, "index": 0}]),
        AIMessage("", additional_kwargs={"tool_calls": "none", "function_call": 3}),
        HumanMessage([{"type": "tool_call"}, {"type": 3}, {}, {"type": "tool_result", "content": {"deep": [1]}}]),
    ]
)
STEPS = CALLING | RESULTS | RAW | LEGACY | BLANK
PARTS = STEPS | BLOCK_CALLS | USER | USER_RESULTS | SAYING
HISTORIES = st.lists(PARTS | ODD, max_size=8)
SYSTEMS: st.SearchStrategy[list[BaseMessage]] = st.sampled_from([[], [SystemMessage("be brief")]])


@st.composite
def alternating(draw: st.DrawFn) -> list[BaseMessage]:
    """Return a conversation in which user and assistant take turns, whatever calls and results stand between."""
    messages = draw(SYSTEMS)[:]
    for _ in range(draw(st.integers(0, 2))):
        messages += [draw(USER), *draw(st.lists(STEPS | BLOCK_CALLS, max_size=4)), draw(SAYING)]
    return [*messages, draw(USER), *draw(st.lists(STEPS | BLOCK_CALLS, max_size=4))]


def wire(messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return the request that the real client makes of a conversation."""
    options: dict[str, Any] = {"tools": tools} if tools else {}
    return CLIENT._get_request_payload(list(messages), **options)


@CALM
@given(HISTORIES)
def test_advisers_see_no_calls_and_results(messages: list[BaseMessage]) -> None:
    """Of any conversation, what advisers see holds no call and no result, and the input stays as it was."""
    before = copy.deepcopy(messages)
    shown = for_advisers(messages)
    assert messages == before
    assert not uses_tools(shown)
    assert not any(isinstance(message, ToolMessage | FunctionMessage) for message in shown)
    assert not shown or not isinstance(shown[-1], AIMessage)
    assert for_advisers(shown) == shown


@CALM
@given(alternating())
def test_every_provider_takes_what_advisers_see(messages: list[BaseMessage]) -> None:
    """Where user and assistant take turns, what advisers see passes the rules of all providers without any tools."""
    assume(uses_tools(messages))
    body = wire(for_advisers(messages))
    assert [violation(provider, body) for provider in PROVIDERS] == [None, None, None]


@CALM
@given(SYSTEMS, st.lists(PARTS, min_size=1, max_size=8))
def test_openai_takes_what_advisers_see(system: list[BaseMessage], messages: list[BaseMessage]) -> None:
    """OpenAI takes what advisers see of any conversation."""
    assume(uses_tools(messages))
    assert violation("openai", wire(for_advisers([*system, *messages]))) is None


@CALM
@given(SYSTEMS, st.lists(STEPS | USER | SAYING, min_size=1, max_size=8))
def test_openai_takes_what_an_actor_sees(system: list[BaseMessage], messages: list[BaseMessage]) -> None:
    """OpenAI takes what an actor sees of any conversation that does not end in a call."""
    assume(not open_calls(messages))
    assert violation("openai", wire(for_actor([*system, *messages]), TOOLS)) is None


@CALM
@given(HISTORIES)
def test_mending_twice_changes_nothing_more(messages: list[BaseMessage]) -> None:
    """What has been mended stays as it is, and the input stays as it was."""
    before = copy.deepcopy(messages)
    mended = for_actor(messages)
    assert messages == before
    assert [id(message) for message in for_actor(mended)] == [id(message) for message in mended]


@CALM
@given(HISTORIES)
def test_open_calls_are_found_or_not(messages: list[BaseMessage]) -> None:
    """Any conversation either ends in calls, and is refused, or does not."""
    if open_calls(messages):
        with pytest.raises(ConfigurationError, match="the conversation ends in a call of"):
            refuse_open_calls(messages)
    else:
        refuse_open_calls(messages)


@CALM
@given(SYSTEMS, st.lists(USER | SAYING, max_size=5), USER)
def test_a_conversation_without_tools_stays(
    system: list[BaseMessage], messages: list[BaseMessage], last: BaseMessage
) -> None:
    """Without calls and results, both get the very same messages."""
    given_messages = [*system, *messages, last]
    for shown in (for_advisers(given_messages), for_actor(given_messages)):
        assert [id(message) for message in shown] == [id(message) for message in given_messages]


@CALM
@given(st.lists(st.tuples(NAMES, TEXTS, st.booleans()), min_size=1, max_size=4))
def test_results_are_read_back(given_results: list[tuple[str, str, bool]]) -> None:
    """Results in a row are one user message, and no text of theirs leaves its fence."""
    calls = [call(str(number), name) for number, (name, _, _) in enumerate(given_results)]
    results = [
        result(str(number), text, status="error" if failed else "success")
        for number, (_, text, failed) in enumerate(given_results)
    ]
    shown = for_advisers([HumanMessage("q"), AIMessage("", tool_calls=calls), *results])
    assert [message.type for message in shown] == ["human", "ai", "human"]
    block = read_first("results", "result", shown[2].text)
    assert block is not None
    assert block.after == ""
    assert [tuple(item) for item in block.items] == [
        (f"{name}, which failed" if failed else name, text) for name, text, failed in given_results
    ]


def test_a_call_is_told_with_its_arguments() -> None:
    """The assistant's text says what was called, with the arguments as JSON."""
    shown = for_advisers([HumanMessage("q"), asking("1", text="Let me see."), result("1")])
    assert shown[1].content == 'Let me see.\n\n[called add with {"a": 1}]'
    assert not shown[1].additional_kwargs


def test_arguments_that_json_cannot_hold_are_told() -> None:
    """Arguments that contain themselves are told as Python writes them."""
    odd: dict[str, Any] = {"number": 1}
    odd["self"] = odd
    message = asking("1")
    message.tool_calls[0]["args"] = odd
    assert "{...}" in for_advisers([HumanMessage("q"), message, result("1")])[1].text


def test_a_call_that_stands_twice_in_a_message_is_told_once() -> None:
    """A call that is a content block and a tool call is one call."""
    block = {"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}}
    message = AIMessage([{"type": "text", "text": "so"}, block], tool_calls=[call("1", a=1)])
    assert for_advisers([HumanMessage("q"), message, result("1")])[1].text.count("called add") == 1


def test_results_and_the_user_behind_them_are_one_turn() -> None:
    """A user who speaks right after a result does so in the same message, whose attachments stay."""
    user = HumanMessage(["Go on", IMAGE], name="Ada")
    shown = for_advisers([HumanMessage("q"), asking("1"), result("1"), user])
    assert [message.type for message in shown] == ["human", "ai", "human"]
    assert shown[2].content[1:] == [{"type": "text", "text": "Go on"}, IMAGE]
    assert shown[2].name == "Ada"


def test_own_turns_are_not_joined() -> None:
    """Two messages of the user that nothing stands between stay two, the same ones."""
    messages = [HumanMessage("a"), HumanMessage("b"), asking("1"), result("1")]
    shown = for_advisers(messages)
    assert shown[0] is messages[0]
    assert shown[1] is messages[1]


def test_an_attachment_of_a_result_is_marked() -> None:
    """An image in a result becomes a mark."""
    message = ToolMessage([{"type": "text", "text": "seen:"}, {"type": "image", "base64": "AA=="}], tool_call_id="1")
    shown = for_advisers([HumanMessage("q"), asking("1"), message])
    assert "seen:\n[image]" in shown[2].text
    assert "AA==" not in str(shown)


def test_a_servers_own_tools_are_told_in_order() -> None:
    """What a provider's tool gave back within an answer stands between the words before and after it."""
    answer = AIMessage(
        [
            {"type": "text", "text": "Looking."},
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "x"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": "found it"},
            {"type": "text", "text": "There it is."},
        ]
    )
    shown = for_advisers([HumanMessage("q"), answer, HumanMessage("Thanks")])
    assert [message.type for message in shown] == ["human", "ai", "human", "ai", "human"]
    assert shown[1].text == 'Looking.\n\n[called web_search with {"q": "x"}]'
    assert 'name="web_search">\nfound it\n' in shown[2].text
    assert shown[3].text == "There it is."


@pytest.mark.parametrize("messages", [[HumanMessage("q"), AIMessage("a")], [HumanMessage("q"), asking("1")]])
def test_advisers_are_asked_at_the_end(messages: list[BaseMessage]) -> None:
    """A conversation that ends with the assistant goes on with a request for advice."""
    assert for_advisers(messages)[-1] == HumanMessage(GO_ON)


def test_an_empty_conversation_stays_empty() -> None:
    """Nothing comes of nothing."""
    assert for_advisers([]) == for_actor([]) == []
    assert open_calls([]) == []
    assert split_turn([]) == ([], [])
    assert not uses_tools([])


def test_a_valid_history_is_sent_as_it_is() -> None:
    """Calls and results that fit come to the actor as the very same messages, ids used again included."""
    first = [HumanMessage("q"), asking("1", "2"), result("2"), result("1", status="error"), AIMessage("a")]
    messages = [*first, HumanMessage("r"), asking("1"), result("1"), asking("1"), result("1")]
    assert [id(message) for message in for_actor(messages)] == [id(message) for message in messages]


def test_results_in_the_users_blocks_answer_calls() -> None:
    """Results that a user's message holds as blocks, as Anthropic has it, count as results."""
    user = HumanMessage([{"type": "tool_result", "tool_use_id": "1", "content": "2"}])
    messages = [HumanMessage("q"), asking("1"), user]
    assert for_actor(messages) == messages


def test_strict_providers_answer_to_both(simulator: Simulator) -> None:
    """Over the real client, what advisers and actors see is answered, where the history itself is refused."""
    simulator.behaviour = Behaviour(strict=PROVIDERS)
    client = ChatOpenAI(model="m", api_key=lambda: "any", base_url=simulator.url, max_retries=0)
    messages = [HumanMessage("q"), result("0"), asking("1", "2"), result("2"), asking("3"), result("3"), result("1")]
    with pytest.raises(openai.BadRequestError):
        client.invoke(messages, tools=TOOLS)
    assert client.invoke(for_advisers(messages)).text == "ok"
    assert client.invoke(for_actor(messages), tools=TOOLS).text == "ok"


def test_a_result_without_its_call_becomes_text() -> None:
    """What is left of a call that was cut off is told in the user's turn beside it."""
    mended = for_actor([result("1", "cut off", name="add"), HumanMessage("q")])
    assert [message.type for message in mended] == ["human"]
    assert 'name="add">\ncut off\n' in mended[0].text
    assert mended[0].text.endswith("\n\nq")


def test_a_call_that_was_passed_over_gets_a_result() -> None:
    """A call behind which the conversation went on gets a result that says so, right behind the others."""
    mended = for_actor([HumanMessage("q"), asking("1", "2"), result("2"), HumanMessage("never mind")])
    assert [message.type for message in mended] == ["human", "ai", "tool", "tool", "human"]
    assert mended[3] == ToolMessage(NOT_CARRIED_OUT, name="add", tool_call_id="1", status="error")


def test_a_late_result_moves_behind_its_call() -> None:
    """A result that comes after another turn is put where its call is, unchanged."""
    late = result("1")
    messages = [HumanMessage("q"), asking("1"), HumanMessage("well?"), late, AIMessage("2"), HumanMessage("r")]
    mended = for_actor(messages)
    assert [message.type for message in mended] == ["human", "ai", "tool", "human", "ai", "human"]
    assert mended[2] is late


def test_a_second_result_of_a_call_becomes_text() -> None:
    """Only the first result of a call stays one."""
    mended = for_actor([HumanMessage("q"), asking("1"), result("1", "first"), result("1", "second")])
    assert [message.type for message in mended] == ["human", "ai", "tool", "human"]
    assert "second" in mended[3].text


def test_an_empty_message_of_the_assistant_is_left_out() -> None:
    """Where an assistant said and called nothing, the user's messages around it become one."""
    mended = for_actor([HumanMessage("a"), AIMessage(""), HumanMessage("b"), AIMessage("c"), HumanMessage("d")])
    assert [message.text for message in mended] == ["a\n\nb", "c", "d"]
    refusal = AIMessage("", additional_kwargs={"refusal": "no"})
    assert for_actor([HumanMessage("a"), refusal, HumanMessage("b")])[1] is refusal


def test_the_calls_at_the_end_are_named() -> None:
    """The error for a conversation that ends in a call names it and says what to do."""
    messages = [HumanMessage("q"), asking("call_1", "call_2"), result("call_2")]
    assert open_calls(messages) == [call("call_1", a=1)]
    with pytest.raises(ConfigurationError) as caught:
        refuse_open_calls(messages)
    assert str(caught.value) == (
        "the conversation ends in a call of 'add' (id call_1) without its result: run the tool and add its "
        "ToolMessage, or remove the call"
    )
    with pytest.raises(
        ConfigurationError, match=r"a call of 'add' \(id 1\) and a call of 'add' \(id 2\) without their"
    ):
        refuse_open_calls([HumanMessage("q"), asking("1", "2")])


def test_calls_that_are_passed_over_are_not_open() -> None:
    """Only the end of a conversation counts."""
    assert open_calls([HumanMessage("q"), asking("1"), HumanMessage("never mind")]) == []


def test_a_turn_is_split_behind_the_last_user_message() -> None:
    """What assistant and tools added since the user spoke is the second part."""
    messages = [HumanMessage("q"), AIMessage("a"), HumanMessage("r"), asking("1"), result("1")]
    assert split_turn(messages) == (messages[:3], messages[3:])
    assert split_turn(messages[3:]) == (messages[3:], [])


def test_the_note_names_the_tools() -> None:
    """An adviser is told the tools that the assistant has, each in one line."""
    tools: list[dict[str, Any]] = [
        {"type": "function", "function": {"name": "add", "description": "Add two numbers.\nSlowly."}},
        {"type": "function", "function": {"name": "wide", "description": "word " * 100}},
        {"name": "bare"},
        {"type": "web_search"},
    ]
    note = adviser_note(tools)
    lines = note.splitlines()
    assert lines[-4] == "- add: Add two numbers."
    assert len(lines[-3]) < 200
    assert lines[-2:] == ["- bare", "- web_search"]
    assert note.startswith(adviser_note())
    assert "tools:" not in adviser_note()
