"""What is known of a run's calls."""

from __future__ import annotations

from langgraph_moa.events import ProgressEvent
from langgraph_moa.mixture import Mixture
from langgraph_moa.progress import Progress

MIXTURE = Mixture.of(["openai:a", "openai:b"], "openai:c", depth=3)


def _event(kind: str, layer: int | None, slot: str, **rest: object) -> ProgressEvent:
    return {"type": "moa", "event": kind, "mixture": "moa", "layer": layer, "slot": slot, "model": slot, **rest}  # type: ignore[typeddict-item]


def test_all_calls_wait_at_first() -> None:
    """Before anything happens every planned call is there, waiting, with no seconds."""
    progress = Progress(MIXTURE)
    assert {number: stage.counts() for number, stage in progress.stages.items()} == {
        1: "2 waiting",
        2: "2 waiting",
        None: "1 waiting",
    }
    assert progress.stages[1].calls["a"].seconds(now=5.0) is None


def test_events_move_calls_on() -> None:
    """A call answers with ticking seconds, then keeps the seconds and tokens that it took."""
    progress = Progress(MIXTURE)
    progress.take(_event("started", 1, "a"), now=10.0)
    call = progress.stages[1].calls["a"]
    assert (call.state, call.seconds(now=12.5)) == ("answering", 2.5)
    progress.take(_event("finished", 1, "a", seconds=3.0, tokens=7), now=13.0)
    assert (call.state, call.seconds(now=99.0), call.tokens) == ("done", 3.0, 7)


def test_failed_and_cancelled_calls_are_told_apart() -> None:
    """A failure keeps its event for the reason; a cancelled call has none."""
    progress = Progress(MIXTURE)
    progress.take(_event("failed", 1, "a", seconds=1.0, status="error"), now=1.0)
    progress.take(_event("cancelled", 1, "b", seconds=1.0), now=1.0)
    assert progress.stages[1].counts() == "1 failed, 1 cancelled"
    assert progress.stages[1].calls["a"].failure is not None
    assert progress.stages[1].calls["b"].failure is None


def test_a_layers_own_aggregator_joins_its_stage() -> None:
    """A seat that is no slot appears when it is first heard of."""
    progress = Progress(MIXTURE)
    progress.take(_event("aggregating", 1, "join"), now=1.0)
    assert progress.stages[1].counts() == "2 waiting, 1 answering"


def test_the_first_token_changes_no_state() -> None:
    """Events that are no change of state are taken as such."""
    progress = Progress(MIXTURE)
    progress.take(_event("first_token", None, "aggregator"), now=1.0)
    assert progress.stages[None].counts() == "1 waiting"
    assert progress.current is None


def test_a_plan_is_no_call() -> None:
    """That a run is planned moves no stage on, though it is told of the aggregator."""
    progress = Progress(MIXTURE)
    progress.take(_event("planned", None, "aggregator", calls=5), now=1.0)
    assert progress.current == 1
    assert progress.stages[None].counts() == "1 waiting"


def test_a_call_that_is_not_needed_is_no_failure() -> None:
    """A slot that was not asked because the others agreed has ended, counts apart, and has no reason to be shown."""
    progress = Progress(MIXTURE)
    error = {"kind": "Agreed", "message": "not asked: all agree"}
    progress.take(_event("finished", 1, "a", seconds=1.0), now=1.0)
    progress.take(_event("failed", 1, "b", seconds=None, status="skipped", error=error), now=1.0)
    assert progress.stages[1].counts() == "1 done, 1 not needed"
    assert progress.stages[1].ended
    assert progress.stages[1].calls["b"].failure is None


def test_without_a_mixture_calls_appear_as_they_are_heard_of() -> None:
    """Stages stand in the order in which they run, whichever is heard of first, and a plan alone shows no call."""
    progress = Progress()
    progress.take(_event("planned", None, "aggregator", calls=3), now=0.0)
    assert progress.stages == {}
    for layer, slot in ((None, "aggregator"), (2, "b"), (1, "a")):
        progress.take(_event("started", layer, slot), now=1.0)
    assert [stage.title for stage in progress.stages.values()] == ["layer 1", "layer 2", "aggregator"]
