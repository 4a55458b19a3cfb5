"""Seats: what a proposer and an aggregator take, refuse, show and write."""

from __future__ import annotations

import copy
import json
import pickle
import tomllib
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
import tomli_w
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Aggregator, Mixture, Proposer, model_label
from langgraph_moa.mixture.seats import as_aggregator, as_proposer

CANARY = "c4n4ry-7f3e9b1d"
SEATS = [pytest.param(Proposer, id="proposer"), pytest.param(Aggregator, id="aggregator")]


class Talkative(Runnable[Any, Any]):
    """A model that shows its key, as some clients show their headers."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)

    def __repr__(self) -> str:
        return f"Talkative(headers={{'Authorization': 'Bearer {CANARY}'}})"

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:
        """Answer with what came in."""
        return input


@pytest.mark.parametrize("seat", SEATS)
@pytest.mark.parametrize(
    "model",
    [
        pytest.param("openai:gpt-4o", id="string"),
        pytest.param(RunnableLambda(str), id="runnable"),
        pytest.param(Mixture.of(["openai:gpt-4o"], "openai:gpt-4o"), id="mixture"),
    ],
)
def test_a_seat_takes_any_model(seat: type[Proposer | Aggregator], model: Any) -> None:
    """A string, a Runnable and a mixture are models, also as fallbacks."""
    assert seat("openai:a", fallbacks=[model]).fallbacks == (model,)
    assert seat(model).model is model


@pytest.mark.parametrize("seat", SEATS)
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"model": "gpt-4o"}, "model 'gpt-4o' names no provider. Write 'provider:model'", id="bare-name"),
        pytest.param({"model": 3}, "model must be a 'provider:model' string, a chat model, .*got int", id="number"),
        pytest.param({"model": None}, "model must be .*got NoneType", id="none"),
        pytest.param({"model": ["openai:a"]}, "model must be .*got list", id="list"),
        pytest.param(
            {"fallbacks": "openai:b"}, r"fallbacks must be a list, got 'openai:b'\. Write \[", id="bare-string"
        ),
        pytest.param({"fallbacks": ["b"]}, "model 'b' names no provider", id="bare-fallback"),
        pytest.param({"temperature": 2.1}, "temperature must be a number at least 0 and at most 2, .*2.1", id="hot"),
        pytest.param({"temperature": -1}, "temperature must be a number .*-1", id="cold"),
        pytest.param({"temperature": "0.7"}, "temperature must be a number .*'0.7'", id="temperature-text"),
        pytest.param({"max_tokens": 0}, "max_tokens must be a whole number in 1 or more, got 0", id="no-tokens"),
        pytest.param({"max_tokens": 10.5}, "max_tokens must be a whole number .*10.5", id="half-a-token"),
        pytest.param({"timeout": 0}, "timeout must be a number above 0, or None; got 0", id="no-time"),
        pytest.param({"timeout": float("inf")}, "timeout must be a number above 0, .*inf", id="endless"),
        pytest.param(
            {"context_window": 0}, "context_window must be a whole number in 1 or more, got 0", id="no-window"
        ),
        pytest.param({"context_window": 8e3}, "context_window must be a whole number .*8000.0", id="window-number"),
        pytest.param({"context_window": True}, "context_window must be a whole number .*True", id="window-flag"),
        pytest.param({"model_kwargs": ["a"]}, "model_kwargs must be a mapping .*got list", id="kwargs-list"),
    ],
)
def test_wrong_values(seat: type[Proposer | Aggregator], options: dict[str, Any], problem: str) -> None:
    """A wrong value is refused on construction with the field, the value and what is allowed."""
    with pytest.raises(ConfigurationError, match=problem):
        seat(**{"model": "openai:a", **options})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"name": "a b"}, "Proposer.name must be 1 to 80 letters.*got 'a b'", id="name"),
        pytest.param({"samples": 0}, "Proposer.samples must be a whole number in 1..1024, got 0", id="no-samples"),
        pytest.param({"samples": True}, "Proposer.samples must be .*got True", id="samples-flag"),
        pytest.param({"system_prompt": ""}, "Proposer.system_prompt must be text, or None; got ''", id="prompt"),
        pytest.param({"required": "false"}, "Proposer.required must be true or false, .*got 'false'", id="required"),
        pytest.param(
            {"view": "system"}, r"Proposer.view must be a list, got 'system'. Write \['system'\]", id="view-text"
        ),
        pytest.param(
            {"view": ["system", "memory"]},
            "each of Proposer.view must be one of 'system', 'history', 'documents', 'tools'; got 'memory'",
            id="view-word",
        ),
        pytest.param({"view": [None]}, "each of Proposer.view must be one of .*got None", id="view-none"),
        pytest.param({"inputs": {"image"}}, "Proposer.inputs must be a list, got .*type set", id="inputs-set"),
        pytest.param(
            {"inputs": ["text", "picture"]},
            "each of Proposer.inputs must be one of 'text', 'image', 'audio', 'video', 'file'; got 'picture'",
            id="inputs-word",
        ),
        pytest.param({"inputs": []}, "Proposer.inputs must name at least one of 'text', .*got \\[\\]", id="no-inputs"),
    ],
)
def test_wrong_values_of_a_proposer(options: dict[str, Any], problem: str) -> None:
    """What only a proposer has is checked as well."""
    with pytest.raises(ConfigurationError, match=problem):
        Proposer("openai:a", **options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param(
            {"strategy": "guess"}, "Aggregator.strategy must be one of 'synthesize'.*got 'guess'", id="strategy"
        ),
        pytest.param(
            {"on_failure": "ignore"},
            "on_failure must be one of 'raise', 'best_proposal'; got 'ignore'",
            id="on-failure",
        ),
        pytest.param({"on_failure": None}, "on_failure must be one of .*got None", id="no-on-failure"),
        pytest.param({"prompt": " "}, "Aggregator.prompt must be text, or None; got ' '", id="prompt"),
    ],
)
def test_wrong_values_of_an_aggregator(options: dict[str, Any], problem: str) -> None:
    """What only an aggregator has is checked as well."""
    with pytest.raises(ConfigurationError, match=problem):
        Aggregator("openai:a", **options)


@pytest.mark.parametrize("seat", SEATS)
def test_a_seat_is_frozen(seat: type[Proposer | Aggregator]) -> None:
    """No field of a seat can be set, and what it was built from can change without it."""
    fallbacks, kwargs = ["openai:b"], {"seed": 1}
    built = seat("openai:a", fallbacks=fallbacks, model_kwargs=kwargs)
    fallbacks.append("openai:c")
    kwargs["seed"] = 2
    assert built == seat("openai:a", fallbacks=("openai:b",), model_kwargs={"seed": 1})
    for field in fields(seat):
        with pytest.raises(FrozenInstanceError):
            setattr(built, field.name, None)


@pytest.mark.parametrize("seat", SEATS)
def test_further_arguments_go_with_a_string(seat: type[Proposer | Aggregator]) -> None:
    """Arguments for a constructor are refused beside an object, which has been constructed, and are not shown."""
    with pytest.raises(
        ConfigurationError, match=r"model_kwargs goes with a 'provider:model' string.*set api_key on it"
    ) as caught:
        seat(RunnableLambda(str), model_kwargs={"api_key": CANARY})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("seat", SEATS)
def test_secrets_are_never_shown_or_written(seat: type[Proposer | Aggregator]) -> None:
    """Neither `repr` nor the written form of a seat holds a key, a header or a password."""
    secrets = {"api_key": CANARY, "default_headers": {"x": CANARY}, "base_url": f"http://u:{CANARY}@h/v1", "seed": 1}
    built = seat("openai:a", model_kwargs=secrets)
    for shown in (repr(built), str(built), repr(built.model_kwargs), repr(built.to_dict())):
        assert CANARY not in shown
        assert "seed" in shown


@pytest.mark.parametrize("seat", SEATS)
def test_a_model_object_is_shown_by_its_label(seat: type[Proposer | Aggregator]) -> None:
    """A model object is not asked how it shows itself: it may show a header with a key."""
    built = seat(Talkative(), fallbacks=[Talkative()])
    assert CANARY not in repr(built)
    assert repr(built) == f"{seat.__name__}(model='Talkative', fallbacks=['Talkative'])"
    with pytest.raises(
        ConfigurationError, match="'Talkative' is an object, which cannot be written: name it"
    ) as caught:
        built.to_dict()
    assert CANARY not in str(caught.value)


def test_only_what_was_set_is_shown_and_written() -> None:
    """Defaults are neither shown nor written."""
    assert repr(Proposer("openai:a", temperature=0.0)) == "Proposer(model='openai:a', temperature=0.0)"
    assert Proposer("openai:a", temperature=0.0).to_dict() == {"model": "openai:a", "temperature": 0.0}
    assert Aggregator("openai:a").to_dict() == {"model": "openai:a"}
    written = {"model": "openai:a", "context_window": 8192, "on_failure": "best_proposal"}
    assert Aggregator("openai:a", context_window=8192, on_failure="best_proposal").to_dict() == written
    assert Proposer("openai:a", context_window=8192).to_dict() == {"model": "openai:a", "context_window": 8192}


@pytest.mark.parametrize("view", [None, (), ("system",), ("history", "tools")])
@pytest.mark.parametrize("inputs", [None, ("text", "image")])
def test_view_and_inputs_are_written(view: Any, inputs: Any) -> None:
    """A view, an empty one too, and the inputs of a slot come back from TOML and from JSON."""
    built = Mixture.of([Proposer("openai:a", view=view, inputs=inputs)], "openai:b")
    table = built.to_dict()
    assert Mixture.from_dict(table) == built
    assert Mixture.from_dict(json.loads(json.dumps(table))) == built
    assert Mixture.from_dict(tomllib.loads(tomli_w.dumps(table))) == built


def test_each_word_counts_once() -> None:
    """A word that is listed twice is one, and the list that was given can change without the proposer."""
    view: list[Any] = ["tools", "system", "tools"]
    built = Proposer("openai:a", view=view)
    view.clear()
    assert built.view == ("tools", "system")


@pytest.mark.parametrize("again", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])  # noqa: S301 - our own
@pytest.mark.parametrize("seat", SEATS)
def test_copies_are_equal(seat: type[Proposer | Aggregator], again: Any) -> None:
    """A seat can be copied and sent to another process, its secrets with it."""
    built = seat("openai:a", max_tokens=5, model_kwargs={"api_key": CANARY})
    assert again(built) == built


@pytest.mark.parametrize(
    ("model", "label"),
    [
        pytest.param("together:Qwen/Qwen2", "together:Qwen/Qwen2", id="string"),
        pytest.param(Mixture.of(["openai:a"], "openai:b", name="inner"), "mixture:inner", id="mixture"),
        pytest.param(Talkative(model_name="gpt-4o"), "talkative:gpt-4o", id="model-name"),
        pytest.param(Talkative(model="claude"), "talkative:claude", id="model"),
        pytest.param(Talkative(name="agent"), "agent", id="name"),
        pytest.param(Talkative(), "Talkative", id="class"),
        pytest.param(Talkative(model_name=3, model="", name=None), "Talkative", id="no-text"),
    ],
)
def test_labels(model: Any, label: str) -> None:
    """A model is recorded under its string, or under what an object calls itself."""
    assert model_label(model) == label


GPT = ChatOpenAI(model="gpt-4o", api_key=SecretStr(CANARY))


@pytest.mark.parametrize(
    ("model", "label"),
    [
        pytest.param(GPT, "openai:gpt-4o", id="plain"),
        pytest.param(GPT.bind(stop=["."]), "openai:gpt-4o", id="arguments"),
        pytest.param(GPT.with_retry(), "openai:gpt-4o", id="retries"),
        pytest.param(GPT.bind(stop=["."]).with_config(tags=["t"]).with_retry(), "openai:gpt-4o", id="all-of-them"),
        pytest.param(GPT.bind(model="gpt-4o-mini").with_retry(), "openai:gpt-4o-mini", id="another-model"),
        pytest.param((GPT | StrOutputParser()).with_retry(), "RunnableRetry", id="chain"),
    ],
)
def test_labels_of_bound_chat_models(model: Any, label: str) -> None:
    """A chat model with bound arguments, a config or retries is recorded, and priced, as the model that it asks."""
    assert model_label(model) == label


def test_a_model_stands_for_a_seat() -> None:
    """Where a seat is asked for, a model will do, and a seat stays itself."""
    proposer, aggregator = Proposer("openai:a"), Aggregator("openai:a")
    assert as_proposer("openai:a") == proposer
    assert as_proposer(proposer) is proposer
    assert as_aggregator("openai:a") == aggregator
    assert as_aggregator(aggregator) is aggregator
