"""The whole recipe: checked, frozen, written and read back, planned, and never within itself."""

from __future__ import annotations

import json
import pickle
import tomllib
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.runnables import RunnableLambda, RunnableParallel

from langgraph_moa.budget import Budget
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.graph import create_moa
from langgraph_moa.limits import Limit, limit_key
from langgraph_moa.mixture import Aggregator, Layer, Mixture, Proposer
from langgraph_moa.mixture.naming import limit_names
from langgraph_moa.prompts import AGGREGATE_AND_SYNTHESIZE
from langgraph_moa.redaction import redact
from langgraph_moa.testing import ScriptedChatModel
from langgraph_moa.usage import Price, PriceTable

CANARY = "c4n4ry-7f3e9b1d"
CHAT: Any = ScriptedChatModel()
CHAT_LIMIT = "scriptedchatmodel:scripted"
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda text: redact(text) == text)
PROMPTS = st.none() | WORDS.filter(str.strip)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,5}", fullmatch=True).filter(
    lambda name: name not in {"join", "moa", "aggregator"}
)
STRINGS = st.builds("{}:{}".format, st.sampled_from(["openai", "together", "ollama"]), WORDS.filter(str.strip))
SECONDS = st.floats(0.001, 1e6) | st.integers(1, 1000)
DOLLARS = st.floats(0, 1e4)
LIMITS = st.integers(1, 1000) | st.builds(
    Limit,
    concurrency=st.none() | st.integers(1, 1000),
    requests_per_minute=st.floats(0.01, 1e9),
    tokens_per_minute=st.none() | st.integers(1, 10**9),
)
PRICE_TABLES = st.builds(
    PriceTable,
    prices=st.dictionaries(
        STRINGS,
        st.builds(
            Price,
            DOLLARS,
            DOLLARS,
            st.none() | DOLLARS,
            st.sampled_from([None, "2024-06-07"]),
            st.none() | DOLLARS,
        ),
        max_size=3,
    ),
    date=st.just("2026-01-31"),
    source=WORDS,
    free=st.frozensets(st.sampled_from(["offline", "ollama"])),
)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def answer_schemas(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a JSON schema, with nulls where TOML could hold none."""
    held = VALUES | st.none() | st.dictionaries(NAMES, st.none(), max_size=2)
    one = st.fixed_dictionaries(
        {}, optional={"default": held, "enum": st.lists(held, max_size=3), "description": WORDS}
    )
    properties = draw(st.dictionaries(NAMES, one, min_size=1, max_size=3))
    schema = {"title": draw(NAMES), "type": "object", "properties": properties}
    return schema | draw(st.fixed_dictionaries({}, optional={"description": WORDS, "$defs": st.just({"T": {}})}))


def seats(models: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Return what both seats have, but for the model itself."""
    return {
        "temperature": st.none() | st.floats(0, 2),
        "max_tokens": st.none() | st.integers(1, 10**6),
        "timeout": st.none() | SECONDS,
        "fallbacks": st.lists(models, max_size=2),
        "context_window": st.none() | st.integers(1, 10**7),
        "model_kwargs": st.just({}),
    }


@st.composite
def layers(draw: st.DrawFn, models: st.SearchStrategy[Any], aggregators: st.SearchStrategy[Any]) -> Layer:
    """Draw a layer with distinct names, samples and perhaps an aggregator of its own."""
    proposers = st.builds(
        Proposer, models, system_prompt=PROMPTS, required=st.booleans(), samples=st.integers(1, 3), **seats(models)
    ) | st.builds(Proposer, STRINGS, name=NAMES, model_kwargs=st.dictionaries(NAMES, VALUES, max_size=2))
    drawn = draw(st.lists(proposers, min_size=1, max_size=3, unique_by=lambda seat: seat.name or object()))
    return Layer(
        drawn,
        quorum=draw(st.integers(1, sum(seat.samples for seat in drawn))),
        grace=draw(st.none() | st.just(0) | SECONDS),
        deadline=draw(SECONDS),
        aggregator=draw(st.none() | aggregators),
    )


@st.composite
def limited(draw: st.DrawFn, unlimited: st.SearchStrategy[Mixture]) -> Mixture:
    """Draw a mixture with limits of its models, their providers, and servers."""
    mixture = draw(unlimited)
    names = [name for seat in mixture.seats if isinstance(seat.model, str) for name in limit_names(seat.model)]
    keys = st.sampled_from(sorted({*names, "http://127.0.0.1:11434/v1", "https://us.example"}))
    return replace(mixture, limits=draw(st.dictionaries(keys.filter(lambda key: key == limit_key(key)), LIMITS)))


def mixtures(models: st.SearchStrategy[Any], name: str) -> st.SearchStrategy[Mixture]:
    """Return mixtures of these models, with that name or the default one."""
    policies = st.sampled_from(["raise", "best_proposal"])
    aggregators = st.builds(Aggregator, models, prompt=PROMPTS, on_failure=policies, **seats(models))
    unlimited = st.builds(
        Mixture,
        st.lists(layers(models, aggregators), min_size=1, max_size=2),
        aggregators,
        name=st.sampled_from(["moa", name]),
        reference_placement=st.sampled_from(["tail", "system"]),
        shuffle_seed=st.none() | st.integers(0, 2**32),
        on_partial=st.sampled_from(["allow", "warn", "raise"]),
        on_overflow=st.sampled_from(["shorten", "windows", "raise"]),
        budget=st.none() | st.builds(Budget, max_cost=st.floats(0, 10), max_tokens=st.none() | st.integers(1, 10**9)),
        prices=st.none() | PRICE_TABLES,
        answer_schema=st.none() | answer_schemas(),
        preset=st.none() | NAMES,
        preset_version=st.none() | st.integers(1, 99),
    )
    return limited(unlimited)


MIXTURES = mixtures(STRINGS, "inner") | mixtures(STRINGS | mixtures(STRINGS, "inner"), "outer")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(MIXTURES)
def test_a_mixture_round_trips(mixture: Mixture) -> None:
    """A mixture of model strings, nested ones included, comes back equal from TOML, from JSON and from a pickle."""
    table = mixture.to_dict()
    assert Mixture.from_dict(table) == mixture
    assert Mixture.from_dict(tomllib.loads(tomli_w.dumps(table))) == mixture
    assert Mixture.from_dict(json.loads(json.dumps(table))) == mixture
    assert pickle.loads(pickle.dumps(mixture)) == mixture  # noqa: S301 - our own bytes


@pytest.mark.parametrize("name", ["m.toml", "m.json"])
def test_a_mixture_is_read_from_a_file(tmp_path: Path, name: str) -> None:
    """A written recipe is read from a `.toml` and from a `.json` file, and an error in it names the file."""
    mixture = Mixture.of([Proposer("openai:a", samples=2)], "openai:b", depth=3, quorum=2, name="mine")
    write = tomli_w.dumps if name.endswith("toml") else json.dumps
    file = tmp_path / name
    file.write_text(write(mixture.to_dict()))
    assert Mixture.from_file(file) == mixture
    file.write_text(write({**mixture.to_dict(), "aggregator": "gpt-4o"}))
    with pytest.raises(ConfigurationError, match=rf"{name}: aggregator: model 'gpt-4o' names no provider"):
        Mixture.from_file(str(file))


def test_the_short_form() -> None:
    """`proposers`, `aggregator` and `depth` stand for layers that are all alike."""
    short = {"proposers": ["openai:a", "openai:b"], "aggregator": "openai:c", "depth": 3, "quorum": 2, "name": "mine"}
    layer = Layer(["openai:a", "openai:b"], quorum=2)
    assert Mixture.from_dict(short) == Mixture([layer, layer], Aggregator("openai:c"), name="mine")
    assert Mixture.from_dict(short) == Mixture.of(["openai:a", "openai:b"], "openai:c", depth=3, quorum=2, name="mine")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        pytest.param({"aggregator": "openai:a"}, "Layer.proposers is empty", id="nothing-proposes"),
        pytest.param({"proposers": ["openai:a"]}, "mixture: missing key 'aggregator'", id="nothing-aggregates"),
        pytest.param({"aggregator": "openai:b", "dept": 3}, "unknown key 'dept'. Allowed keys: layers", id="unknown"),
        pytest.param({"layers": [], "aggregator": "openai:b"}, "Mixture.layers must be .*at least one", id="empty"),
        pytest.param({"layers": "l", "aggregator": "openai:b"}, "layers must be a list, got 'l'", id="bare-string"),
        pytest.param({"layers": [], "aggregator": "openai:b", "depth": 2}, "unknown key 'depth'", id="both"),
        pytest.param(
            {"proposers": [{"model": {"aggregator": "openai:a", "x": 1}}], "aggregator": "openai:b"}, "'x'", id="nested"
        ),
    ],
)
def test_wrong_tables(table: dict[str, Any], problem: str) -> None:
    """A table that is wrong is refused with the key or the value."""
    with pytest.raises(ConfigurationError, match=problem):
        Mixture.from_dict(table)


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        pytest.param(lambda: Mixture.of("openai:a", "openai:b"), "must be a list, got 'openai:a'", id="string"),
        pytest.param(lambda: Mixture.of(["gpt-4o"], "openai:b"), "model 'gpt-4o' names no provider", id="bare-name"),
        pytest.param(lambda: Mixture.of(["openai:a"], "openai:b", depth=1), "depth must be .*2..64, got 1", id="flat"),
        pytest.param(lambda: Mixture.of(["openai:a"], "openai:b", depth=65), "must be .*2..64, got 65", id="deep"),
        pytest.param(lambda: Mixture.of(["openai:a"], "openai:b", quorum=2), "must be .*1..1, got 2", id="quorum"),
        pytest.param(lambda: Mixture([], "openai:b"), "Mixture.layers must be .*at least one", id="empty"),
        pytest.param(lambda: Mixture(["openai:a"], "openai:b"), r"got \['openai:a'\].*Mixture.of", id="no-layer"),  # type: ignore[list-item]
        pytest.param(lambda: Mixture(Layer(["openai:a"]), "openai:b"), "must be a list, got", id="one-layer"),  # type: ignore[arg-type]
        pytest.param(lambda: small(name="a b"), "Mixture.name must be .*got 'a b'", id="name"),
        pytest.param(lambda: small(shuffle_seed=-1), "shuffle_seed must be .*0 or more, got -1", id="seed"),
        pytest.param(
            lambda: small(reference_placement="x"), "must be one of 'tail', 'system'; got 'x'", id="placement"
        ),
        pytest.param(
            lambda: small(on_overflow="cut"), "one of 'shorten', 'windows', 'raise'; got 'cut'", id="on-overflow"
        ),
        pytest.param(lambda: small(limits=["openai"]), "Mixture.limits must be a table", id="limits-list"),
        pytest.param(
            lambda: small(limits={"openai": 0}), r"limits\['openai'\]: concurrency must .*got 0", id="no-place"
        ),
        pytest.param(
            lambda: small(limits={"togethre": 8, "openai": 2}),
            "limits names 'togethre', which concerns no model of this mixture.* Allowed: a base URL, or one of "
            "openai, openai:a, openai:b$",
            id="misspelt-limit",
        ),
        pytest.param(
            lambda: Mixture([Layer([RunnableLambda(str)])], RunnableLambda(str), limits={"openai": 2}),
            r"Allowed: a base URL, or one of \(no model that can be limited",
            id="nothing-to-limit",
        ),
        pytest.param(
            lambda: Mixture([Layer([RunnableParallel(a=CHAT, b=CHAT)])], "openai:b", limits={CHAT_LIMIT: 2}),
            "A chain that asks several models at once, .* Allowed: a base URL, or one of openai, openai:b$",
            id="branches-at-once",
        ),
        pytest.param(lambda: small(on_partial="stop"), "one of 'allow', 'warn', 'raise'; got 'stop'", id="on-partial"),
    ],
)
def test_wrong_values(build: Any, problem: str) -> None:
    """A wrong value is refused on construction with the value, what is allowed and what to do."""
    with pytest.raises(ConfigurationError, match=problem):
        build()


def small(**options: Any) -> Mixture:
    """Return a mixture of one proposer."""
    return Mixture([Layer(["openai:a"])], "openai:b", **options)


def fallback_to(model: Mixture) -> Aggregator:
    """Return an aggregator with a mixture as its fallback."""
    return Aggregator("openai:b", fallbacks=[model])


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: Mixture.of([small(name="m")], "openai:b", name="m"), id="proposer"),
        pytest.param(lambda: small(name="m").swap({"aggregator": small(name="m")}), id="aggregator"),
        pytest.param(lambda: small(name="m").swap({"openai:a": small(name="m")}), id="swapped"),
        pytest.param(lambda: small(name="m").swap({"a": Mixture.of([small(name="m")], "openai:b")}), id="grandchild"),
        pytest.param(lambda: Mixture.of([create_moa(small(name="m"))], "openai:b", name="m"), id="compiled"),
        pytest.param(
            lambda: Mixture.of([create_moa(Mixture.of([small(name="m")], "openai:b"))], "openai:b", name="m"),
            id="within-compiled",
        ),
        pytest.param(lambda: Mixture([Layer(["openai:a"])], fallback_to(small(name="m")), name="m"), id="fallback"),
        pytest.param(
            lambda: Mixture([Layer(["openai:a"], aggregator=small(name="m"))], "openai:b", name="m"), id="layer"
        ),
    ],
)
def test_a_mixture_that_contains_itself(build: Any) -> None:
    """A mixture that holds one of its own name, however deep, is refused with the name and what to do."""
    with pytest.raises(ConfigurationError, match=r"the mixture 'm' contains itself as .*\. Name another model there"):
        build()


def test_other_models_may_have_the_name_of_the_mixture() -> None:
    """A function or a graph of the same name is no mixture, and is let in."""
    research = RunnableLambda(str, name="research")
    assert Mixture.of([research], "openai:b", name="research").seats[0].model is research


def test_a_table_that_contains_itself() -> None:
    """A table that is its own model is refused, rather than read for ever."""
    table: dict[str, Any] = {"aggregator": "openai:a", "proposers": []}
    table["proposers"].append({"model": table})
    with pytest.raises(ConfigurationError, match="the mixture contains itself"):
        Mixture.from_dict(table)


def test_a_mixture_is_frozen() -> None:
    """No field of a mixture can be set, and the list it was built from can change without it."""
    given_layers = [Layer(["openai:a"])]
    mixture = Mixture(given_layers, "openai:b")
    given_layers.clear()
    assert mixture == small()
    for field in fields(Mixture):
        with pytest.raises(FrozenInstanceError):
            setattr(mixture, field.name, None)


def test_secrets_are_never_shown_or_written() -> None:
    """No `repr`, written form, plan or error of a mixture holds a key, however deep it is nested."""
    secret = Proposer("openai:a", model_kwargs={"api_key": CANARY, "extra_headers": {"x": CANARY}})
    mixture = Mixture.of([Mixture.of([secret], "openai:b", name="inner"), secret], Aggregator("openai:c"))
    for shown in (repr(mixture), str(mixture), repr(mixture.to_dict()), repr(mixture.plan()), repr(mixture.slots)):
        assert CANARY not in shown
    tables: Any = [{"proposers": [{"model": "openai:a", "model_kwargs": {"api_key": CANARY}}]}]
    with pytest.raises(ConfigurationError, match=r"got \[a table with the keys proposers\]") as caught:
        Mixture(tables, "openai:b")
    assert CANARY not in str(caught.value)


def test_depth_slots_and_seats() -> None:
    """Depth counts the aggregator, slots are those of every layer, and the aggregator's seat is the last."""
    mixture = Mixture([Layer(["openai:a"] * 2, aggregator="openai:m"), Layer(["openai:b"])], "openai:c")
    assert mixture.depth == 3
    assert [[slot.node for slot in slots] for slots in mixture.slots] == [["layer_1_a-1", "layer_1_a-2"], ["layer_2_b"]]
    assert [seat.model for seat in mixture.seats] == ["openai:a", "openai:a", "openai:m", "openai:b", "openai:c"]


PRICES = PriceTable(prices={"openai:a": Price(2.0, 10.0), "openai:c": Price(1.0, 5.0)}, date="2026-01-31", source="x")
QUESTION = [HumanMessage("Why is the sky blue?" * 10)]
READ = count_tokens_approximately(QUESTION)
TOLD = READ + count_tokens_approximately([AGGREGATE_AND_SYNTHESIZE])


def test_plan_by_hand() -> None:
    """Each stage reads the conversation, the instructions and what the stage before writes at most."""
    first = Layer([Proposer("openai:a", max_tokens=100, samples=2)], aggregator=Aggregator("openai:c", max_tokens=50))
    mixture = Mixture([first, Layer([Proposer("openai:a", max_tokens=30)])], Aggregator("openai:c", max_tokens=7))
    plan = mixture.plan(QUESTION, prices=PRICES)
    assert [(call.layer, call.slot, call.input_tokens, call.output_tokens) for call in plan.slots] == [
        (1, "a-1", READ, 100),
        (1, "a-2", READ, 100),
        (1, "join", TOLD + 200, 50),
        (2, "a", TOLD + 50, 30),
        (None, "aggregator", TOLD + 30, 7),
    ]
    dollars = (2 * READ * 2 + 200 * 10) + (TOLD + 200 + 50 * 5) + ((TOLD + 50) * 2 + 30 * 10) + (TOLD + 30 + 7 * 5)
    assert plan.cost == pytest.approx(dollars / 1e6)
    assert (plan.calls, plan.depth, plan.unpriced, plan.prices_date) == (5, 3, (), "2026-01-31")


def test_plan_of_nested_mixtures() -> None:
    """A nested mixture's calls are counted under its slot, and what it writes is what its aggregator writes."""
    inner = Mixture.of([Proposer("openai:a", max_tokens=1000)] * 2, Aggregator("openai:c", max_tokens=40), name="inner")
    plan = Mixture.of([inner, Proposer("openai:a", max_tokens=5)], "openai:x").plan(QUESTION, prices=PRICES)
    names = ["inner/a-1", "inner/a-2", "inner/aggregator", "a", "aggregator"]
    assert [(call.slot, call.input_tokens) for call in plan.slots] == list(
        zip(names, [READ, READ, TOLD + 2000, READ, TOLD + 45], strict=True)
    )
    assert (plan.calls, plan.depth, plan.cost, plan.unpriced) == (5, 2, None, ("openai:x",))


def test_a_plan_has_the_prices_of_its_mixture() -> None:
    """A mixture's own prices are used, those of a nested one for its calls; prices that are given come before both."""
    dear = replace(PRICES, prices={"openai:a": Price(4.0, 20.0)}, date="2025-01-31")
    inner = Mixture.of([Proposer("openai:a", max_tokens=9)], Aggregator("openai:a", max_tokens=9), name="inner")
    outer = Mixture.of([inner], Aggregator("openai:c", max_tokens=9), prices=PRICES)
    cheap, mixed = outer.plan(QUESTION), replace(outer, layers=[Layer([replace(inner, prices=dear)])]).plan(QUESTION)
    assert (cheap.cost, cheap.prices_date) == (outer.plan(QUESTION, prices=PRICES).cost, "2026-01-31")
    assert [call.cost for call in mixed.slots[:2]] == [pytest.approx(2 * (call.cost or 0)) for call in cheap.slots[:2]]
    assert mixed.slots[2].cost == cheap.slots[2].cost
    assert outer.plan(QUESTION, prices=dear).unpriced == ("openai:c",)


def test_a_budget_and_prices_in_a_file() -> None:
    """A recipe's file may hold its budget and its prices as tables; a wrong value in them is named."""
    recipe: dict[str, Any] = tomllib.loads(
        """
        proposers = ["openai:a"]
        aggregator = "openai:b"
        [budget]
        max_cost = 0.05
        on_exceeded = "raise"
        [prices]
        date = 2026-01-31
        source = "my contract"
        models."openai:a" = { input = 1.0, output = 2.0 }
        """
    )
    mixture = Mixture.from_dict(recipe)
    assert mixture.budget == Budget(max_cost=0.05, on_exceeded="raise")
    assert mixture.prices == PriceTable(prices={"openai:a": Price(1, 2)}, date="2026-01-31", source="my contract")
    with pytest.raises(ConfigurationError, match=r"Mixture\.budget: unknown key 'max_costs'"):
        Mixture.from_dict({**recipe, "budget": {"max_costs": 1}})
    with pytest.raises(ConfigurationError, match=r"Mixture\.prices: missing key 'source'"):
        Mixture.from_dict({**recipe, "prices": {"date": "2026-01-31", "models": {}}})
    with pytest.raises(ConfigurationError, match=r"Mixture\.prices must be a PriceTable, .* got 'prices\.toml'"):
        Mixture.from_dict({**recipe, "prices": "prices.toml"})


def test_another_model_makes_another_mixture() -> None:
    """A preset with a model swapped is not that preset any more; its budget stays."""
    preset = small(preset="local", preset_version=3, budget=Budget(max_tokens=9))
    swapped = preset.swap({"aggregator": "openai:new"})
    assert (swapped.preset, swapped.preset_version, swapped.budget) == (None, None, preset.budget)
    kept = preset.map_seats(lambda seat: seat)
    assert (kept.preset, kept.preset_version) == ("local", 3)


def test_a_mixture_with_prices_can_be_a_key() -> None:
    """Mixtures that are equal have the same hash, with prices and a budget too."""
    one, other = (small(prices=replace(PRICES), budget=Budget(max_cost=1)) for _ in range(2))
    assert {one: 1}[other] == 1


def test_plan_without_bounds() -> None:
    """Where a proposer has no `max_tokens`, what the next stage reads is unknown, and so is every sum."""
    plan = small().plan(QUESTION, prices=PRICES)
    assert [(call.input_tokens, call.output_tokens) for call in plan.slots] == [(READ, None), (None, None)]
    assert (plan.input_tokens, plan.output_tokens, plan.cost) == (None, None, None)


@pytest.mark.parametrize(
    ("keys", "models"),
    [
        pytest.param(["a-1"], ["openai:new", "openai:a", "openai:m", "openai:b"], id="slot"),
        pytest.param(["openai:a"], ["openai:new", "openai:new", "openai:m", "openai:b"], id="model"),
        pytest.param(["openai:m"], ["openai:a", "openai:a", "openai:new", "openai:b"], id="layer-aggregator"),
        pytest.param(["aggregator", "a-2"], ["openai:a", "openai:new", "openai:m", "openai:new"], id="two"),
    ],
)
def test_swap(keys: list[str], models: list[str]) -> None:
    """A slot, every seat of a model, or the aggregator gets another model, and all else stays."""
    mixture = Mixture(
        [Layer([Proposer("openai:a", temperature=1)] * 2, aggregator="openai:m")], "openai:b", name="mine"
    )
    swapped = mixture.swap(dict.fromkeys(keys, "openai:new"))
    assert [seat.model for seat in swapped.seats] == models
    assert [seat.temperature for seat in swapped.seats] == [1, 1, None, None]
    assert swapped.name == "mine"


def test_swap_of_what_is_not_there() -> None:
    """A key that names nothing is refused with the names that there are."""
    with pytest.raises(ConfigurationError, match=r"swap: nothing is named 'gpt'\. Seats: aggregator, a"):
        small().swap({"gpt": "openai:c", "a": "openai:d"})


def test_swap_takes_no_key_to_another_provider() -> None:
    """A key stays with its provider, or with the endpoint beside it; a model object gets no constructor arguments."""
    key = {"api_key": "sk-canary-0123456789", "top_p": 0.5}
    mixture = Mixture.of(["openai:x"], Aggregator("together:a/b", model_kwargs=key))
    assert dict(mixture.swap({"aggregator": "openai:c"}).merger.model_kwargs) == {"top_p": 0.5}
    assert "api_key" in mixture.swap({"aggregator": "together:c/d"}).merger.model_kwargs
    assert dict(mixture.swap({"aggregator": ScriptedChatModel()}).merger.model_kwargs) == {}
    served = Mixture.of(
        ["openai:x"], Aggregator("together:a/b", model_kwargs={**key, "base_url": "http://127.0.0.1/v1"})
    )
    assert "api_key" in served.swap({"aggregator": "openai:c"}).merger.model_kwargs


def test_limits_may_concern_any_model() -> None:
    """A limit may name a fallback, a layer's own aggregator, or a model of a nested mixture, compiled or not."""
    inner = Mixture.of(["groq:a"], "mistralai:b", name="inner")
    layer = Layer([Proposer("openai:c", fallbacks=["xai:d"]), inner], aggregator="together:e")
    limits = dict.fromkeys(["groq", "mistralai:b", "openai", "xai:d", "together", "anthropic", "http://h/v1"], 1)
    aggregator = Aggregator("anthropic:f", fallbacks=[create_moa(Mixture.of(["cohere:g"], "cohere:h", name="far"))])
    mixture = Mixture([layer], aggregator, limits={**limits, "cohere:h": 2})
    assert dict(mixture.effective_limits) == {key: Limit(concurrency=1) for key in limits} | {
        "cohere:h": Limit(concurrency=2)
    }


def test_limits_may_concern_a_mixture_in_a_chain() -> None:
    """A limit may name a model of a compiled mixture that a chain calls, and of one nested in that."""
    inner = Mixture.of(["groq:a"], "mistralai:b", name="inner")
    chain = create_moa(Mixture.of([inner], "xai:c", name="middle")) | RunnableLambda(str)
    limits = {"groq": 1, "mistralai:b": 2, "xai": 3}
    assert list(Mixture([Layer([chain])], "openai:d", limits=limits).limits) == list(limits)


def test_swap_takes_idle_limits_away() -> None:
    """A limit that concerns none of the new models goes with the old ones; those of servers and of the others stay."""
    limits = {"openai:a": 1, "openai": 2, "together": 3, "http://h/v1": 4}
    mixture = Mixture([Layer(["openai:a", "openai:c"])], "together:b", limits=limits)
    assert dict(mixture.swap({"openai:a": "openai:d"}).effective_limits) == {
        key: Limit(concurrency=limits[key]) for key in ["openai", "together", "http://h/v1"]
    }
    swapped = mixture.swap({"openai:a": "together:a", "openai:c": "together:c"})
    assert list(swapped.limits) == ["together", "http://h/v1"]
    assert dict(mixture.swap({"aggregator": "together:z"}).limits) == dict(mixture.limits)
    mapped = mixture.map_seats(lambda seat: replace(seat, model="openai:d"))
    assert list(mapped.limits) == ["openai", "http://h/v1"]


def test_a_plan_prices_the_dearest_fallback() -> None:
    """A seat is planned with the dearest of its models, and without a cost when one of them has no price."""
    prices = PriceTable(prices={"openai:a": Price(1, 1), "openai:b": Price(5, 5)}, date="2026-01-01", source="by hand")
    seat = Proposer("openai:a", max_tokens=1_000_000, fallbacks=["openai:b"])
    last = Aggregator("openai:a", max_tokens=1, fallbacks=["openai:unpriced"])
    calls = Mixture.of([seat], last).plan(prices=prices).slots
    assert [(call.model, call.cost) for call in calls] == [("openai:b", 5.0), ("openai:unpriced", None)]


def test_the_short_form_takes_every_option() -> None:
    """What may be set on a mixture may be set in its short form; an unknown option is named with those there are."""
    short = Mixture.of(["openai:a"], "openai:b", grace=1.0, limits={"openai": 2}, on_partial="raise")
    assert (short.layers[0].grace, short.limits, short.on_partial) == (1.0, {"openai": Limit(concurrency=2)}, "raise")
    with pytest.raises(ConfigurationError, match=r"Mixture\.of: unknown key 'graze'.*grace.*limits"):
        Mixture.of(["openai:a"], "openai:b", graze=1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("messages", ["a question", {"messages": [("user", "a question")]}])
def test_a_plan_takes_a_list_of_messages(messages: Any) -> None:
    """One text, or the input of a graph, is refused: it would be counted by its letters or its keys."""
    with pytest.raises(ConfigurationError, match="messages must be a list"):
        Mixture.of(["openai:a"], "openai:b").plan(messages)
