"""Judgments of answers, one by one."""

from __future__ import annotations

from pathlib import Path

from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.judgments import Asked, Judgment, judge_answers, judgments_in, stamp_of
from langgraph_moa.evaluation.runs import Identity, RunLog, RunOptions
from langgraph_moa.testing import Behaviour, Simulator
from tests.evaluation.serving import seat_at

WHOSE = Identity("judgments", "any", "0")
ASKED = [Asked("Be fair.", f"Rate {number}", {"sample": str(number), "turn": 1}) for number in range(3)]


async def test_kept_word_for_word(simulator: Simulator, tmp_path: Path) -> None:
    """What a judge wrote is in the log as it was, in the order in which it was asked, and what is asked is sent."""
    simulator.behaviour = Behaviour(reply=lambda body: f"About {body['messages'][1]['content']}: [[7]]")
    with RunLog.open(tmp_path / "log.jsonl", WHOSE) as log:
        judge = Judge(seat_at(simulator, "judge"), date="2026-01-31")
        await judge_answers(ASKED, judge, log, RunOptions())
        found = list(judgments_in(log, reversed(ASKED)))
    assert [each.text for each in found] == [f"About Rate {number}: [[7]]" for number in (2, 1, 0)]
    assert {(each.about["turn"], each.date) for each in found} == {(1, "2026-01-31")}
    assert simulator.requests[0].body["messages"][0] == {"role": "system", "content": "Be fair."}


def test_another_answer_is_another_question() -> None:
    """The same sample with another answer has a judgment of its own."""
    assert ASKED[0].key != ASKED[0]._replace(prompt="Rate 0 again").key
    assert ASKED[0].key.startswith("0 1 ")


def test_no_system_message() -> None:
    """Without a system prompt the judge is sent the user's message alone."""
    assert [message.type for message in ASKED[0]._replace(system="").messages] == ["human"]


def test_stamp_names_all_days() -> None:
    """A run that took several days is stamped with the first and the last."""
    judge = Judge("openai:judge", date="2026-01-31")
    days = [Judgment({}, "", day) for day in ("2026-02-02", "2026-01-31", "2026-02-01")]
    assert stamp_of(judge, days).date == "2026-01-31 to 2026-02-02"
    assert stamp_of(judge, []).date == "2026-01-31"
