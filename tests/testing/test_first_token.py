"""Probabilities of the first token, as a real client receives them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa.testing import Behaviour, Simulator

CHANCES = {"m": 0.2, "M": 0.7, "The": 0.1}


def asked(simulator: Simulator, **options: Any) -> Any:
    """Return what a client is told beside the answer."""
    model = ChatOpenAI(model="judge", base_url=simulator.url, api_key=SecretStr("k"), **options)
    return model.invoke("Which?").response_metadata["logprobs"]


def test_the_likeliest_tokens_come_first(simulator: Simulator) -> None:
    """As many tokens as were asked for are told, the likeliest first, each with the logarithm of its probability."""
    simulator.behaviour = Behaviour(reply="m", first_token=CHANCES)
    [first] = asked(simulator, logprobs=True, top_logprobs=2)["content"]
    assert [(top["token"], top["logprob"]) for top in first["top_logprobs"]] == [
        ("M", pytest.approx(math.log(0.7))),
        ("m", pytest.approx(math.log(0.2))),
    ]
    assert (first["token"], first["logprob"]) == ("m", pytest.approx(math.log(0.2)))


def test_a_function_sees_the_request(simulator: Simulator) -> None:
    """A function gives the probabilities by the request."""
    simulator.behaviour = Behaviour(reply="M", first_token=lambda body: {body["messages"][-1]["content"]: 1.0})
    [first] = asked(simulator, logprobs=True, top_logprobs=5)["content"]
    assert [top["token"] for top in first["top_logprobs"]] == ["Which?"]


@pytest.mark.parametrize("options", [{}, {"logprobs": False}])
def test_who_does_not_ask_is_not_told(simulator: Simulator, options: dict[str, Any]) -> None:
    """A request that does not ask for probabilities gets none."""
    simulator.behaviour = Behaviour(reply="M", first_token=CHANCES)
    assert asked(simulator, **options) is None


def test_without_them_there_are_none(simulator: Simulator) -> None:
    """A model that has no probabilities tells none, as many providers do."""
    assert asked(simulator, logprobs=True, top_logprobs=5) is None
