"""Judges: how they are asked, what a preference is worth, and when a judge sits on its own bench."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableLambda

from langgraph_moa import Aggregator, Layer, Mixture, Proposer
from langgraph_moa.errors import ConfigurationError, JudgeError
from langgraph_moa.evaluation.judging import Judge, prefer, preference_of, same_model
from langgraph_moa.recording import Tape, taping
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator

QUESTION = [HumanMessage("Which is better?")]


def at(simulator: Simulator, model: str = "judge", **fields: Any) -> Proposer:
    """Return a seat that the simulator serves."""
    return Proposer(f"openai:{model}", model_kwargs={"base_url": simulator.url, "api_key": "any"}, **fields)


def as_pair(first: str, second: str) -> list[AnyMessage]:
    """Return a request that shows nothing but the two answers."""
    return [HumanMessage(f"{first}|{second}")]


def read_number(message: AIMessage) -> float | None:
    """Read the share of the second answer."""
    try:
        return float(message.text)
    except ValueError:
        return None


def preferring(wanted: str) -> Callable[[dict[str, Any]], str]:
    """Return a judge's reply that gives the whole share to an answer, wherever it stands."""
    return lambda body: "1" if body["messages"][-1]["content"].endswith(f"|{wanted}") else "0"


async def test_asks_as_a_seat_is_asked(simulator: Simulator) -> None:
    """A judge is sent its seat's parameters, among them what only its provider knows."""
    judge = Judge(at(simulator, temperature=0.5, max_tokens=7))
    assert (await judge.ask(QUESTION)).text == "ok"
    body = simulator.requests[0].body
    assert (body["temperature"], body["max_completion_tokens"], body["model"]) == (0.5, 7, "judge")


async def test_named_judge_is_cold(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that is given by its name is asked at temperature 0."""
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
    await Judge("openai:gpt-4o").ask(QUESTION)
    assert simulator.requests[0].body["temperature"] == 0


async def test_retries_a_failure_in_passing() -> None:
    """A judge whose server stumbles once gives its verdict all the same."""
    with Simulator(Behaviour(reply="9", schedule=["unavailable"], retry_after=0)) as simulator:
        assert (await Judge(at(simulator)).ask(QUESTION)).text == "9"
        assert len(simulator.requests) == 2


async def test_silence_is_an_error() -> None:
    """Where no model of the seat answers there is an error with the judge's name and the cause, and no verdict."""
    told = r"the judge openai:judge gave no verdict: .*no such luck"
    with Simulator(Behaviour(status=400, reply="no such luck")) as simulator, pytest.raises(JudgeError, match=told):
        await Judge(at(simulator)).ask(QUESTION)


def test_error_pickles() -> None:
    """A judge's error crosses processes whole."""
    error = JudgeError("openai:gpt-4o", "Timeout: no answer within 3 s")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (copy.model, copy.cause, str(copy)) == (error.model, error.cause, str(error))


async def test_tells_what_a_verdict_costs(simulator: Simulator) -> None:
    """The cost of a verdict is that of its tokens at the judge's prices; without a price it is unknown, and not 0."""
    prices: Any = {"date": "2026-01-01", "source": "a test", "models": {"openai:judge": {"input": 0, "output": 1e6}}}
    priced = await Judge(at(simulator), prices=prices).consult(QUESTION)
    assert priced.cost == pytest.approx(1)  # one token at a dollar
    assert (await Judge(at(simulator)).consult(QUESTION)).cost is None


async def test_tape_holds_for_judges(simulator: Simulator, tmp_path: Any) -> None:
    """A verdict that is on the tape is not asked for again."""
    tape = Tape.open(tmp_path / "verdicts.jsonl", mode="reuse")
    with taping(tape):
        first = await Judge(at(simulator)).ask(QUESTION)
        second = await Judge(at(simulator)).ask(QUESTION)
    assert first.text == second.text
    assert len(simulator.requests) == 1


async def test_both_orders_are_asked() -> None:
    """A judge who sees through the order gives the same share in both, and nothing is flipped."""
    with Simulator(Behaviour(reply=preferring("good"))) as simulator:
        told = await prefer(Judge(at(simulator)), "q1", "good", "bad", ask=as_pair, read=read_number)
        asked = [request.body["messages"][-1]["content"] for request in simulator.requests]
    assert asked == ["bad|good", "good|bad"]
    assert (told.value, told.flipped, told.orders) == (1.0, False, (1.0, 1.0))


async def test_judge_that_loves_a_place_is_found_out() -> None:
    """A judge who always takes the second answer comes to a draw, and the flip is reported."""
    with Simulator(Behaviour(reply="1")) as simulator:
        told = await prefer(Judge(at(simulator)), "q1", "a", "b", ask=as_pair, read=read_number)
    assert (told.value, told.flipped, told.orders) == (0.5, True, (1.0, 0.0))


@pytest.mark.parametrize(("candidate_first", "asked"), [(False, "b|a"), (True, "a|b")])
async def test_one_order(candidate_first: bool, asked: str) -> None:  # noqa: FBT001 - a parameter
    """With one order there is one request, in the order that is wanted, and whether it flips is unknown."""
    with Simulator(Behaviour(reply=preferring("a"))) as simulator:
        told = await prefer(
            Judge(at(simulator)),
            "q1",
            "a",
            "b",
            ask=as_pair,
            read=read_number,
            both_orders=False,
            candidate_first=candidate_first,
        )
        assert [request.body["messages"][-1]["content"] for request in simulator.requests] == [asked]
    assert (told.value, told.flipped) == (1.0, None)


async def test_unread_verdict_is_unscored() -> None:
    """A pair of which one order cannot be read has no value, and says so."""
    answers = iter(["0.9", "I like both."])
    with Simulator(Behaviour(reply=lambda _: next(answers))) as simulator:
        told = await prefer(Judge(at(simulator)), "q1", "a", "b", ask=as_pair, read=read_number)
    assert (told.value, told.flipped, told.orders) == (None, None, (0.9, None))
    assert told.why == "1 of 2 verdicts cannot be read"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=2))
def test_preference_is_the_mean_of_the_orders(orders: list[float]) -> None:
    """A preference is the mean of its orders, and flipped only if they stand on different sides of a draw."""
    told = preference_of("q", tuple(orders))
    assert told.value == pytest.approx(sum(orders) / len(orders))
    sides = {share > 0.5 for share in orders if share != 0.5}
    assert told.flipped is (None if len(orders) == 1 else len(sides) == 2)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("openai:gpt-4o", "openai:gpt-4o-2024-08-06", True),
        ("openai:gpt-4-1106-preview", "openai:gpt-4-0613", True),
        ("openai:gpt-4o", "azure_openai:gpt-4o", True),
        ("anthropic:claude-sonnet-4-5", "anthropic:claude-sonnet-4-5-20250929", True),
        ("mistralai:mistral-large-latest", "mistralai:mistral-large-2407", True),
        ("together:Qwen/Qwen2-72B-Instruct", "huggingface:qwen/qwen2-72b-instruct", True),
        ("openai:gpt-4o", "openai:gpt-4o-mini", False),
        ("together:Qwen/Qwen2-72B-Instruct", "together:Qwen/Qwen1.5-72B-Chat", False),
    ],
)
def test_dates_do_not_tell_models_apart(one: str, other: str, same: bool) -> None:  # noqa: FBT001 - a parameter
    """Models of one name are the same, whoever serves them and whatever date they bear, and no others are."""
    assert same_model(one, other) is same


def test_objects_without_a_name_are_the_same_only_if_they_are_one() -> None:
    """Two functions are two models, although both are called by their class."""
    one: RunnableLambda[Any, AIMessage] = RunnableLambda(lambda _: AIMessage("ok"))
    other: RunnableLambda[Any, AIMessage] = RunnableLambda(lambda _: AIMessage("ok"))
    assert same_model(one, one)
    assert not same_model(one, other)


def test_warns_of_a_judge_that_takes_part() -> None:
    """A judge that proposes or aggregates, in a nested mixture too, is named with its part and the mixture."""
    inner = Mixture([Layer(["openai:gpt-4o-2024-05-13"])], "openai:o3", name="inner")
    outer = Mixture([Layer([inner, "openai:gpt-4o-mini"])], "openai:gpt-4o", name="outer")
    other = Mixture([Layer(["openai:gpt-4o-mini"])], Aggregator(strategy="consensus"), name="other")
    [warning] = Judge("openai:gpt-4o").warnings([outer, other])
    assert "openai:gpt-4o is also a proposer and the aggregator of 'outer'" in warning


def test_fallbacks_of_the_judge_count() -> None:
    """A judge whose fallback takes part is warned of as well."""
    mixture = Mixture([Layer(["openai:gpt-4o"])], "openai:o3", name="small")
    assert Judge(Proposer("openai:gpt-5", fallbacks=["openai:o3"])).warnings([mixture])


def test_stamp_tells_what_changes_a_verdict() -> None:
    """A stamp names model, date, settings and temperature, so that judges at two temperatures are two judges."""
    stamps = {
        Judge(Proposer("openai:gpt-4o", temperature=heat), "both orders", date="2026-01-31").stamp for heat in (0, 1)
    }
    assert {stamp.settings for stamp in stamps} == {"both orders, temperature 0", "both orders, temperature 1"}
    assert {(stamp.model, stamp.date) for stamp in stamps} == {("openai:gpt-4o", "2026-01-31")}


def test_date_must_be_one() -> None:
    """A judge's date that is no ISO date is refused with the value."""
    with pytest.raises(ConfigurationError, match=r"Judge.date must be an ISO date .* got 'yesterday'"):
        Judge("openai:gpt-4o", date="yesterday")


def test_is_written_as_data() -> None:
    """A judge comes back from its plain data as it was."""
    judge = Judge(Proposer("openai:gpt-4o", temperature=1, max_tokens=1), "official", "2026-01-31", {"openai": 4})
    again = Judge.from_dict(judge.to_dict())
    assert again.to_dict() == judge.to_dict()
    assert again.stamp == judge.stamp


@pytest.mark.parametrize("reply", ["", "  \n", AIMessage("", response_metadata={"finish_reason": "content_filter"})])
async def test_nothing_said_is_no_verdict(reply: Any) -> None:
    """An empty reply and a refusal are errors, so that no log keeps them and the next run asks again."""
    with pytest.raises(JudgeError, match=r"empty|refused"):
        await Judge(ScriptedChatModel(replies=[reply] * 9)).ask([HumanMessage("Which?")])


async def test_probabilities_are_a_verdict_without_text() -> None:
    """A reply of a blank is handed on where its probabilities may tell."""
    told: dict[str, Any] = {"logprobs": {"content": []}}
    model = ScriptedChatModel(replies=[AIMessage(" ", response_metadata=told)] * 9)
    assert (await Judge(model).ask([HumanMessage("Which?")])).response_metadata["logprobs"] == told["logprobs"]
