"""What a run would make and cost."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage

from langgraph_moa import Aggregator, ConfigurationError, Mixture, PriceTable, Proposer
from langgraph_moa.evaluation.bulk import bulk_jobs
from langgraph_moa.evaluation.runs import answering_estimate, dry_run, forecast
from langgraph_moa.evaluation.samples import Sample

PRICES = PriceTable.from_dict(
    {
        "date": "2026-11-01",
        "source": "a test",
        "models": {name: {"input": 1.0, "output": 2.0} for name in ("openai:a", "openai:b")},
    }
)
MIXTURE = Mixture.of(
    [Proposer("openai:a", samples=2, max_tokens=100)], Aggregator("openai:b", max_tokens=50), prices=PRICES
)
UNBOUNDED = Mixture.of(["openai:a", "openai:x"], Aggregator("openai:b", max_tokens=50), prices=PRICES)


def test_one_turn_is_what_the_plan_says() -> None:
    """The most of a single turn is the mixture's own plan, and the least reads the question alone."""
    plan = MIXTURE.plan([HumanMessage("Why is the sky blue?")])
    guess = forecast(MIXTURE, ["Why is the sky blue?"])
    assert (guess.calls, guess.most_cost) == (3, plan.cost)
    assert guess.most_tokens == (plan.input_tokens or 0) + (plan.output_tokens or 0)
    assert guess.least_cost == pytest.approx(guess.least_tokens / 1e6)
    assert 0 < guess.least_tokens < guess.most_tokens


def test_a_second_turn_reads_the_first_answer() -> None:
    """A later turn takes more than an earlier one, by the answer that stands before it."""
    one, two = forecast(MIXTURE, ["Why?"]), forecast(MIXTURE, ["Why?", "Why?"])
    assert two.calls == 2 * one.calls
    assert one.most_tokens is not None
    assert two.most_tokens is not None
    assert two.most_tokens >= 2 * one.most_tokens + 3 * 50


def test_a_dry_run_counts_what_is_missing() -> None:
    """Samples that have an answer are counted apart, and the others are added up."""
    asked = [(f"q{number}", ["Why?"]) for number in range(10)]
    plan = dry_run(MIXTURE, asked, {"q0", "q5"})
    one = forecast(MIXTURE, ["Why?"])
    assert (plan.jobs, plan.reused, plan.forecast.calls, plan.unpriced) == (8, 2, 24, ())
    assert plan.forecast.most_cost == pytest.approx(8 * (one.most_cost or 0))
    assert plan.to_dict()["forecast"]["calls"] == 24


def test_unknown_is_told_as_unknown() -> None:
    """A model without a price or without `max_tokens` makes the most unknown, and is named."""
    plan = dry_run(UNBOUNDED, [("q", ["Why?"])])
    assert (plan.forecast.most_cost, plan.forecast.least_cost, plan.forecast.most_tokens) == (None, None, None)
    assert plan.unpriced == ("openai:a", "openai:x", "openai:b")


def test_a_limit_in_dollars_names_the_models_without_a_price() -> None:
    """Nothing is estimated where a model's cost is unknown; the error names every such model."""
    with pytest.raises(ConfigurationError, match="openai:a, openai:x"):
        answering_estimate(UNBOUNDED)


def test_a_job_is_estimated_at_its_most() -> None:
    """The estimate of a job is the most that its sample takes."""
    (job,) = bulk_jobs(MIXTURE, [Sample("q", ("Why?",))])
    assert answering_estimate(MIXTURE)(job) == forecast(MIXTURE, ["Why?"]).most_cost
