"""Claims about what a strict simulator refuses, each over the provider's real client and on the request itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.testing.reading import behaviour_from
from langgraph_moa.testing.strictness import PROVIDERS, Provider, error_body, violation
from tests.testing.conftest import ask


def tool(name: str = "add", **parameters: Any) -> dict[str, Any]:
    """Return a tool in OpenAI's format, with an object as its schema unless another one is given."""
    return {"type": "function", "function": {"name": name, "parameters": parameters or {"type": "object"}}}


def asking(*identifiers: str | None, name: str = "add", text: str = "") -> AIMessage:
    """Return an assistant's message with calls."""
    return AIMessage(text, tool_calls=[{"name": name, "args": {}, "id": identifier} for identifier in identifiers])


def result(identifier: str) -> ToolMessage:
    """Return a result."""
    return ToolMessage("2", tool_call_id=identifier)


USER, ANSWER, SYSTEM = HumanMessage("q"), AIMessage("a"), SystemMessage("s")
ADD = {"tools": [tool()]}
ALL = set(PROVIDERS)
ANY_LIST: dict[str, Any] = {"type": "array"}


class Case(NamedTuple):
    """A conversation that some providers refuse."""

    claim: str
    messages: Sequence[BaseMessage]
    refused_by: set[Provider]
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


OPENAI: set[Provider] = {"openai"}
ANTHROPIC: set[Provider] = {"anthropic"}
MISTRAL: set[Provider] = {"mistral"}
CASES = [
    Case("a question", [USER], set()),
    Case("system and turns", [SYSTEM, USER, ANSWER, USER], set()),
    Case("calls and results", [USER, asking("1", "2"), result("2"), result("1")], set(), ADD),
    Case("a call and text", [USER, asking("1", text="so"), result("1"), ANSWER, USER], set(), ADD),
    Case("ids used again", [USER, asking("1"), result("1"), asking("1"), result("1")], set(), ADD),
    Case("an unknown role", [USER, ChatMessage(content="x", role="narrator"), USER], ALL),
    Case("the developer's role", [ChatMessage(content="x", role="developer"), USER], ANTHROPIC | MISTRAL),
    Case("a result without a call", [USER, result("1")], ALL, ADD),
    Case("a result of another call", [USER, asking("1"), result("2")], ALL, ADD),
    Case("a late result", [USER, asking("1"), ANSWER, result("1")], ALL, ADD),
    Case("a call that is passed over", [USER, asking("1", "2"), result("1"), ANSWER, USER], ALL, ADD),
    Case("a call at the end", [USER, asking("1")], ALL, ADD),
    Case("an assistant who says nothing", [USER, AIMessage([]), USER], ALL),
    Case("an assistant's empty text", [USER, AIMessage(""), USER], ANTHROPIC | MISTRAL),
    Case("a user's empty text", [HumanMessage(" ")], ANTHROPIC),
    Case("an empty block of text", [HumanMessage([{"type": "text", "text": ""}])], ANTHROPIC),
    Case("a user's image", [HumanMessage([{"type": "image_url", "image_url": {"url": "data:,"}}])], set()),
    Case("two results of a call", [USER, asking("1"), result("1"), result("1")], ANTHROPIC | MISTRAL, ADD),
    Case("equal ids in a message", [USER, asking("1", "1"), result("1")], ALL, ADD),
    Case("a call without an id", [USER, asking(""), result("")], ALL, ADD),
    Case("a long id", [USER, asking("x" * 41), result("x" * 41)], OPENAI, ADD),
    Case("a called tool's odd name", [USER, asking("1", name="a b"), result("1")], OPENAI, ADD),
    Case("a system message later", [USER, SYSTEM, USER], ANTHROPIC | MISTRAL),
    Case("an assistant who begins", [SYSTEM, ANSWER, USER], ANTHROPIC | MISTRAL),
    Case("an assistant at the end", [USER, ANSWER], ANTHROPIC | MISTRAL),
    Case("two user messages", [USER, USER], MISTRAL),
    Case("two answers", [USER, ANSWER, ANSWER, USER], MISTRAL),
    Case("a user after a result", [USER, asking("1"), result("1"), USER], MISTRAL, ADD),
    Case("calls without tools", [USER, asking("1"), result("1")], ANTHROPIC),
    Case("no tools in the list", [USER], OPENAI, {"tools": []}),
    Case("a choice without tools", [USER], OPENAI, {"tool_choice": "auto"}),
    Case("parallel calls without tools", [USER], OPENAI, {"parallel_tool_calls": False}),
    Case("a tool's odd name", [USER], ALL, {"tools": [tool("a b")]}),
    Case("a tool's long name", [USER], ALL, {"tools": [tool("a" * 65)]}),
    Case("a tool's schema of a string", [USER], ALL, {"tools": [tool(type="string")]}),
    Case("a tool's list of what", [USER], ALL, {"tools": [tool(type="object", properties={"x": ANY_LIST})]}),
    Case("a tool's odd properties", [USER], ALL, {"tools": [tool(type="object", properties=[])]}),
    Case(
        "a list of numbers", [USER], set(), {"tools": [tool(type="object", properties={"x": ANY_LIST | {"items": {}}})]}
    ),
    Case("a tool without parameters", [USER], set(), {"tools": [{"type": "function", "function": {"name": "now"}}]}),
    Case("a provider's own tool", [USER], set(), {"tools": [{"type": "web_search"}]}),
]
every_case = pytest.mark.parametrize("case", CASES, ids=[case.claim for case in CASES])
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


class Strict(NamedTuple):
    """A simulator that has a model as strict as each provider, and its real client."""

    simulator: Simulator
    client: ChatOpenAI


@pytest.fixture(scope="module")
def strict() -> Iterator[Strict]:
    """Start it once for all cases."""
    with Simulator(models={provider: Behaviour(strict=provider) for provider in PROVIDERS}) as simulator:
        yield Strict(simulator, client(simulator))


def client(simulator: Simulator) -> ChatOpenAI:
    """Return the real client of a simulator, for chat completions whatever the tools."""
    return ChatOpenAI(base_url=simulator.url, api_key=lambda: "any", model="m", max_retries=0, use_responses_api=False)


@every_provider
@every_case
def test_a_strict_simulator_refuses_what_the_provider_does(case: Case, provider: Provider, strict: Strict) -> None:
    """A request that breaks a provider's rule gets status 400, and one that breaks none gets its answer."""
    if provider in case.refused_by:
        with pytest.raises(openai.BadRequestError):
            strict.client.invoke(list(case.messages), model=provider, **case.options)
    else:
        assert strict.client.invoke(list(case.messages), model=provider, **case.options).text == "ok"
    request = strict.simulator.requests[-1]
    assert (violation(provider, request.body) is not None) == (provider in case.refused_by)


def test_a_simulator_is_not_strict_by_itself(simulator: Simulator) -> None:
    """Unless it is told to, the simulator takes everything."""
    assert client(simulator).invoke([ANSWER, SYSTEM, asking("")], tools=[tool("a b")]).text == "ok"


ERRORS: dict[Provider, dict[str, Any]] = {
    "openai": {
        "error": {
            "message": "Invalid request: The result of '1' does not follow an assistant message that makes this call.",
            "type": "invalid_request_error",
            "param": "messages.[1].tool_call_id",
            "code": None,
        }
    },
    "anthropic": {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "messages.[1].tool_call_id: The result of '1' does not follow an assistant message that makes "
            "this call.",
        },
    },
    "mistral": {
        "object": "error",
        "message": "The role 'tool' cannot follow 'user'.",
        "type": "invalid_request_message_order",
        "param": None,
        "code": "3230",
    },
}


@every_provider
def test_an_error_has_the_providers_shape(provider: Provider, simulator: Simulator) -> None:
    """The body of a refusal is shaped as the provider's own."""
    simulator.behaviour = Behaviour(strict=provider)
    messages = [{"role": "user", "content": "q"}, {"role": "tool", "tool_call_id": "1", "content": "2"}]
    response = ask(simulator, messages=messages)
    assert response.status_code == 400
    assert response.json() == ERRORS[provider]


def test_a_tools_schema_has_openais_code(simulator: Simulator) -> None:
    """A tool's schema that is refused is named by OpenAI's code, with its place."""
    simulator.behaviour = Behaviour(strict="openai")
    with pytest.raises(openai.BadRequestError) as caught:
        client(simulator).invoke("q", tools=[tool(), tool("sub", type="string")])
    assert caught.value.code == "invalid_function_parameters"
    assert caught.value.param == "tools[1].function.parameters"


def test_several_providers_are_obeyed(simulator: Simulator) -> None:
    """A simulator that is strict as several providers refuses what any of them does."""
    simulator.behaviour = Behaviour(strict=("openai", "mistral"))
    assert client(simulator).invoke([USER]).text == "ok"
    with pytest.raises(openai.BadRequestError, match="cannot follow"):
        client(simulator).invoke([USER, USER])


def test_a_refusal_takes_no_turn(simulator: Simulator) -> None:
    """A refused request meets no fault and leaves the schedule as it was."""
    simulator.behaviour = Behaviour(strict="openai", schedule=["server_error"])
    assert ask(simulator, messages=[{"role": "nobody", "content": "q"}]).status_code == 400
    assert ask(simulator).status_code == 500
    assert simulator.requests[0].fault is None


@pytest.mark.parametrize(
    ("strict", "kept"), [(None, ()), ("openai", ("openai",)), (["mistral", "openai"], ("mistral", "openai"))]
)
def test_providers_are_kept_as_a_tuple(strict: Any, kept: tuple[str, ...]) -> None:
    """None, one or several providers are all kept in one form."""
    assert Behaviour(strict=strict).strict == kept


def test_a_file_says_how_strict_a_model_is() -> None:
    """A behaviour in a file names one provider or a list of them."""
    assert behaviour_from("[default]", {"strict": "openai"}) == Behaviour(strict="openai")
    assert behaviour_from("[default]", {"strict": ["openai", "mistral"]}) == Behaviour(strict=("openai", "mistral"))


@pytest.mark.parametrize("strict", ["azure", ["openai", "azure"], {"openai"}, 3])
def test_unknown_providers_are_refused(strict: Any) -> None:
    """A provider whose rules are not known is refused by name."""
    with pytest.raises(ConfigurationError, match=r"Behaviour\.strict must be"):
        Behaviour(strict=strict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "developer"])
FIELDS = {"role": ROLES | JSON, "content": JSON, "tool_call_id": JSON, "tool_calls": JSON | st.lists(JSON, max_size=2)}
MESSAGES = st.lists(JSON | st.fixed_dictionaries({}, optional=FIELDS), max_size=4)


@every_provider
@settings(deadline=None)
@given(messages=MESSAGES, tools=JSON | st.lists(JSON | st.fixed_dictionaries({"function": JSON}), max_size=2))
def test_any_request_is_judged(provider: Provider, messages: Any, tools: Any) -> None:
    """Whatever JSON a request holds, it is taken or refused, and a refusal can be written."""
    problem = violation(provider, {"messages": messages, "tools": tools})
    assert problem is None or json.dumps(error_body(provider, problem))
