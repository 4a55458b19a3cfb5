"""What providers refuse in a request: its order of roles, its tool calls and results, its tools.

All rules are pure functions over a request in OpenAI's wire format, which every client of the simulator speaks. They
are what the providers' references and their users' error reports agree on. Anthropic's are its own rules told in this
format: there, results are user turns, so results and user messages may follow each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from typing import Any, Literal, NamedTuple

Provider = Literal["openai", "anthropic", "mistral"]
PROVIDERS: tuple[Provider, ...] = ("openai", "anthropic", "mistral")

Message = Mapping[str, Any]
_LONGEST_ID = 40
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_ROLES = {"system", "user", "assistant", "tool"}
_OPENAI_ROLES = _ROLES | {"developer", "function"}


class Violation(NamedTuple):
    """The first thing in a request that a provider refuses."""

    text: str
    where: str
    """As `messages.[2]` or `tools[0].function.name`."""
    code: str | None = None
    """Of providers that give one."""


def violation(provider: Provider, body: Mapping[str, Any]) -> Violation | None:
    """Return what a provider refuses in a request, or `None` when it takes it."""
    messages = body.get("messages") or []
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping):
            return Violation("A message must be an object.", _place(number))
    found = (problem for rule in _RULES[provider] for problem in rule(messages, body))
    return next(found, None)


def refusal_of(body: Mapping[str, Any], providers: Sequence[Provider]) -> dict[str, Any] | None:
    """Return the error body of the first provider that refuses a request, or `None` when all of them take it."""
    for provider in providers:
        problem = violation(provider, body)
        if problem:
            return error_body(provider, problem)
    return None


def error_body(provider: Provider, problem: Violation) -> dict[str, Any]:
    """Return the body of a response of status 400, in the provider's own shape."""
    if provider == "anthropic":
        text = f"{problem.where}: {problem.text}"
        return {"type": "error", "error": {"type": "invalid_request_error", "message": text}}
    if provider == "mistral":
        kind = "invalid_request_message_order" if problem.code == "3230" else "invalid_request_error"
        return {"object": "error", "message": problem.text, "type": kind, "param": None, "code": problem.code}
    text = f"Invalid request: {problem.text}"
    return {"error": {"message": text, "type": "invalid_request_error", "param": problem.where, "code": problem.code}}


Problems = Iterator[Violation]
Rule = Callable[[Sequence[Message], Mapping[str, Any]], Problems]


def _place(number: int) -> str:
    return f"messages.[{number}]"


def _known_roles(allowed: set[str]) -> Rule:
    def rule(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
        for number, message in enumerate(messages):
            if _role(message) not in allowed:
                yield Violation(f"The role {message.get('role')!r} is not known.", f"{_place(number)}.role")

    return rule


def _results_follow_calls(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    """Refuse a result whose call does not stand in the assistant message right before it and its siblings."""
    called: list[object] = []
    for number, message in enumerate(messages):
        if message.get("role") != "tool":
            called = [call.get("id") for call in _calls(message)]
        elif not isinstance(message.get("tool_call_id"), str) or message["tool_call_id"] not in called:
            identifier = message.get("tool_call_id")
            text = f"The result of {identifier!r} does not follow an assistant message that makes this call."
            yield Violation(text, f"{_place(number)}.tool_call_id")


def _calls_are_answered(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    for number, message in enumerate(messages):
        called = [call.get("id") for call in _calls(message)]
        answered = _answers_after(messages, number)
        missing = [identifier for identifier in called if identifier not in answered]
        if missing:
            text = f"The calls {', '.join(map(repr, missing))} have no result before the next message that is none."
            yield Violation(text, _place(number))


def _each_call_is_answered_once(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    for number, message in enumerate(messages):
        answered = _answers_after(messages, number) if _calls(message) else []
        twice = next((identifier for identifier in answered if answered.count(identifier) > 1), None)
        if twice is not None:
            text = f"There must be one result of each call, but {twice!r} has more than one."
            yield Violation(text, _place(number))


def _calls_are_well_formed(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    for number, message in enumerate(messages):
        seen: set[str] = set()
        for place, call in enumerate(_calls(message)):
            where, identifier = f"{_place(number)}.tool_calls[{place}]", call.get("id")
            if not isinstance(identifier, str) or not 1 <= len(identifier) <= _LONGEST_ID:
                yield Violation(f"A call's id must have 1 to {_LONGEST_ID} characters.", f"{where}.id")
            elif identifier in seen:
                yield Violation(f"The id {identifier!r} stands for two calls of one message.", f"{where}.id")
            else:
                seen.add(identifier)
            name = _function(call).get("name")
            if not isinstance(name, str) or not _TOOL_NAME.match(name):
                yield Violation(f"The name {name!r} of a called tool is not valid.", f"{where}.function.name")
            if not isinstance(_function(call).get("arguments"), str):
                yield Violation("The arguments of a call must be JSON as text.", f"{where}.function.arguments")


def _calls_have_ids(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    """Refuse calls that no result can be told to belong to."""
    for number, message in enumerate(messages):
        identifiers = [call.get("id") for call in _calls(message)]
        if not all(isinstance(identifier, str) and identifier for identifier in identifiers):
            yield Violation("A call must have an id.", f"{_place(number)}.tool_calls")
        elif len(set(identifiers)) < len(identifiers):
            yield Violation("The ids of a message's calls must differ.", f"{_place(number)}.tool_calls")


def _assistants_say_something(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    """Refuse an assistant message that has neither content nor a call; content may be an empty string."""
    for number, message in enumerate(messages):
        acts = _calls(message) or message.get("function_call") or message.get("refusal") or message.get("audio")
        if message.get("role") == "assistant" and message.get("content") in (None, []) and not acts:
            yield Violation("An assistant message must have content or tool calls.", f"{_place(number)}.content")


def _nothing_is_blank(roles: set[str]) -> Rule:
    def rule(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
        for number, message in enumerate(messages):
            if _role(message) in roles and _is_blank(message.get("content")) and not _calls(message):
                yield Violation("The content of a message must not be blank.", f"{_place(number)}.content")

    return rule


def _tools_are_well_formed(_: Sequence[Message], body: Mapping[str, Any]) -> Problems:
    tools = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        yield Violation("Tools must be a list.", "tools")
        return
    for number, tool in enumerate(tools or []):
        if not isinstance(tool, Mapping) or tool.get("type", "function") != "function":
            continue  # a provider's own tool, such as a web search
        function, where = _function(tool), f"tools[{number}].function"
        name = function.get("name")
        if not isinstance(name, str) or not _TOOL_NAME.match(name):
            text = f"The name {name!r} of a tool must be 1 to 64 letters, digits, underscores or dashes."
            yield Violation(text, f"{where}.name", "invalid_value")
        schema = function.get("parameters")
        problem = None if schema is None else _schema_problem(schema)
        if problem:
            text = f"The schema of the tool {name!r} is not valid: {problem}."
            yield Violation(text, f"{where}.parameters", "invalid_function_parameters")


def _tool_options_need_tools(_: Sequence[Message], body: Mapping[str, Any]) -> Problems:
    if body.get("tools") == []:
        yield Violation("A list of tools must not be empty.", "tools", "empty_array")
    for option in ("tool_choice", "parallel_tool_calls"):
        if body.get(option) is not None and not body.get("tools"):
            yield Violation(f"{option} is allowed only together with tools.", option)


def _history_of_calls_needs_tools(messages: Sequence[Message], body: Mapping[str, Any]) -> Problems:
    if not body.get("tools") and any(message.get("role") == "tool" or _calls(message) for message in messages):
        yield Violation("A conversation with calls or results must come with the tools they are of.", "tools")


def _system_leads(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    began = False
    for number, message in enumerate(messages):
        began = began or message.get("role") != "system"
        if began and message.get("role") == "system":
            yield Violation("System messages must come before all others.", _place(number), "3230")


def _user_begins(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    first = next((role for role in map(_role, messages) if role != "system"), None)
    if first != "user":
        yield Violation(f"The first message must be of the user, not of {first!r}.", _place(0), "3230")


def _user_or_tool_ends(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    last = _role(messages[-1]) if messages else None
    if last not in {"user", "tool"}:
        where = _place(len(messages) - 1)
        yield Violation(f"The last message must be of the user or a tool, not of {last!r}.", where, "3230")


def _roles_alternate(messages: Sequence[Message], _: Mapping[str, Any]) -> Problems:
    refused = {"user": {"user", "tool"}, "assistant": {"assistant"}, "tool": {"user"}}
    roles = [_role(message) for message in messages]
    for number, (before, role) in enumerate(pairwise(roles), start=1):
        if role in refused.get(before, ()):
            yield Violation(f"The role {role!r} cannot follow {before!r}.", _place(number), "3230")


def _role(message: Message) -> str:
    return str(message.get("role"))


def _calls(message: Message) -> list[Mapping[str, Any]]:
    """Return an assistant message's tool calls."""
    calls = message.get("tool_calls") if message.get("role") == "assistant" else None
    return [call if isinstance(call, Mapping) else {} for call in calls] if isinstance(calls, list) else []


def _answers_after(messages: Sequence[Message], number: int) -> list[object]:
    """Return the ids of the results that come right after a message."""
    results = takewhile(lambda message: message.get("role") == "tool", messages[number + 1 :])
    return [result.get("tool_call_id") for result in results]


def _function(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    function = holder.get("function")
    return function if isinstance(function, Mapping) else {}


def _is_blank(content: object) -> bool:
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        return len(texts) == len(content) and all(map(_is_blank, texts))
    return content is None or (isinstance(content, str) and not content.strip())


def _schema_problem(schema: object) -> str | None:
    """Return what is wrong with the schema of a tool's arguments."""
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return "it must be of type 'object'"
    if not isinstance(schema.get("properties", {}), Mapping):
        return "its properties must be an object"
    return next(_arrays_without_items(schema, "arguments"), None)


def _arrays_without_items(schema: object, path: str) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    if schema.get("type") == "array" and "items" not in schema and "prefixItems" not in schema:
        yield f"the array {path} does not say what its items are"
    yield from _arrays_without_items(schema.get("items"), f"{path}[]")
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        yield from _arrays_without_items(inner, f"{path}.{name}")


_COMMON: tuple[Rule, ...] = (_results_follow_calls, _calls_are_answered, _assistants_say_something)
_RULES: Mapping[Provider, tuple[Rule, ...]] = {
    "openai": (
        _known_roles(_OPENAI_ROLES),
        *_COMMON,
        _calls_are_well_formed,
        _tool_options_need_tools,
        _tools_are_well_formed,
    ),
    "anthropic": (
        _known_roles(_ROLES),
        _system_leads,
        _user_begins,
        *_COMMON,
        _each_call_is_answered_once,
        _calls_have_ids,
        _nothing_is_blank({"user", "assistant"}),
        _user_or_tool_ends,
        _history_of_calls_needs_tools,
        _tools_are_well_formed,
    ),
    "mistral": (
        _known_roles(_ROLES),
        _system_leads,
        _user_begins,
        _roles_alternate,
        *_COMMON,
        _each_call_is_answered_once,
        _calls_have_ids,
        _nothing_is_blank({"assistant"}),
        _user_or_tool_ends,
        _tools_are_well_formed,
    ),
}
