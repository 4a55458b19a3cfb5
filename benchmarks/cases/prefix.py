"""(j) What does a conversation cost again at every turn?"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.bench import Bench
from benchmarks.conversations import conversation, said
from benchmarks.prefixes import BYTES_PER_TOKEN, newest_share, turns_of
from benchmarks.replies import NewReply
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import SIX, Arm, answered, arms, ratio, rows_of, value
from langgraph_moa.testing import Behaviour

_TURNS = 10
_CONVERSATIONS = [conversation(turn) for turn in range(1, _TURNS + 1)]
_LIMIT = 1 - max(map(newest_share, _CONVERSATIONS[1:]))
_MODELS = {name: Behaviour(reply=NewReply(name)) for name in SIX}
_PLACED = {"mixture": {"reference_placement": "system"}}
_WORST = "conversation, worst turn"


def run(bench: Bench) -> CaseReport:
    """Ask ten turns of one conversation, and compare each request with those before it."""
    system = Arm(contender="moa", setting="system placement", options=_PLACED)
    measured = arms(bench, "moa", system, "gather", "fan_out", "reference")
    return _report(rows_of(bench, measured, lambda arm: _figures(bench, arm)))


def _figures(bench: Bench, arm: Arm) -> Mapping[str, float | None]:
    with bench.provider.serving(**_MODELS) as url:
        job = arm.job(url, conversations=_CONVERSATIONS, mixtures=_TURNS, warm_up=0)
        answered(bench.workers[arm.contender].run(job, seconds=60))
        bodies = [request.body for request in bench.provider.requests()]
    turns = turns_of(bodies, [said(turn) for turn in range(1, _TURNS + 1)])
    sent, seen = sum(turn.bytes_sent for turn in turns), sum(turn.bytes_seen for turn in turns)
    histories = [turn.history for turn in turns[1:] if turn.history is not None]
    takes_history = all(turn.knows_history for turn in turns)
    return {
        "calls": float(len(bodies)),
        "prompt tokens": sent / BYTES_PER_TOKEN,
        "sent before": ratio(seen, sent),
        _WORST: min(histories, default=None) if takes_history else None,
        "takes history": float(takes_history),
    }


def _report(rows: list[Row]) -> CaseReport:
    return CaseReport(
        case="prefix",
        title="A ten-turn conversation: what a prompt cache can spare",
        setting=(
            f"6+6+1, {_TURNS} turns with a system prompt of some 4,000 tokens and answers of some 150; no two "
            f"proposals are alike. A token is {BYTES_PER_TOKEN} bytes. Sent before: the share of all bytes with "
            "which an earlier request to the same model began. Conversation: the same share of what stands "
            f"before the turn's new message, of the worst request from the second turn on (at most {_LIMIT:.3f}: "
            "the last answer is new to every request); none for a contender that does not send what was said "
            "before (takes history: 0). A peer that takes one question is given the conversation as one text; "
            "one whose proposals never reach a model (see fidelity) has little new to send."
        ),
        columns=[
            Column(name="calls", digits=0),
            Column(name="prompt tokens", digits=0),
            Column(name="sent before"),
            Column(name=_WORST),
            Column(name="takes history", digits=0),
        ],
        rows=rows,
        targets=[
            Target(
                what="moa: share of the conversation sent before, at the worst turn",
                measured=value(rows, "moa", _WORST),
                bound=0.95,
                sense="at least",
            )
        ],
    )
