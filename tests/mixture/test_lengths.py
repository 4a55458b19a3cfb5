"""How long an answer may be: what a seat, a constructor's argument or a model's own setting says."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_openai import ChatOpenAI

from langgraph_moa import Aggregator, Mixture, Proposer
from langgraph_moa.mixture.lengths import answer_length
from langgraph_moa.testing import ScriptedChatModel

ANY_OPENAI: Any = ChatOpenAI
SILENT = ANY_OPENAI(model="m", api_key="k")
LONG_ANSWER = ANY_OPENAI(model="m", api_key="k", max_tokens=3_000)
LONGER_ANSWER = ANY_OPENAI(model="m", api_key="k", model_kwargs={"max_output_tokens": 3_500})


class ChatOllama(ScriptedChatModel):
    """A chat model that calls the length of an answer as Ollama does; -1 stands for no end."""

    num_predict: int | None = None


@pytest.mark.parametrize(
    ("model", "length"),
    [
        pytest.param(SILENT, None, id="silent"),
        pytest.param(LONG_ANSWER, 3_000, id="built"),
        pytest.param(ANY_OPENAI(model="m", api_key="k", max_completion_tokens=9), 9, id="other-name"),
        pytest.param(LONGER_ANSWER, 3_500, id="built-with-kwargs"),
        pytest.param(ChatOllama(num_predict=70), 70, id="ollama"),
        pytest.param(ChatOllama(num_predict=-1), None, id="ollama-without-end"),
        pytest.param(LONG_ANSWER.bind(max_tokens=20), 20, id="bound"),
        pytest.param(SILENT.bind(stop=["x"]).with_retry(), None, id="bound-silent"),
        pytest.param(LONG_ANSWER.bind(stop=["x"]).with_config(tags=["t"]), 3_000, id="bound-otherwise"),
        pytest.param(LONG_ANSWER.with_fallbacks([LONGER_ANSWER, SILENT]), 3_500, id="fallbacks"),
        pytest.param(LONG_ANSWER | StrOutputParser(), 3_000, id="chain"),
        pytest.param(RunnableParallel(a=LONG_ANSWER, b=LONGER_ANSWER) | SILENT, 3_500, id="branches"),
        pytest.param(RunnableLambda(str), None, id="function"),
        pytest.param("openai:m", None, id="string"),
        pytest.param(Mixture.of(["openai:a"], "openai:b"), None, id="mixture"),
    ],
)
def test_the_length_of_an_answer(model: Any, length: int | None) -> None:
    """What a model was built or bound with counts where the seat says nothing; of a chain, its longest answer."""
    assert answer_length(Aggregator(model), model) == length
    assert answer_length(Aggregator("openai:m", fallbacks=[model]), model) == length
    assert answer_length(Aggregator(model, max_tokens=40), model) == 40


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "num_predict"])
def test_constructor_arguments_set_the_length_of_an_answer(name: str) -> None:
    """They count before the seat's `max_tokens`, as the model counts them, and for the seat's own model alone."""
    seat = Proposer("openai:m", fallbacks=["openai:n"], max_tokens=40, model_kwargs={name: 4_000})
    assert answer_length(seat, "openai:m") == 4_000
    assert answer_length(seat, "openai:n") == 40
    nested = Proposer("openai:m", model_kwargs={"model_kwargs": {name: 30}})
    assert answer_length(nested, "openai:m") == 30
