"""Claims about what must be there before any call: keys, packages, and a model for each server that has a limit."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from langgraph_moa import (
    Aggregator,
    ConfigurationError,
    Layer,
    MissingDependencyError,
    MissingKeyError,
    Mixture,
    Proposer,
    create_moa,
    load_preset,
)
from langgraph_moa.preflight import prepare, problems
from langgraph_moa.testing import ScriptedChatModel, Simulator

QUESTION = {"messages": [HumanMessage("why?")]}


@pytest.fixture
def provider(moa_openai_environment: Simulator) -> Simulator:
    """Give a simulated provider that the environment points to."""
    return moa_openai_environment


def test_problems_lists_every_missing_key_and_package() -> None:
    """`problems` names each model that cannot be called, with what to do, and makes no call."""
    found = problems(Mixture.of(["openai:a", "together:b", "upstage:c", "offline:bm25"], "openai:a"))
    assert [(problem.model, type(problem.error)) for problem in found] == [
        ("openai:a", MissingKeyError),
        ("together:b", MissingKeyError),
        ("upstage:c", MissingDependencyError),
    ]
    assert "pip install langchain-upstage" in str(found[2].error)


@pytest.mark.parametrize("wrap", [lambda inner: inner, create_moa, lambda inner: create_moa(inner) | StrOutputParser()])
def test_problems_of_nested_mixtures_are_listed(wrap: Any) -> None:
    """A key that a mixture within the mixture lacks is missed before any call, compiled or in a chain too."""
    inner = wrap(Mixture.of(["openai:a"], "openai:b", name="inner"))
    found = problems(Mixture.of([inner, "offline:bm25"], "together:c"))
    assert [problem.model for problem in found] == ["openai:a", "openai:b", "together:c"]


def test_prepare_raises_what_problems_lists() -> None:
    """`prepare` raises the first problem, and nothing where there is none."""
    with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
        prepare(Mixture.of(["openai:a"], "openai:b"))
    prepare(load_preset("offline"))


def nested(mixture: Mixture) -> Mixture:
    """Return a mixture with another one in it, whose models are elsewhere."""
    return Mixture([Layer([mixture, "openai:outer"])], "openai:outer", name="outer")


def in_chain(mixture: Mixture) -> Mixture:
    """Return a mixture with another one in a chain."""
    return nested(mixture).swap({"mixture:limited": create_moa(mixture).with_retry()})


def itself(mixture: Mixture) -> Mixture:
    """Return the mixture."""
    return mixture


@pytest.mark.parametrize("wrap", [itself, nested, in_chain])
@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(lambda url: url.replace("/v1", "/v2"), id="path"),
        pytest.param(lambda url: f"{url}/chat/completions", id="too-long"),
        pytest.param(lambda url: url.replace("http", "https"), id="scheme"),
        pytest.param(lambda _: "http://user:s3cret@127.0.0.1:1/v1", id="port"),
        pytest.param(lambda _: "https://api.openai.com/v1", id="default"),
    ],
)
def test_a_server_that_nobody_asks_is_refused(provider: Simulator, spelling: Any, wrap: Any) -> None:
    """A base URL that concerns no model raises before any call, with the addresses that there are and no secret."""
    limits = {"openai": 1, spelling(provider.url): 1}
    layer = Layer([*("openai:a", "together:b"), Proposer("openai:c", model_kwargs={"base_url": "http://c/v1"})])
    graph = create_moa(wrap(Mixture([layer], "openai:end", name="limited", limits=limits)))
    with pytest.raises(ConfigurationError, match=r"'limited' is asked\. Correct it, or leave it out") as caught:
        graph.invoke(QUESTION)
    assert str(caught.value).endswith(f"Addresses of its models: {provider.url}, http://c/v1")
    assert "s3cret" not in str(caught.value)
    assert provider.requests == []


@pytest.mark.parametrize(
    "unknown",
    [
        pytest.param(ScriptedChatModel(), id="no-address"),
        pytest.param(RunnableLambda(lambda _: "said"), id="function"),
        pytest.param("offline:bm25", id="string"),
        pytest.param(Proposer("openai:a", model_kwargs={"temperature": "hot"}), id="unbuildable"),
        pytest.param(Mixture.of([ScriptedChatModel()], ScriptedChatModel(), name="inner"), id="nested"),
    ],
)
def test_a_server_is_not_refused_where_an_address_is_unknown(provider: Simulator, unknown: Any) -> None:
    """A model that tells no address, or a function that may call any mixture, may be what the limit is for."""
    layer = Layer([unknown, "openai:b"])
    mixture = Mixture([layer], "openai:end", limits={"http://127.0.0.1:1/v1": 1}, on_partial="allow")
    assert create_moa(mixture).invoke(QUESTION)["messages"][-1].content == "ok"
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    ("limits", "model"),
    [
        pytest.param({"http://h:1": 1}, "ollama:a", id="ollama"),
        pytest.param({"http://localhost:11434": 1}, Proposer("groq:b", model_kwargs={"base_url": "http://g"}), id="kw"),
    ],
)
def test_addresses_of_strings_are_known_before_they_are_built(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], model: Any
) -> None:
    """Ollama's default and a `base_url` are known without a package to build the model with."""
    monkeypatch.setenv("GROQ_API_KEY", "k")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(importlib, "import_module", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"Addresses of its models: http://(127\.0\.0\.1:11434|g)$"):
        prepare(Mixture([Layer([model])], model if isinstance(model, str) else as_last(model), limits=limits))


def as_last(seat: Proposer) -> Aggregator:
    """Return an aggregator of a proposer's model."""
    return Aggregator(seat.model, model_kwargs=seat.model_kwargs)
