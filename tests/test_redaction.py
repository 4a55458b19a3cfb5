"""Secrets leave text, data and exceptions before they are kept or shown; what is no secret stays."""

from __future__ import annotations

import time
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.errors import GraphInterrupt
from langgraph.types import Interrupt
from pydantic import SecretStr, TypeAdapter, ValidationError

from langgraph_moa.redaction import MASK, is_secret_name, redact, redact_data, redact_error

CANARY = "c4n4ry-7f3e9b1d"


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apikey",
        "api-key",
        "openai_api_key",
        "API_KEY",
        "azure_ad_token",
        "client_secret",
        "password",
        "db_passwd",
        "Authorization",
        "credential",
        "credentials",
        "default_headers",
        "headers",
        "extra_headers",
        "aws_secret_access_key",
        "aws_access_key_id",
        "secret_key",
        "private_key",
    ],
)
def test_secret_names(name: str) -> None:
    """A parameter that providers use for a secret is told by its name."""
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["max_tokens", "max_completion_tokens", "temperature", "base_url", "prompt_cache_key", "stop", "tokenizer"]
)
def test_harmless_names(name: str) -> None:
    """A parameter that holds no secret is shown and written."""
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"Authorization: Bearer {CANARY}", id="bearer"),
        pytest.param(f"authorization: bearer {CANARY}, retry", id="bearer-lower-case"),
        pytest.param(f"Authorization: Basic {'Y' * 12}{CANARY.replace('-', '')}==", id="basic"),
        pytest.param(f"Incorrect API key provided: {CANARY}. You can find", id="openai-401"),
        pytest.param(f"key sk-proj-{CANARY} is revoked", id="openai-key"),
        pytest.param(f"gsk_{CANARY}", id="groq-key"),
        pytest.param(f"tgp_v1_{CANARY}", id="together-key"),
        pytest.param(f"xai-{CANARY}", id="xai-key"),
        pytest.param(f"hf_{CANARY}", id="hugging-face-key"),
        pytest.param(f"lsv2_pt_{CANARY}", id="langsmith-key"),
        pytest.param(f"GET https://host/v1?api_key={CANARY}&n=1", id="query"),
        pytest.param(f"GET https://host/v1?key={CANARY}&alt=sse", id="google-query"),
        pytest.param(f"GET https://host/v1?token={CANARY}", id="token-query"),
        pytest.param(f"x-api-key: {CANARY}", id="header"),
        pytest.param(f"{{'x-api-key': '{CANARY}', 'accept': '*/*'}}", id="header-dict"),
        pytest.param(f'{{"api_key": "{CANARY}"}}', id="json-body"),
        pytest.param(f'{{"token": "{CANARY}", "secret":"{CANARY}"}}', id="json-token"),
        pytest.param(f"ChatThing(api_key='{CANARY}')", id="repr"),
        pytest.param(f"proxy http://user:{CANARY}@proxy:8080 refused", id="url-password"),
    ],
)
def test_secrets_are_masked(text: str) -> None:
    """A key, token or password is replaced by asterisks wherever providers are known to echo it."""
    shown = redact(text)
    assert CANARY not in shown
    assert CANARY.replace("-", "") not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rate limit reached for gpt-4o in organization org-x on tokens per min: limit 30000, used 29000.",
        "This model's maximum context length is 8192 tokens, however you requested 9000 tokens.",
        "model 'openai:gpt-4o' timed out after 30 s: https://api.openai.com/v1/chat/completions",
        "Unexpected token: < in JSON at position 0; the password: too short",
        "mail user@example.com or see http://localhost:8000/v1",
    ],
)
def test_harmless_text_is_kept(text: str) -> None:
    """Text without a secret comes back as it is."""
    assert redact(text) == text


def test_the_rest_of_the_message_is_kept() -> None:
    """Only the secret goes: what went wrong can still be read."""
    shown = redact(f"401 from https://u:{CANARY}@host/v1: Incorrect API key provided: {CANARY}, see the docs")
    assert shown == f"401 from https://{MASK}@host/v1: Incorrect API key provided: {MASK}, see the docs"


def test_masking_twice_is_masking_once() -> None:
    """Text that has been redacted is not changed by redacting it again."""
    once = redact(f"Bearer {CANARY} and sk-{CANARY} and api_key={CANARY}")
    assert redact(once) == once


@pytest.mark.parametrize("piece", ["key-", "hf_a-", "basic a", "bearer ", "sk-", "://a:", "api_key", "token", "?key=a"])
def test_a_long_text_is_masked_in_little_time(piece: str) -> None:
    """A provider whose error is a megabyte of what looks like keys does not stop the event loop."""
    started = time.perf_counter()
    redact(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        pytest.param("api_key", CANARY, MASK, id="by-name"),
        pytest.param("api_key", CANARY.encode(), MASK, id="bytes"),
        pytest.param("api_key", "", "", id="empty"),
        pytest.param("text", f"Bearer {CANARY}", f"Bearer {MASK}", id="by-pattern"),
        pytest.param("text", f"it is {CANARY}!", f"it is {MASK}!", id="known"),
        pytest.param("default_headers", {"X-Own": "abc", "n": 1}, {"X-Own": MASK, "n": 1}, id="headers"),
        pytest.param("default_headers", {"a": {"b": ["abc"]}}, {"a": {"b": [MASK]}}, id="within-headers"),
        pytest.param("kwargs", {"client": {"password": "abc"}}, {"client": {"password": MASK}}, id="nested"),
        pytest.param("list", [CANARY, ("x", CANARY)], [MASK, ("x", MASK)], id="lists"),
        pytest.param("body", b"data", b"data", id="other-bytes"),
        pytest.param("n", 3, 3, id="number"),
        pytest.param("none", None, None, id="nothing"),
        pytest.param("tools", {"tools": [{"page_token": {"type": "string"}}]}, None, id="tools"),
        pytest.param("x", {"properties": {"token": {"type": "string"}}}, None, id="schema"),
        pytest.param("openai_api_key", {"lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"]}, None, id="placeholder"),
    ],
)
def test_data_is_masked(name: str, value: Any, shown: Any) -> None:
    """Secrets in plain data are masked by name, by form and when they are known; `None` here: it stays as it is."""
    assert redact_data(value, [CANARY], name=name) == (value if shown is None else shown)


def test_masked_data_is_a_copy() -> None:
    """What is in use is not changed."""
    given = {"headers": {"a": CANARY}, "list": [{"api_key": CANARY}]}
    assert CANARY not in repr(redact_data(given))
    assert given == {"headers": {"a": CANARY}, "list": [{"api_key": CANARY}]}


def test_a_secret_object_stays_as_it_is() -> None:
    """An object that masks itself is passed on."""
    secret = SecretStr(CANARY)
    assert redact_data({"key": secret})["key"] is secret


class Holder(Exception):  # noqa: N818
    """An exception with attributes of its own."""

    def __init__(self, *args: object, **held: Any) -> None:
        super().__init__(*args)
        self.__dict__.update(held)


class Stubborn(Exception):  # noqa: N818
    """An exception whose attributes can be neither read nor written."""

    @property
    def reason(self) -> str:
        """Fail."""
        raise OSError

    @property
    def msg(self) -> str:
        """Say the key."""
        return CANARY


def noted(error: Exception) -> Exception:
    """Add a note to an exception."""
    error.add_note(f"sent {CANARY}")
    return error


ERRORS: dict[str, Exception] = {
    "text": ValueError(f"sent {CANARY}"),
    "two arguments": ValueError(401, f"sent {CANARY}"),
    "a table": KeyError({"headers": {"x": CANARY}}),
    "a list": RuntimeError([CANARY, (CANARY,)]),
    "message and body": Holder(f"sent {CANARY}", message=CANARY, body={"error": {"message": CANARY}}, code=401),
    "a key by name": Holder("no", api_key="abc-def", headers={"x": "abc-def"}),
    "note": noted(ValueError("no")),
    "os": OSError(2, f"no {CANARY}", f"/run/{CANARY}"),
    "import": ImportError(f"no {CANARY}"),
    "group": ExceptionGroup("two", [ValueError(CANARY), ExceptionGroup("more", [KeyError(CANARY)])]),
    "unicode": UnicodeDecodeError("utf-8", b"x", 0, 1, f"bad {CANARY}"),
    "stubborn": Stubborn(f"sent {CANARY}"),
}


def shown(error: BaseException) -> str:
    """Return all that is printed of an exception."""
    return f"{error!r} {error!s} {''.join(traceback.format_exception(error))} {error.__dict__}"


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_an_exception_is_masked_in_place(error: Exception) -> None:
    """Its text, arguments, notes, attributes and members show no key, and it is still the same exception."""
    kind, count = type(error), len(error.args)
    redact_error(error, [CANARY])
    assert CANARY not in shown(error)
    assert "abc-def" not in shown(error)
    assert (type(error), len(error.args)) == (kind, count)


def test_causes_and_contexts_are_masked() -> None:
    """What an exception was raised from, or while, is printed with it: all of it is masked, and stays linked."""
    first, second, third = ValueError(CANARY), KeyError(CANARY), RuntimeError(CANARY)
    second.__context__, third.__cause__, first.__context__ = first, second, third
    redact_error(third, [CANARY])
    assert CANARY not in shown(third)
    assert third.__cause__ is second
    assert second.__context__ is first


def test_a_cause_that_cannot_be_changed_gives_way() -> None:
    """A pydantic error holds its input for good; where it is a cause, a stand-in says what it said."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python(f"sent {CANARY}")
    for link in ("__cause__", "__context__"):
        error = ValueError("no")
        setattr(error, link, caught.value)
        suppressed = error.__suppress_context__
        redact_error(error, [CANARY])
        assert CANARY not in shown(error)
        assert "ValidationError: 1 validation error for int" in str(getattr(error, link))
        assert error.__suppress_context__ is suppressed


def test_harmless_exceptions_keep_what_they_hold() -> None:
    """An exception without a secret has the very same objects as before: an interrupt still carries its values."""
    held = {"question": "Go on?", "list": [1, "a"]}
    interrupt = GraphInterrupt((Interrupt(value=held),))
    holder = Holder("no", body=held)
    before = interrupt.args
    redact_error(interrupt, [CANARY])
    redact_error(holder, [CANARY])
    assert interrupt.args == before
    assert holder.__dict__["body"] is held


@settings(deadline=None)
@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_masking_data_twice_is_masking_it_once(data: Any) -> None:
    """Data that has been redacted is not changed by redacting it again."""
    once = redact_data(data)
    assert redact_data(once) == once
