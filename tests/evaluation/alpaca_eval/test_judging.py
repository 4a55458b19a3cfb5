"""One comparison by the judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from langgraph_moa import Proposer
from langgraph_moa.evaluation.alpaca_eval import PairJudge, pair_judge
from langgraph_moa.evaluation.alpaca_eval.asking import official_order
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.testing import ScriptedChatModel
from tests.evaluation.alpaca_eval.conftest import honest, verdict


def told_by(model: ScriptedChatModel, prompt: Path, *, both_orders: bool = True) -> PairJudge:
    """Return a judge of a scripted model."""
    return pair_judge(model, prompt=prompt, both_orders=both_orders)


async def test_both_orders_are_asked(samples: list[Sample], prompt_file: Path) -> None:
    """By default a pair is asked twice, the outputs changed round, and the preference is the mean of both."""
    model = ScriptedChatModel(replies=honest)
    found = await told_by(model, prompt_file).compare(samples[1], "GOOD")
    asked = sorted(str(request[-1].content) for request in model.requests)
    assert asked == ["question 1|GOOD|base x", "question 1|base x|GOOD"]
    assert found.preference == pytest.approx(0.75, abs=1e-4)
    assert (found.flipped, found.index, found.baseline_length, found.output_length) == (False, 1, 6, 4)


async def test_a_place_that_wins_is_a_flip(samples: list[Sample], prompt_file: Path) -> None:
    """A judge who prefers the second place, whoever stands there, comes to a draw that counts as a flip."""
    model = ScriptedChatModel(replies=verdict({"M": 0.0, "m": -2.0}))
    found = await told_by(model, prompt_file).compare(samples[1], "GOOD")
    assert (found.preference, found.flipped) == (0.5, True)


async def test_one_order_is_the_official_one(samples: list[Sample], prompt_file: Path) -> None:
    """Asked once, the outputs stand in the official order, and flips are unknown."""
    model = ScriptedChatModel(replies=honest)
    judge = told_by(model, prompt_file, both_orders=False)
    found = [await judge.compare(sample, "GOOD") for sample in samples]
    shown_first = [str(request[-1].content).split("|")[1] == "GOOD" for request in model.requests]
    assert shown_first == [official_order(sample.turns[0]) for sample in samples]
    assert {each.flipped for each in found} == {None}
    assert [each.preference for each in found] == pytest.approx([0.75] * 4, abs=1e-4)


async def test_equal_outputs_are_a_draw_without_a_call(samples: list[Sample], prompt_file: Path) -> None:
    """An output that is the baseline's own is a draw; nobody is asked."""
    model = ScriptedChatModel(replies=honest)
    found = await told_by(model, prompt_file).compare(samples[2], "base xx")
    assert (found.preference, found.cost, model.requests) == (0.5, 0.0, [])


@pytest.mark.parametrize("answer", ["M", AIMessage("I prefer the second."), verdict({"Both": -0.1})])
async def test_an_unreadable_verdict_is_unscored(
    samples: list[Sample], prompt_file: Path, answer: str | AIMessage
) -> None:
    """A judge that sends no probabilities of m and M leaves the pair unscored, with the reason."""
    found = await told_by(ScriptedChatModel(replies=answer), prompt_file).compare(samples[0], "GOOD")
    assert found.preference is None
    assert "no probabilities of m and M" in str(found.why)


async def test_one_unreadable_order_is_unscored(samples: list[Sample], prompt_file: Path) -> None:
    """With one of two verdicts unread there is no preference: half a pair would favour a place."""
    replies: Sequence[AIMessage] = [verdict({"M": 0.0}), AIMessage("?")]
    found = await told_by(ScriptedChatModel(replies=replies), prompt_file).compare(samples[0], "GOOD")
    assert found.preference is None


def test_settings_tell_prompt_and_orders(prompt_file: Path) -> None:
    """The stamp on every table says which prompt was used and how many orders were asked, and the model's settings."""
    stamp = pair_judge("openai:judge", prompt=prompt_file, both_orders=False).judge.stamp
    assert stamp.model == "openai:judge"
    assert stamp.settings == "prompt of the file prompt.txt, one order, temperature 1"


def test_a_judge_of_the_user_keeps_its_settings(prompt_file: Path) -> None:
    """A seat or a judge that is given is asked as it is."""
    seat = Proposer("openai:judge", temperature=0.2)
    by_seat = pair_judge(seat, prompt=prompt_file).judge
    by_judge = pair_judge(Judge(seat, "strict", "2026-01-02"), prompt=prompt_file).judge
    assert by_seat.proposer == by_judge.proposer == seat
    assert by_judge.date == "2026-01-02"
    assert by_judge.settings == "strict, prompt of the file prompt.txt, both orders"


async def test_the_request_holds_the_instruction_as_it_is(samples: list[Sample], prompt_file: Path) -> None:
    """What the mixture wrote cannot take the place of another text in the request."""
    seen: list[str] = []

    def note(messages: list[BaseMessage]) -> AIMessage:
        seen.append(str(messages[-1].content))
        return verdict({"m": 0.0})

    judge = told_by(ScriptedChatModel(replies=note), prompt_file, both_orders=False)
    await judge.compare(samples[0], "{instruction}{output_1}")
    assert sorted(seen[0].split("|")[1:]) == ["base ", "{instruction}{output_1}"]
