"""Notes on stderr."""

from __future__ import annotations

import pytest

from langgraph_moa.cli.notes import Notes, degraded_line, failure_line, summary_line
from langgraph_moa.events import ProgressEvent
from langgraph_moa.proposal import Usage
from langgraph_moa.summary import Missing, MoASummary, SlotUsage, Substitute


def _summary(*, cost: float | None, unpriced: list[str], tokens: int | None = 12, missing: int = 0) -> MoASummary:
    usage = None
    if tokens is not None:
        usage = Usage(
            input_tokens=None, output_tokens=None, total_tokens=tokens, cached_tokens=None, reasoning_tokens=None
        )
    slot = SlotUsage(layer=None, slot="aggregator", model="x:y", served_model=None, usage=usage, cost=None)
    gone = [
        Missing(layer=1, proposer=f"p{number}", model="m", status="error", reason="why") for number in range(missing)
    ]
    return {
        "mixture": "moa", "depth": 2, "degraded": missing > 0, "ok": 6 - missing, "planned": 6, "missing": gone,
        "substitutes": [], "decision": None, "shortened": [], "budget": None,
        "usage": {"total": usage, "slots": [slot], "unknown": []},
        "cost": {"total": cost, "unpriced": unpriced, "prices_date": "2024-08-12"},
        "timing": {"total": 1.25, "layers": [1.0], "aggregator": 0.25, "first_token": None},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cost", "unpriced", "said"),
    [
        pytest.param(0.00312, [], "$0.0031", id="known"),
        pytest.param(None, ["a:b"], "cost unknown (unpriced: a:b)", id="unknown"),
        pytest.param(0.5, ["a:b"], "$0.5000 and more (unpriced: a:b)", id="partly-known"),
        pytest.param(0.5, ["offline:bm25"], "$0.5000", id="offline-costs-nothing"),
        pytest.param(None, list("abcdef"), "cost unknown (unpriced: a, b, c, d and 2 more)", id="many"),
    ],
)
def test_the_summary_tells_cost_as_far_as_it_is_known(cost: float | None, unpriced: list[str], said: str) -> None:
    """Proposals, seconds, tokens and dollars; what is unknown is said to be."""
    assert summary_line(_summary(cost=cost, unpriced=unpriced)) == f"6/6 proposals, 1.2 s, 12 tokens, {said}"


def test_unknown_tokens_are_not_zero() -> None:
    """Tokens that nobody reported are unknown."""
    assert "tokens unknown" in summary_line(_summary(cost=None, unpriced=[], tokens=None))


def test_a_vote_over_offline_models_costs_nothing() -> None:
    """A seat that asks no model does not make the tokens of a run with no key unknown."""
    summary = _summary(cost=0.0, unpriced=[], tokens=None)
    offline = SlotUsage(layer=1, slot="p", model="offline:bm25", served_model=None, usage=None, cost=0.0)
    vote = SlotUsage(layer=None, slot="aggregator", model="vote", served_model=None, usage=None, cost=None)
    summary["usage"]["slots"] = [offline, vote]
    assert summary_line(summary).endswith("no tokens, no cost")


def test_degraded_names_the_missing() -> None:
    """A degraded run says who is missing and why; a complete one says nothing."""
    assert degraded_line(_summary(cost=None, unpriced=[])) is None
    assert degraded_line(_summary(cost=None, unpriced=[], missing=1)) == "degraded: without layer 1 p0 (error, why)"


def test_a_layer_left_out_is_told() -> None:
    """A run that stayed within its budget by asking fewer layers says which, and what the limit was."""
    summary = _summary(cost=None, unpriced=[])
    summary["degraded"] = True
    summary["budget"] = {
        "limit": "max_cost", "allowed": 0.1, "needed": 0.2, "dropped_layers": [2, 3], "dropped_slots": []
    }  # fmt: skip
    assert degraded_line(summary) == "degraded: layer 2, layer 3 not asked, to stay within the budget's max_cost"


def test_a_failure_says_where_when_and_why() -> None:
    """A failed call is told with its layer, status, seconds and reason."""
    event: ProgressEvent = {
        "type": "moa", "event": "failed", "mixture": "m", "layer": 2, "slot": "a", "model": "x:a",
        "seconds": 3.21, "status": "timeout", "error": {"kind": "DeadlineExceeded", "message": "no answer"},
    }  # fmt: skip
    assert failure_line(event) == "layer 2, a timeout after 3.2 s: no answer"


def test_quiet_notes_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A quiet command prints no notes; a note is one line on stderr."""
    Notes(quiet=True).say("x")
    Notes(quiet=False).say("two\nlines")
    assert capsys.readouterr() == ("", "moa: two lines\n")


def test_a_stand_in_for_the_answer_is_named() -> None:
    """Whoever reads a proposal in place of an answer is told so, and why."""
    stand_in = Substitute(seat="aggregator", layer=1, proposer="b", model="x:y", reason="no answer within 5 s")
    said = degraded_line({**_summary(cost=None, unpriced=[]), "degraded": True, "substitutes": [stand_in]})
    assert said == "degraded: aggregator failed (no answer within 5 s), in its place stands the proposal of b"


def test_saved_calls_are_told() -> None:
    """What agreement has saved stands beside the proposals; where it has saved nothing, nothing is said."""
    summary = _summary(cost=0.5, unpriced=[])
    summary["saved"] = {"calls": 4, "slots": ["layer_1_c"], "layers": [2], "why": "2 of 2 proposals give '4' (a, b)"}
    said = summary_line(summary)
    assert said.startswith("6/6 proposals, 4 calls saved: 2 of 2 proposals give '4' (a, b), 1.2 s")
    summary["saved"] = {"calls": 0, "slots": [], "layers": [], "why": "no agreement of 6 proposals"}
    assert "saved" not in summary_line(summary)
