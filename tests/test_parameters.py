"""Arguments for a model's constructor: unchangeable, and their secrets never shown or written."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from pydantic import SecretStr

from langgraph_moa.parameters import Parameters
from langgraph_moa.redaction import MASK

CANARY = "c4n4ry-7f3e9b1d"

SECRETS: list[Any] = [
    pytest.param({"api_key": CANARY}, id="string"),
    pytest.param({"api_key": SecretStr(CANARY)}, id="secret"),
    pytest.param({"anything": SecretStr(CANARY)}, id="secret-under-a-plain-name"),
    pytest.param({"default_headers": {"Authorization": f"Bearer {CANARY}"}}, id="headers"),
    pytest.param({"credentials": {"user": CANARY}}, id="credentials"),
    pytest.param({"aws_secret_access_key": CANARY}, id="aws"),
    pytest.param({"client_kwargs": {"headers": {"x-auth": CANARY}}}, id="nested-headers"),
    pytest.param({"extra_body": {"inner": [{"api_key": CANARY}]}}, id="nested-in-a-list"),
    pytest.param({"base_url": f"https://user:{CANARY}@host/v1"}, id="url-with-a-password"),
]


@pytest.mark.parametrize("values", SECRETS)
def test_secrets_are_not_shown(values: dict[str, Any]) -> None:
    """No `repr`, `str` or format of the arguments holds a secret."""
    parameters = Parameters(values)
    for shown in (repr(parameters), str(parameters), f"{parameters}", repr([parameters])):
        assert CANARY not in shown


@pytest.mark.parametrize("values", SECRETS)
def test_secrets_are_not_written(values: dict[str, Any]) -> None:
    """What may be written to a file holds no secret."""
    assert CANARY not in repr(Parameters({**values, "seed": 1}).without_secrets())
    assert Parameters({**values, "seed": 1}).without_secrets()["seed"] == 1


def test_what_is_no_secret_is_shown_and_written() -> None:
    """Arguments that hold no secret are shown and written as they are."""
    values = {"base_url": "http://localhost:8000/v1", "seed": 1, "stop": ["a", "b"], "extra_body": {"top_k": 5}}
    assert repr(Parameters(values)) == repr(values)
    assert Parameters(values).without_secrets() == values


def test_a_masked_secret_still_shows_its_name() -> None:
    """One can see that a key was given, though not which."""
    assert repr(Parameters({"api_key": CANARY})) == repr({"api_key": MASK})


def test_a_secret_string_is_held_as_secret() -> None:
    """The constructor of the model receives the secret, wrapped."""
    held = Parameters({"api_key": CANARY})["api_key"]
    assert isinstance(held, SecretStr)
    assert held.get_secret_value() == CANARY


def test_it_is_a_mapping() -> None:
    """Arguments are unpacked, counted, compared and looked up as in a dict."""
    parameters = Parameters({"seed": 1, "top_p": 0.5})
    assert dict(**parameters) == {"seed": 1, "top_p": 0.5} == parameters
    assert len(parameters) == 2
    assert parameters.get("none") is None


def test_it_cannot_be_changed() -> None:
    """There is no way to set or delete an argument, and changing the source changes nothing."""
    source = {"seed": 1}
    parameters = Parameters(source)
    source["seed"] = 2
    assert parameters["seed"] == 1
    assert not hasattr(parameters, "__setitem__")
    assert not hasattr(parameters, "__delitem__")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])  # noqa: S301
def test_copies_are_equal(again: Any) -> None:
    """Arguments can be copied and sent to another process, their secrets with them."""
    parameters = Parameters({"seed": 1, "api_key": CANARY})
    assert again(parameters) == parameters
    assert again(parameters)["api_key"].get_secret_value() == CANARY
