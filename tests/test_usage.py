"""Prices and plans: arithmetic by hand, and what is unknown is `None`, never 0."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.proposal import Usage
from langgraph_moa.usage import (
    PACKAGED_PRICES,
    Plan,
    PlannedCall,
    Price,
    PriceTable,
    add_counts,
    packaged_prices,
    planned_call,
)

PRICES = PriceTable(
    prices={"a:cached": Price(2.0, 10.0, 0.5), "a:plain": Price(2.0, 10.0), "a:free": Price(0.0, 0.0)}
    | {"a:kept": Price(2.0, 10.0, cached_input=0.5, cache_write=3.0)},
    date="2026-01-31",
    source="by hand",
)


def tokens(given: int | None, written: int | None, cached: int | None = None) -> Usage:
    """Return a usage without a total."""
    return Usage(
        input_tokens=given, output_tokens=written, total_tokens=None, cached_tokens=cached, reasoning_tokens=None
    )


def kept(given: int, cached: int | None = None, **details: int) -> Usage:
    """Return a usage of which the provider has kept some, as the details say."""
    return {**tokens(given, 0, cached), "input_details": details}


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        pytest.param("a:plain", tokens(1_000_000, 100_000), 2.0 + 1.0, id="input-and-output"),
        pytest.param("a:cached", tokens(1_000_000, 0, cached=400_000), 0.6 * 2.0 + 0.4 * 0.5, id="cached"),
        pytest.param("a:plain", tokens(1_000_000, 0, cached=400_000), 2.0, id="cached-without-a-price-of-its-own"),
        pytest.param("a:cached", tokens(1_000_000, 0, cached=1_000_000), 0.5, id="all-cached"),
        pytest.param("a:cached", tokens(1_000_000, 0, cached=9_000_000), 0.5, id="more-cached-than-read"),
        pytest.param("a:kept", kept(1_000_000, cached=100_000, cache_creation=400_000), 1.0 + 0.05 + 1.2, id="kept"),
        pytest.param("a:kept", kept(1_000_000, ephemeral_1h_input_tokens=400_000, cache_creation=0), 2.4, id="kept-1h"),
        pytest.param("a:kept", kept(1_000_000, cached=0, cache_creation=9_000_000), 3.0, id="more-kept-than-read"),
        pytest.param("a:cached", kept(1_000_000, cache_creation=400_000), 2.0, id="kept-without-a-price-of-its-own"),
        pytest.param("a:kept", kept(1_000_000, audio=400_000), 2.0, id="audio"),
        pytest.param("a:plain", tokens(0, 0), 0.0, id="no-tokens"),
        pytest.param("a:free", tokens(7, 7), 0.0, id="free-by-the-table"),
    ],
)
def test_cost_by_hand(model: str, usage: Usage, dollars: float) -> None:
    """A price per million tokens, times the tokens, those read from and written to a cache at their own prices."""
    assert PRICES.cost(model, usage) == pytest.approx(dollars)


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        pytest.param("a:other", tokens(1, 1), id="no-price"),
        pytest.param("plain", tokens(1, 1), id="another-provider"),
        pytest.param("a:plain", None, id="no-usage"),
        pytest.param("a:plain", tokens(None, 1), id="input-unknown"),
        pytest.param("a:plain", tokens(1, None), id="output-unknown"),
    ],
)
def test_unknown_cost_is_none(model: str, usage: Usage | None) -> None:
    """Without a price or without tokens the cost is unknown, never 0."""
    assert PRICES.cost(model, usage) is None


def test_packaged_prices() -> None:
    """The packaged table says its day and source, and each of its prices is dollars per million tokens."""
    table = packaged_prices()
    assert date.fromisoformat(table.date) > date(2024, 6, 7)
    assert table.source
    assert table.prices["openai:gpt-4o"] == Price(2.5, 10.0, 1.25)
    for name, price in table.prices.items():
        assert ":" in name
        assert 0 < price.input < 1000
        assert 0 < price.output < 1000
        assert price.cached_input is None or 0 < price.cached_input <= price.input


def test_no_price_is_zero_by_omission() -> None:
    """The cost of a model that the packaged table does not hold is unknown."""
    assert packaged_prices().cost("openai:no-such-model", tokens(1, 1)) is None


def test_packaged_prices_are_a_file_that_users_can_copy() -> None:
    """The packaged table can be read as any other."""
    assert PriceTable.from_file(PACKAGED_PRICES) == packaged_prices()


DOLLARS = st.floats(0, 1e4)
HEAD = 'date = 2026-01-31\nsource = "x"\n'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param('date = 2026-01-31\nsource = "x"\n', "missing key 'models'", id="no-models"),
        pytest.param('source = "x"\n[models]\n', "missing key 'date'", id="no-date"),
        pytest.param("date = 2026-01-31\n[models]\n", "missing key 'source'", id="no-source"),
        pytest.param(HEAD + "models = 3\n", "models must be a table, got 3", id="models-is-a-number"),
        pytest.param(HEAD + 'models = {"a:b" = 3}\n', "a:b must be a table, got 3", id="price-is-a-number"),
        pytest.param(HEAD + '[models."a:b"]\ninput = 1\n', "a:b: missing key 'output'", id="no-output"),
        pytest.param(HEAD + '[models."a:b"]\ninput = 1\noutput = "2"\n', "a:b: output must be a number", id="text"),
        pytest.param(
            HEAD + '[models."a:b"]\ninput = -1\noutput = 2\n', "a:b: input must be a number at least 0", id="negative"
        ),
        pytest.param(HEAD + '[models."a:b"]\ninput = 1\noutput = 2\ncache = 1\n', "unknown key 'cache'", id="unknown"),
        pytest.param("date = \n", "not valid TOML", id="syntax"),
    ],
)
def test_wrong_price_files(tmp_path: Path, content: str, problem: str) -> None:
    """A price file that is malformed is refused with its path and what is wrong."""
    file = tmp_path / "prices.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        PriceTable.from_file(file)
    assert str(file) in str(caught.value)


PRICE_TABLES = st.builds(
    PriceTable,
    prices=st.dictionaries(
        st.text(min_size=1, max_size=9),
        st.builds(
            Price, DOLLARS, DOLLARS, st.none() | DOLLARS, st.sampled_from([None, "2024-06-07"]), st.none() | DOLLARS
        ),
        max_size=4,
    ),
    date=st.sampled_from(["2026-01-31", "2025-12-01"]),
    source=st.text(max_size=9),
    free=st.frozensets(st.sampled_from(["offline", "ollama"])),
)


@given(PRICE_TABLES)
def test_a_table_round_trips(table: PriceTable) -> None:
    """A table comes back equal from TOML and from JSON, with the same hash."""
    written = table.to_dict()
    for read in (written, tomllib.loads(tomli_w.dumps(written)), json.loads(json.dumps(written))):
        assert PriceTable.from_dict(read) == table
        assert hash(PriceTable.from_dict(read)) == hash(table)


@given(PRICE_TABLES, st.integers(0, 10**9), st.integers(0, 10**9), st.none() | st.integers(0, 10**9))
def test_no_cost_is_negative(table: PriceTable, given: int, written: int, cached: int | None) -> None:
    """Whatever a provider reports, nobody is paid for asking; a cost is unknown just for models that are not there."""
    for model in (*table.prices, "x:unpriced"):
        cost = table.cost(model, tokens(given, written, cached))
        assert (cost is not None) == table.knows(model)
        assert cost is None or cost >= 0


def test_prices_are_checked_and_kept() -> None:
    """Prices that are given directly are checked as those of a file; the table keeps what it was given."""
    rows: dict[str, Any] = {"a:b": Price(1, 2.5)}
    table = PriceTable(prices=rows, date="2026-01-31", source="x")
    rows["a:c"] = rows["a:b"]
    assert table.prices == {"a:b": Price(1, 2.5)}
    wrong: list[Any] = [{"input": 1}, {"input": None, "output": 1}, Price(-1, 1), Price(float("nan"), 1), 5, None]
    for row in wrong:
        with pytest.raises(ConfigurationError, match=r"PriceTable\.prices: a:b"):
            PriceTable(prices={"a:b": row}, date="2026-01-31", source="x")


@pytest.mark.parametrize("date", [None, 2026, "", "yesterday", "31.01.2026"])
def test_a_table_is_of_a_day(date: Any) -> None:
    """A table without an ISO date is refused when it is made, not after the calls."""
    with pytest.raises(ConfigurationError, match=r"PriceTable\.date must be like '2026-01-31', got "):
        PriceTable(prices={}, date=date, source="x")


def test_a_table_has_a_source() -> None:
    """A table whose source is no text is refused."""
    source: Any = None
    with pytest.raises(ConfigurationError, match=r"PriceTable\.source must be text, got None"):
        PriceTable(prices={}, date="2026-01-31", source=source)


def test_own_price_file(tmp_path: Path) -> None:
    """A file with a date, a source and prices is a table; an empty list of prices is one too."""
    file = tmp_path / "prices.toml"
    file.write_text(HEAD + '[models."a:b"]\ninput = 1\noutput = 2.5\n')
    assert PriceTable.from_file(file) == PriceTable(prices={"a:b": Price(1, 2.5)}, date="2026-01-31", source="x")
    file.write_text(HEAD + "[models]\n")
    assert PriceTable.from_file(file).prices == {}


def test_the_oldest_price_counts(tmp_path: Path) -> None:
    """What was priced is as old as the oldest price that was used, and never younger than its table."""
    file = tmp_path / "prices.toml"
    file.write_text(
        HEAD + '[models."a:b"]\ninput = 1\noutput = 2\ndate = 2024-06-07\n[models."a:c"]\ninput = 1\noutput = 2\n'
    )
    table = PriceTable.from_file(file)
    assert table.oldest_date(["a:b", "a:c"]) == "2024-06-07"
    assert table.oldest_date(["a:c", "a:unpriced"]) == "2026-01-31"
    assert table.oldest_date([]) == "2026-01-31"


def call(model: str = "a:plain", given: int | None = 1000, written: int | None = 100) -> PlannedCall:
    """Return a planned call of the first layer."""
    return planned_call(1, "slot", model, input_tokens=given, output_tokens=written, prices=PRICES)


def test_planned_call() -> None:
    """A planned call has a price when its tokens and its model's price are known."""
    assert call().cost == pytest.approx((1000 * 2.0 + 100 * 10.0) / 1e6)
    assert call("a:other").cost is None
    assert call(written=None).cost is None


def test_plan_sums() -> None:
    """A plan adds up calls, tokens and dollars."""
    plan = Plan(mixture="m", depth=2, slots=(call(), call(), call(given=4000)), prices_date="")
    assert (plan.calls, plan.input_tokens, plan.output_tokens) == (3, 6000, 300)
    assert plan.cost == pytest.approx((6000 * 2.0 + 300 * 10.0) / 1e6)
    assert plan.unpriced == ()


def test_plan_with_an_unpriced_model() -> None:
    """One unpriced model makes the cost unknown, and it is listed once however often it is called."""
    plan = Plan(mixture="m", depth=2, slots=(call(), call("a:other"), call("a:other")), prices_date="")
    assert plan.cost is None
    assert plan.unpriced == ("a:other",)
    assert plan.input_tokens == 3000


def test_plan_with_unknown_tokens() -> None:
    """One call without a bound makes the sum of tokens unknown."""
    plan = Plan(mixture="m", depth=2, slots=(call(), call(written=None)), prices_date="")
    assert plan.output_tokens is None
    assert plan.cost is None
    assert plan.input_tokens == 2000


def test_plan_as_data() -> None:
    """A plan as data holds its sums beside its calls, unknown ones as `None`."""
    table = Plan(mixture="m", depth=2, slots=(call("a:other"),), prices_date="2026-01-31").to_dict()
    assert table == {
        "mixture": "m",
        "calls": 1,
        "depth": 2,
        "input_tokens": 1000,
        "output_tokens": 100,
        "cost": None,
        "known_cost": None,
        "unpriced": ["a:other"],
        "prices_date": "2026-01-31",
        "slots": [
            {"layer": 1, "slot": "slot", "model": "a:other", "input_tokens": 1000, "output_tokens": 100, "cost": None}
        ],
    }


@pytest.mark.parametrize(
    ("counts", "total"), [((), 0), ((0, 0), 0), ((1, 2, 3), 6), ((1, None), None), ((None,), None)], ids=str
)
def test_add_counts(counts: tuple[int | None, ...], total: int | None) -> None:
    """A sum with an unknown part is unknown."""
    assert add_counts(*counts) == total
