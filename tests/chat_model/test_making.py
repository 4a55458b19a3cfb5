"""How a mixture is made a chat model, and what is refused."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

from langgraph_moa import Aggregator, ConfigurationError, Mixture, Proposer, load_preset
from langgraph_moa.chat_model import ChatMoA
from tests.chat_model.calling import QUESTION, scripted

CANARY = "sk-canary-5f1d9"
STRINGS: Mapping[str, Any] = {"proposers": ["openai:a", "openai:b"], "aggregator": "openai:c"}
reads = pytest.mark.filterwarnings("ignore:The function `load` is in beta")


PAIR = ["openai:a", "openai:b"]
RIGHT: Mapping[str, tuple[Mapping[str, Any], Mixture]] = {
    "object": ({"mixture": Mixture.of(PAIR, "openai:c")}, Mixture.of(PAIR, "openai:c")),
    "table": ({"mixture": Mixture.of(PAIR, "openai:c").to_dict()}, Mixture.of(PAIR, "openai:c")),
    "preset": ({"model": "offline"}, load_preset("offline")),
    "short-form": (STRINGS, Mixture.of(PAIR, "openai:c")),
    "deep": ({**STRINGS, "depth": 4}, Mixture.of(PAIR, "openai:c", depth=4)),
    "with-parameters": (
        {**STRINGS, "temperature": 0.5, "max_tokens": 9, "timeout": 3.0},
        Mixture.of(PAIR, Aggregator("openai:c", temperature=0.5, max_tokens=9, timeout=3.0)),
    ),
    "with-retries": (
        {**STRINGS, "max_retries": 0},
        Mixture.of(PAIR, Aggregator("openai:c", model_kwargs={"max_retries": 0})),
    ),
}


@pytest.mark.parametrize(("given", "recipe"), RIGHT.values(), ids=RIGHT)
def test_ways_to_make_one(given: Mapping[str, Any], recipe: Mixture) -> None:
    """A mixture or its table, a preset, or proposers with an aggregator give the recipe that they stand for."""
    assert ChatMoA(**given).recipe == recipe


WRONG: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "nothing": ({}, "exactly one; got none of them"),
    "two": ({"mixture": load_preset("offline"), "model": "offline"}, "exactly one; got mixture, model"),
    "no-aggregator": ({"proposers": ["openai:a"]}, "proposers with an aggregator: exactly one; got proposers$"),
    "no-proposers": ({"aggregator": "openai:a"}, "proposers with an aggregator: exactly one; got aggregator$"),
    "aggregator-of-a-preset": ({"model": "offline", "aggregator": "openai:a"}, "exactly one; got model, aggregator"),
    "no-such-preset": ({"model": "offlin"}, "there is no preset 'offlin'. Did you mean 'offline'"),
    "a-model-for-a-preset": ({"model": "openai:gpt-5"}, "name of a preset, got the model 'openai:gpt-5'.*proposers="),
    "depth-of-a-preset": ({"model": "offline", "depth": 3}, "ChatMoA.depth goes with proposers; got 3 beside model"),
    "depth-0": ({**STRINGS, "depth": 0}, r"depth must be a whole number in 2\.\.64, got 0"),
    "depth-1": ({**STRINGS, "depth": 1}, r"depth must be a whole number in 2\.\.64, got 1"),
    "a-bare-string": ({**STRINGS, "proposers": "openai:a"}, r"proposers must be a list.*Write \['openai:a'\]"),
    "no-proposer": ({**STRINGS, "proposers": []}, "name at least one proposer"),
    "no-provider": ({**STRINGS, "aggregator": "gpt-5"}, "model 'gpt-5' names no provider. Write 'provider:model'"),
    "no-table": ({"mixture": "offline"}, "mixture must be a table, got 'offline'"),
    "half-a-table": ({"mixture": {"proposers": []}}, "mixture: missing key 'aggregator'"),
    "temperature": ({**STRINGS, "temperature": -1}, "temperature must be a number at least 0 and at most 2.*got -1"),
    "hot": ({**STRINGS, "temperature": "hot"}, "ChatMoA.temperature: .*got 'hot'"),
    "no-tokens": ({**STRINGS, "max_tokens": 0}, "max_tokens must be a whole number in 1 or more, got 0"),
    "retries": ({**STRINGS, "max_retries": -1}, "max_retries must be a whole number in 0 or more, got -1"),
    "fanout": ({**STRINGS, "fanout": "never"}, "ChatMoA.fanout: .*'user_turn' or 'every_call'; got 'never'"),
    "stop": ({**STRINGS, "stop": "END"}, "ChatMoA.stop: .*list; got 'END'"),
    "unknown": ({**STRINGS, "temprature": 1}, "ChatMoA.temprature is no parameter. Parameters: .*temperature"),
}


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
def test_wrong_ways(given: Mapping[str, Any], message: str) -> None:
    """What is wrong is told when the chat model is made, as a `ConfigurationError` that names it."""
    with pytest.raises(ConfigurationError, match=message):
        ChatMoA(**given)


def test_retries_of_an_object() -> None:
    """A model object has its own retries, and the error says where they are set."""
    with pytest.raises(ConfigurationError, match="set max_retries on the model object"):
        ChatMoA(proposers=[scripted("a")], aggregator=scripted("b"), max_retries=1)


@given(st.dictionaries(st.sampled_from(sorted(ChatMoA.model_fields)), st.just({"api_key": CANARY}), min_size=1))
def test_errors_show_no_key(fields: dict[str, Any]) -> None:
    """Whatever field is given what does not belong there, the error shows nothing of what the value holds."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of whatever type
        ChatMoA(**{**STRINGS, "mixture": {"api_key": CANARY}, **fields})
    assert isinstance(caught.value, ConfigurationError)
    assert "canary" not in "".join([str(caught.value), repr(caught.value)])


@pytest.mark.parametrize(
    "call", [ChatMoA.invoke, lambda chat, given: list(chat.stream(given))], ids=["invoke", "stream"]
)
def test_no_message(call: Callable[[ChatMoA, list[Any]], Any]) -> None:
    """Without a message no call is made, and the error says what is missing."""
    proposer = scripted("a")
    with pytest.raises(ConfigurationError, match="messages is empty"):
        call(ChatMoA(proposers=[proposer], aggregator=scripted("b")), [])
    assert not proposer.requests


def test_a_copy_is_run_as_it_says() -> None:
    """A copy with another value, and a field that is set later, are those that a call is made with."""
    aggregator = scripted("b")
    chat = ChatMoA(proposers=[scripted("a")], aggregator=aggregator, temperature=0.1)
    chat.invoke(QUESTION)
    chat.model_copy(update={"temperature": 0.2}).invoke(QUESTION)
    chat.temperature = 0.3
    chat.invoke(QUESTION)
    assert [options["temperature"] for options in aggregator.options] == [0.1, 0.2, 0.3]


def test_a_wrong_value_set_later() -> None:
    """A copy with a wrong value, and a wrong value that is set later, are refused as in the beginning."""
    chat = ChatMoA(**STRINGS)
    with pytest.raises(ConfigurationError, match="temperature"):
        chat.model_copy(update={"temperature": 9})
    with pytest.raises(ConfigurationError, match=r"2\.\.64"):
        chat.depth = 1


def pickled(chat: ChatMoA) -> ChatMoA:
    """Return what is left of a chat model in another process."""
    read: ChatMoA = pickle.loads(pickle.dumps(chat))  # noqa: S301 - it was written right here
    return read


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy], ids=["pickle", "deep", "shallow"])
def test_copies(copied: Callable[[ChatMoA], ChatMoA]) -> None:
    """A chat model of strings can be pickled and copied also after it was asked; the copy answers alike."""
    chat = ChatMoA(model="offline", stop=["never said"])
    answer = chat.invoke(QUESTION)
    other = copied(chat)
    assert (other.recipe, other.stop) == (chat.recipe, chat.stop)
    assert other.invoke([HumanMessage(QUESTION)]).text == answer.text


@pytest.mark.parametrize(
    "given",
    [STRINGS, {**STRINGS, "depth": 3, "temperature": 0.5, "stop": ["."]}, {"model": "offline", "fanout": "every_call"}],
    ids=["plain", "with-parameters", "preset"],
)
@reads
def test_written_form(given: Mapping[str, Any]) -> None:
    """What LangChain writes of a chat model whose models are strings, it reads again where the class is allowed."""
    chat = ChatMoA(**given)
    read = load(dumpd(chat), allowed_objects=[ChatMoA], valid_namespaces=["langgraph_moa"])
    assert read.recipe == chat.recipe
    assert (read.model, read.stop, read.fanout) == (chat.model, chat.stop, chat.fanout)
    assert dumpd(read) == dumpd(chat)


def with_keys() -> ChatMoA:
    """Return strings whose settings hold a key."""
    settings = {"api_key": CANARY, "default_headers": {"Authorization": f"Bearer {CANARY}"}}
    return ChatMoA(
        proposers=[Proposer("openai:a", model_kwargs=settings)],
        aggregator=Aggregator("openai:b", model_kwargs=settings),
    )


def of_clients() -> ChatMoA:
    """Return clients that hold a key in several places."""
    settings: dict[str, Any] = {"api_key": CANARY, "default_headers": {"X-Key": CANARY}}
    client = ChatOpenAI(model="a", base_url=f"http://user:{CANARY}@127.0.0.1/v1", **settings)
    return ChatMoA(proposers=[client, Proposer(client.bind(user="me"), name="bound")], aggregator=client)


@pytest.mark.parametrize("build", [with_keys, of_clients, lambda: ChatMoA(mixture=with_keys().recipe)])
def test_no_key_is_shown(build: Callable[[], ChatMoA]) -> None:
    """Neither the written form, which traces hold too, nor anything that is printed shows a key."""
    chat = build()
    shown = [dumps(chat), repr(chat), str(chat), repr(chat.recipe), repr(chat.asdict()), repr(chat._get_ls_params())]
    assert CANARY not in "".join(shown)
    assert "canary" not in "".join(shown)


@reads
def test_keys_come_from_the_environment() -> None:
    """A written chat model is read without its keys: its models look for theirs in the environment."""
    read = load(dumpd(with_keys()), allowed_objects=[ChatMoA], valid_namespaces=["langgraph_moa"])
    assert read.recipe == Mixture.of(["openai:a"], "openai:b")


@pytest.mark.parametrize(("name", "instead"), [("openai:gpt-5", "proposers="), ("panel.toml", "Mixture.from_file")])
def test_a_model_or_a_file_is_no_preset(name: str, instead: str) -> None:
    """Where the name of a preset belongs, that of a model or a file is refused with what to write instead."""
    with pytest.raises(ConfigurationError, match=instead):
        ChatMoA(model=name)
