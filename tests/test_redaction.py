"""Secrets leave text before it is kept or shown; what is no secret stays."""

from __future__ import annotations

import pytest

from langgraph_moa.redaction import MASK, is_secret_name, redact

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
