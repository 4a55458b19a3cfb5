"""Claims about context windows through real clients: what a model is sent, in how many calls, what is said of it."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langgraph_moa import (
    Aggregator,
    AggregatorError,
    ContextWindowError,
    Layer,
    Mixture,
    Proposer,
    create_moa,
    retrying,
)
from langgraph_moa.fitting import estimate_request
from langgraph_moa.prompts import split_references
from langgraph_moa.testing import Behaviour, RecordedRequest, Simulator
from langgraph_moa.testing.tokens import count_prompt_tokens

QUESTION = {"messages": [HumanMessage("why?")]}
NUMBERS = range(6)
LONG = {f"long-{number}": f"Begin {number}. {f'word{number} ' * 300}The end of {number}." for number in NUMBERS}
PROPOSERS = [f"openai:{name}" for name in LONG]
MARK = "characters left out ...]"
WINDOW = 2_400


@pytest.fixture
def provider(moa_openai_environment: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Give a simulated provider with models that say much, and one that tells which of its calls it answers."""
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.01)
    calls = iter(range(1, 100))
    moa_openai_environment.models |= {
        **{name: Behaviour(reply=text) for name, text in LONG.items()},
        "end": Behaviour(reply=lambda _: f"synthesis {next(calls)}"),
        "down": Behaviour(status=400, reply="no"),
        "short": Behaviour(reply="brief"),
    }
    return moa_openai_environment


def sent(provider: Simulator, model: str) -> list[RecordedRequest]:
    """Return the requests for one model."""
    return [request for request in provider.requests if request.model == model]


def shown(request: RecordedRequest) -> tuple[str, ...]:
    """Return the references of a request."""
    return split_references([HumanMessage(request.body["messages"][-1]["content"])]).references


def size(request: RecordedRequest) -> int:
    """Return the tokens of a request as a seat estimates them."""
    return estimate_request([HumanMessage(message["content"]) for message in request.body["messages"]])


def overflowing(policy: Any, aggregator: Aggregator, *, proposers: Any = PROPOSERS, name: str = "big") -> Mixture:
    """Return a mixture whose references are longer than the window of its aggregator."""
    return Mixture([Layer(proposers)], aggregator, on_overflow=policy, name=name)


def summary_of(out: dict[str, Any]) -> dict[str, Any]:
    """Return what the answer says of its run."""
    found: dict[str, Any] = out["messages"][-1].response_metadata["moa"]
    return found


def test_without_a_window_the_provider_refuses(provider: Simulator) -> None:
    """A window that nobody has told us of is the provider's to enforce: its refusal is an error like others."""
    provider.models["end"] = Behaviour(context_window=1_500)
    with pytest.raises(AggregatorError, match="maximum context length is 1500 tokens"):
        create_moa(overflowing("shorten", Aggregator("openai:end"))).invoke(QUESTION)
    assert len(sent(provider, "end")) == 1


def test_references_are_shortened_to_fit(provider: Simulator) -> None:
    """Every reference is there, in order, with its beginning, its end and a visible mark, and the request fits."""
    provider.models["end"] = Behaviour(reply="done", context_window=1_500)
    mixture = overflowing("shorten", Aggregator("openai:end", context_window=WINDOW, max_tokens=500))
    out = create_moa(mixture).invoke(QUESTION)
    [request] = sent(provider, "end")
    references = shown(request)
    assert out["messages"][-1].content == "done"
    assert [text.split(".")[0] for text in references] == [f"Begin {number}" for number in NUMBERS]
    assert [text[-12:] for text in references] == [f"he end of {number}." for number in NUMBERS]
    assert all(text.count(MARK) == 1 for text in references)
    assert WINDOW * 0.8 < size(request) + 500 <= WINDOW
    assert summary_of(out)["shortened"] == ["aggregator"]
    assert summary_of(out)["degraded"] is False
    assert [proposal["text"] for proposal in out["proposals"]] == list(LONG.values())


def test_short_references_stay_whole_beside_long_ones(provider: Simulator) -> None:
    """What a short answer leaves goes to the long ones, and only those are counted."""
    proposers = [*PROPOSERS[:3], Proposer("openai:short", samples=3)]
    aggregator = Aggregator("openai:end", context_window=WINDOW, max_tokens=500)
    create_moa(overflowing("shorten", aggregator, proposers=proposers)).invoke(QUESTION)
    references = shown(sent(provider, "end")[0])
    assert references[3:] == ("brief",) * 3
    assert sum(MARK in text for text in references) == 3


@pytest.mark.parametrize("policy", ["shorten", "windows"])
def test_each_seat_has_a_window_of_its_own(provider: Simulator, policy: Any) -> None:
    """A proposer with a small window reads shortened references, its neighbour and the aggregator read them whole."""
    small = Proposer("openai:short", name="small", context_window=WINDOW, max_tokens=100)
    large = Proposer("openai:short", name="large", context_window=50_000, max_tokens=100)
    mixture = Mixture([Layer(PROPOSERS), Layer([small, large])], "openai:end", on_overflow=policy)
    out = create_moa(mixture).invoke(QUESTION)
    marks = sorted(sum(MARK in text for text in shown(request)) for request in sent(provider, "short"))
    assert marks == [0, 6]
    assert {proposal["proposer"]: proposal["shortened"] for proposal in out["proposals"][6:]} == {
        "small": 6,
        "large": 0,
    }
    assert summary_of(out)["shortened"] == ["layer_2_small"]
    assert all(size(request) <= 50_000 for request in sent(provider, "short"))


def test_caps_of_proposer_and_aggregator_are_apart(provider: Simulator) -> None:
    """`max_tokens` of a proposer cuts its answer alone, and what was cut off says `length`."""
    capped = Proposer("openai:long-0", max_tokens=5)
    out = create_moa(Mixture([Layer([capped, "openai:long-1"])], Aggregator("openai:short", max_tokens=900))).invoke(
        QUESTION
    )
    assert [proposal["finish_reason"] for proposal in out["proposals"]] == ["length", "stop"]
    assert out["proposals"][0]["usage"]["output_tokens"] == 5
    assert shown(sent(provider, "short")[0]) == tuple(proposal["text"] for proposal in out["proposals"])
    limits = [
        request.body.get("max_completion_tokens", request.body.get("max_tokens")) for request in provider.requests
    ]
    assert sorted(limits, key=str) == [5, 900, None]


def in_windows(**options: Any) -> Mixture:
    """Return a mixture whose six references take three windows."""
    seat = {"context_window": WINDOW, "max_tokens": 300, **options}
    return overflowing("windows", Aggregator(seat.pop("model", "openai:end"), **seat))


def test_references_are_read_in_windows(provider: Simulator) -> None:
    """Each call reads as many whole references as fit, with the synthesis of those before in front of them."""
    out = create_moa(in_windows()).invoke(QUESTION)
    requests = sent(provider, "end")
    assert [len(shown(request)) for request in requests] == [2, 3, 3]
    assert [shown(request)[0] for request in requests[1:]] == [f"synthesis {number}" for number in (1, 2)]
    read = [*shown(requests[0]), *(text for request in requests[1:] for text in shown(request)[1:])]
    assert read == list(LONG.values())
    assert all(size(request) + 300 <= WINDOW for request in requests)
    assert out["messages"][-1].content == "synthesis 3"
    assert summary_of(out)["shortened"] == []
    assert summary_of(out)["degraded"] is False


def test_windows_are_billed_and_timed_together(provider: Simulator) -> None:
    """Tokens of all windows are the aggregator's, and so is their time."""
    provider.models["end"] = Behaviour(reply="one two", delay=0.1)
    out = create_moa(in_windows()).invoke(QUESTION)
    requests = sent(provider, "end")
    [slot] = [slot for slot in summary_of(out)["usage"]["slots"] if slot["layer"] is None]
    assert slot["usage"]["input_tokens"] == sum(count_prompt_tokens(request.body) for request in requests)
    assert slot["usage"]["output_tokens"] == 2 * len(requests)
    assert summary_of(out)["timing"]["aggregator"] >= 0.1 * len(requests)


def test_only_the_last_window_streams(provider: Simulator) -> None:
    """The tokens of a stream are those of the answer; what earlier windows say is not shown."""
    graph = create_moa(in_windows())
    parts = list(graph.stream(QUESTION, stream_mode=["messages", "values"]))
    tokens = "".join(part[0].content for mode, part in parts if mode == "messages")
    answer = parts[-1][1]["messages"][-1]
    assert tokens == answer.content == "synthesis 3"
    timing = answer.response_metadata["moa"]["timing"]
    assert timing["layers"][0] < timing["first_token"] <= timing["total"] + 0.5


def test_a_layer_s_own_aggregator_reads_in_windows(provider: Simulator) -> None:
    """The aggregator of a layer has a window as well, and hands on its last synthesis."""
    merger = Aggregator("openai:end", context_window=WINDOW, max_tokens=300)
    mixture = Mixture(
        [Layer(PROPOSERS, aggregator=merger), Layer(["openai:short"])], "openai:short", on_overflow="windows"
    )
    create_moa(mixture).invoke(QUESTION)
    assert len(sent(provider, "end")) == 3
    assert shown(sent(provider, "short")[0]) == ("synthesis 3",)


def test_a_long_synthesis_is_shortened_on_its_way(provider: Simulator) -> None:
    """A synthesis longer than what is kept for it is carried on with a mark, so that the next window fits."""
    provider.models["end"] = Behaviour(reply="talk " * 3_000)
    create_moa(in_windows(max_tokens=None)).invoke(QUESTION)
    requests = sent(provider, "end")
    assert all(MARK in shown(request)[0] for request in requests[1:])
    assert all(size(request) + WINDOW // 4 <= WINDOW for request in requests)


def test_a_window_falls_back(provider: Simulator) -> None:
    """A model that fails is replaced in each window, and the run says that it was."""
    out = create_moa(in_windows(model="openai:down", fallbacks=["together:end"])).invoke(QUESTION)
    assert out["messages"][-1].content == "synthesis 3"
    assert len(sent(provider, "down")) == len(sent(provider, "end")) == 3
    assert summary_of(out)["degraded"] is True
    [slot] = [slot for slot in summary_of(out)["usage"]["slots"] if slot["layer"] is None]
    assert slot["served_model"] == "together:end"


@pytest.mark.parametrize("on_failure", ["raise", "best_proposal"])
def test_a_window_that_fails_ends_the_reading(provider: Simulator, on_failure: Any) -> None:
    """After a window without an answer no further one is asked: the policy for a failed aggregator decides."""
    provider.models["end"] = Behaviour(reply="partial", schedule=[None, "empty"])
    graph = create_moa(in_windows(on_failure=on_failure))
    if on_failure == "raise":
        with pytest.raises(AggregatorError, match=r"aggregator .*empty") as caught:
            graph.invoke(QUESTION)
        assert [proposal["text"] for proposal in caught.value.proposals] == list(LONG.values())
    else:
        out = graph.invoke(QUESTION)
        assert out["messages"][-1].content in LONG.values()
        [slot] = [slot for slot in summary_of(out)["usage"]["slots"] if slot["layer"] is None]
        assert slot["usage"]["output_tokens"] == 1
    assert len(sent(provider, "end")) == 2


def test_windows_share_the_time_of_the_aggregator(provider: Simulator) -> None:
    """`Aggregator.timeout` is for all windows together."""
    provider.models["end"] = Behaviour(delay=0.4)
    with pytest.raises(AggregatorError, match="timeout, DeadlineExceeded"):
        create_moa(in_windows(timeout=0.8)).invoke(QUESTION)
    assert len(sent(provider, "end")) <= 3


@pytest.mark.parametrize("role", ["aggregator", "proposer"])
def test_references_that_are_too_long_may_be_an_error(provider: Simulator, role: str) -> None:
    """By policy, what does not fit raises before any call of that slot, with its name, and crosses processes."""
    small = {"context_window": WINDOW, "max_tokens": 500}
    mixture = (
        overflowing("raise", Aggregator("openai:end", **small))  # type: ignore[arg-type]
        if role == "aggregator"
        else Mixture([Layer(PROPOSERS), Layer([Proposer("openai:end", **small)])], "openai:short", on_overflow="raise")  # type: ignore[arg-type]
    )
    with pytest.raises(ContextWindowError, match="its context window leaves 1900") as caught:
        create_moa(mixture).invoke(QUESTION)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert again.slot == ("aggregator" if role == "aggregator" else "layer_2_end")
    assert again.needed > again.available == 1_900
    assert sent(provider, "end") == sent(provider, "short") == []


@pytest.mark.parametrize("policy", ["shorten", "windows"])
def test_a_slot_that_is_too_small_is_skipped_aloud(
    provider: Simulator, caplog: pytest.LogCaptureFixture, policy: Any
) -> None:
    """A proposer for whom not even the conversation fits is not asked, counts as missing, and is named in the log."""
    tiny = Proposer("openai:short", name="tiny", context_window=100)
    mixture = Mixture([Layer([tiny, "openai:end"])], "openai:end", on_overflow=policy, on_partial="allow", name="mine")
    out = create_moa(mixture).invoke({"messages": [HumanMessage("why? " * 100)]})
    skipped = out["proposals"][0]
    assert (skipped["status"], skipped["attempts"], skipped["latency"], skipped["text"]) == ("skipped", 0, None, "")
    assert skipped["error"]["kind"] == "ContextWindowError"
    assert sent(provider, "short") == []
    assert summary_of(out)["degraded"] is True
    assert [(item["proposer"], item["status"]) for item in summary_of(out)["missing"]] == [("tiny", "skipped")]
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("mine: skipped. layer_1_tiny: the request takes about")


def test_references_that_cannot_be_shortened_further_skip_the_slot(provider: Simulator) -> None:
    """Where so many references would say too little each, the slot of the next layer is skipped as well."""
    tiny = Proposer("openai:short", name="tiny", context_window=500, max_tokens=50)
    mixture = Mixture([Layer(PROPOSERS), Layer([tiny, "openai:end"])], "openai:end", on_partial="allow")
    out = create_moa(mixture).invoke(QUESTION)
    assert [proposal["status"] for proposal in out["proposals"][6:]] == ["skipped", "ok"]
    assert sent(provider, "short") == []


@pytest.mark.parametrize("policy", ["shorten", "windows"])
def test_an_aggregator_that_is_too_small_fails_without_a_call(provider: Simulator, policy: Any) -> None:
    """It is the same failure as one of its model: an error with the proposals, or by policy the best of them."""
    small = {"context_window": 300, "max_tokens": 100}
    with pytest.raises(
        AggregatorError, match=r"aggregator .*skipped, ContextWindowError: aggregator: the request"
    ) as caught:
        create_moa(overflowing(policy, Aggregator("openai:end", **small))).invoke(QUESTION)  # type: ignore[arg-type]
    assert len(caught.value.proposals) == 6
    best = Aggregator("openai:end", on_failure="best_proposal", **small)  # type: ignore[arg-type]
    out = create_moa(overflowing(policy, best)).invoke(QUESTION)
    assert out["messages"][-1].content in LONG.values()
    assert summary_of(out)["substitutes"][0]["reason"].startswith("aggregator: the request takes about")
    assert sent(provider, "end") == []
