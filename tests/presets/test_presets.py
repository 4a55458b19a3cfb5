"""Presets: each has a source and a date, loads, and is the recipe that it says it is."""

from __future__ import annotations

import re
from datetime import date

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Aggregator, Mixture
from langgraph_moa.presets import describe_preset, list_presets, load_preset

CANARY = "c4n4ry-7f3e9b1d"
PAPER = ("together-moa", "together-moa-lite", "together-moa-gpt4o")
SIX = [
    "together:microsoft/WizardLM-2-8x22B",
    "together:Qwen/Qwen1.5-110B-Chat",
    "together:Qwen/Qwen1.5-72B-Chat",
    "together:meta-llama/Llama-3-70b-chat-hf",
    "together:mistralai/Mixtral-8x22B-Instruct-v0.1",
    "together:databricks/dbrx-instruct",
]


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_is_described(name: str) -> None:
    """A preset says what it is, where it comes from and since when, and its mixture bears its name."""
    preset = describe_preset(name)
    assert preset.name == preset.mixture.name == name
    assert preset.description
    assert preset.source
    assert preset.note
    assert date(2024, 6, 7) <= date.fromisoformat(preset.date)
    assert isinstance(preset.historic, bool)
    assert load_preset(name) == preset.mixture
    assert preset.version >= 1
    assert (preset.mixture.preset, preset.mixture.preset_version) == (name, preset.version)


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_round_trips(name: str) -> None:
    """A preset can be written, changed and read as one's own recipe."""
    mixture = load_preset(name)
    assert Mixture.from_dict(mixture.to_dict()) == mixture


@pytest.mark.parametrize("name", list_presets())
def test_a_description_counts_its_calls(name: str) -> None:
    """Where a description or a source says how many calls there are, the plan makes as many."""
    preset = describe_preset(name)
    said = re.findall(r"\((\d+) calls", preset.description)
    assert [int(count) for count in said] == [preset.mixture.plan().calls] * len(said)


def test_names_are_sorted() -> None:
    """The list of presets is in alphabetical order and holds the paper's."""
    assert list_presets() == tuple(sorted(list_presets()))
    assert set(PAPER) < set(list_presets())


@pytest.mark.parametrize(
    ("name", "calls", "depth", "aggregator"),
    [
        pytest.param("together-moa", 13, 3, "together:Qwen/Qwen1.5-110B-Chat", id="moa"),
        pytest.param("together-moa-lite", 7, 2, "together:Qwen/Qwen1.5-72B-Chat", id="lite"),
        pytest.param("together-moa-gpt4o", 13, 3, "openai:gpt-4o", id="gpt4o"),
    ],
)
def test_the_papers_recipes(name: str, calls: int, depth: int, aggregator: str) -> None:
    """The paper's recipes are six open models per layer and one aggregator, at 0.7 and 2048 tokens."""
    mixture = load_preset(name)
    plan = mixture.plan()
    assert (plan.calls, plan.depth, mixture.depth) == (calls, depth, depth)
    assert [[slot.proposer.model for slot in slots] for slots in mixture.slots] == [SIX] * (depth - 1)
    assert mixture.merger == Aggregator(aggregator, temperature=0.7, max_tokens=2048)
    assert {(seat.temperature, seat.max_tokens) for seat in mixture.seats} == {(0.7, 2048)}
    assert plan.output_tokens == calls * 2048
    assert describe_preset(name).historic
    assert "2406.04692" in describe_preset(name).source
    assert describe_preset(name).date == "2024-06-07"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param("self-moa", "together:microsoft/WizardLM-2-8x22B", id="self-moa"),
        pytest.param("single-proposer", "together:Qwen/Qwen1.5-110B-Chat", id="single-proposer"),
    ],
)
def test_one_model_drawn_six_times(name: str, model: str) -> None:
    """Where one model proposes, each of its six draws is a slot and a call of its own."""
    mixture = load_preset(name)
    (slots,) = mixture.slots
    assert [(slot.proposer.model, slot.draw) for slot in slots] == [(model, draw) for draw in range(1, 7)]
    assert mixture.plan().calls == 7


@pytest.mark.parametrize("name", PAPER)
def test_a_model_without_a_price_is_listed(name: str) -> None:
    """The paper's plan lists the model whose price is not known, and its cost is unknown rather than too low."""
    plan = load_preset(name).plan()
    assert "together:microsoft/WizardLM-2-8x22B" in plan.unpriced
    assert plan.cost is None


def test_an_unknown_preset() -> None:
    """An unknown name is refused with a likely one and all that there are."""
    with pytest.raises(
        ConfigurationError, match=r"there is no preset 'together-mao'\. Did you mean 'together-moa'\?"
    ) as caught:
        load_preset("together-mao")
    assert all(name in str(caught.value) for name in list_presets())


@pytest.mark.parametrize("name", ["", "zzz", "../prices", "together-moa.toml", "TOGETHER-MOA"])
def test_names_are_no_paths(name: str) -> None:
    """Only a listed name is a preset: no path, no file name, no other case."""
    with pytest.raises(ConfigurationError, match=f"there is no preset {name!r}"):
        load_preset(name)


def test_one_server_for_all_models() -> None:
    """A `base_url` and a key reach every seat, and the key is shown nowhere."""
    mixture = load_preset("together-moa-gpt4o", base_url="http://localhost:8000/v1", api_key=CANARY)
    assert len(mixture.seats) == 13
    for seat in mixture.seats:
        assert seat.model_kwargs["base_url"] == "http://localhost:8000/v1"
        assert seat.model_kwargs["api_key"].get_secret_value() == CANARY
    for shown in (repr(mixture), repr(mixture.to_dict()), repr(mixture.plan())):
        assert CANARY not in shown
    assert mixture.plan().calls == 13
    assert (mixture.preset, mixture.preset_version) == ("together-moa-gpt4o", 1)


def test_a_server_is_asked_in_openais_protocol() -> None:
    """Models of a provider with a protocol of its own become OpenAI's when a `base_url` is given."""
    mixture = load_preset("local", base_url="http://localhost:8000/v1")
    assert [seat.model for seat in mixture.seats] == [
        f"openai:{str(seat.model).partition(':')[2]}" for seat in load_preset("local").seats
    ]
    assert [seat.model for seat in load_preset("together-moa", base_url="http://x/v1").seats] == [
        seat.model for seat in load_preset("together-moa").seats
    ]


def test_one_key_for_one_provider() -> None:
    """A key without a server goes to a preset with one provider, and is refused where there are two."""
    assert all("api_key" in seat.model_kwargs for seat in load_preset("together-moa", api_key=CANARY).seats)
    expected = "preset 'together-moa-gpt4o' uses openai, together: one api_key does not fit it. Leave api_key out"
    with pytest.raises(ConfigurationError, match=expected) as caught:
        load_preset("together-moa-gpt4o", api_key=CANARY)
    assert CANARY not in str(caught.value)
