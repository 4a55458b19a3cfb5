"""Claims about the trees that LangSmith receives, wherever a mixture stands and however it is called."""

from __future__ import annotations

from langgraph_moa import Layer, Mixture, Proposer
from langgraph_moa.testing import Behaviour, Simulator
from tests.tracing.callers import QUESTIONS, Site, Way, answer_of, every_site, every_way
from tests.tracing.conftest import Traces
from tests.tracing.trees import total_of

SLOTS = ("red", "green", "blue")
MIXTURE = Mixture.of([f"openai:{slot}" for slot in SLOTS], "openai:final", depth=3, name="panel")
CALLED = sorted(["moa.aggregator", *(f"moa.layer_{layer}.{slot}" for layer in (1, 2) for slot in SLOTS)])


@every_site
@every_way
def test_one_tree_for_each_call(site: Site, way: Way, provider: Simulator, traces: Traces) -> None:
    """Two calls give two whole trees, and below the mixture's run of each stand all its model calls, by name."""
    way(site.build(MIXTURE), [site.ask(question) for question in QUESTIONS])
    roots = traces()
    assert len({root.trace_id for root in roots}) == len(roots) == len(QUESTIONS)
    for root in roots:
        assert root.parent_id is None
        (mixture,) = [run for run in root.named("panel") if run.kind == "chain"]
        assert sorted(run.name for run in mixture.models()) == CALLED
        assert all(run.ended and run.error is None for run in root.walk())
    assert len(provider.requests) == len(QUESTIONS) * len(CALLED)


@every_site
@every_way
def test_tokens_once(site: Site, way: Way, provider: Simulator, traces: Traces) -> None:
    """The tokens that LangSmith adds up over a tree are those of the answer's summary: none is counted twice."""
    outcomes = way(site.build(MIXTURE), [site.ask(question) for question in QUESTIONS])
    answers = [answer_of(outcome) for outcome in outcomes]
    sums = sorted(total_of(run.usage for run in root.walk()) for root in traces())
    assert sums == sorted(total_of([answer.response_metadata["moa"]["usage"]["total"]]) for answer in answers)
    assert all(sum(tokens) > 0 for tokens in sums)


@every_site
@every_way
def test_failed_attempts(site: Site, way: Way, provider: Simulator, traces: Traces) -> None:
    """A proposer that fails once, then answers, is two runs below its node: an error, then an answer."""
    provider.models = {"shaky": Behaviour(schedule=["unavailable"], retry_after=0.01)}
    mixture = Mixture([Layer([Proposer("openai:shaky"), Proposer("openai:calm")])], "openai:final", name="panel")
    way(site.build(mixture), [site.ask(QUESTIONS[0])])
    (root,) = traces()
    first, second = sorted(root.named("moa.layer_1.shaky"), key=lambda run: int(run.metadata["moa_attempt"]))
    assert (first.error is not None, second.error) == (True, None)
    assert (first.metadata["moa_attempt"], second.metadata["moa_attempt"]) == (1, 2)
    assert first.parent_id == second.parent_id
    assert [run.name for run in root.walk() if run.error is not None] == ["moa.layer_1.shaky"]
