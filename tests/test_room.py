"""Claims about the room that a seat's context window leaves, and about references made to fit it. Nothing is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

from langgraph_moa import Aggregator, ContextWindowError, Proposer
from langgraph_moa.fitting import SMALLEST_SHARE, estimate_request, estimate_tokens
from langgraph_moa.mixture.recipe import OnOverflow
from langgraph_moa.prompts import Placement, with_references
from langgraph_moa.room import Room, Shown
from langgraph_moa.testing import ScriptedChatModel

ANY_OPENAI: Any = ChatOpenAI
SILENT = ANY_OPENAI(model="m", api_key="k")
LONG_ANSWER = ANY_OPENAI(model="m", api_key="k", max_tokens=3_000)
LONGER_ANSWER = ANY_OPENAI(model="m", api_key="k", model_kwargs={"max_output_tokens": 3_500})


class ChatOllama(ScriptedChatModel):
    """A chat model that calls the length of an answer as Ollama does; -1 stands for no end."""

    num_predict: int | None = None


QUESTION: list[BaseMessage] = [SystemMessage("be brief"), HumanMessage("why?")]
LONG = "word " * 2_000
MARK = "characters left out ...]"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400) | st.integers(1, 3000).map("long ".__mul__)
references = st.lists(texts, max_size=6)
conversations = st.sampled_from([QUESTION, [HumanMessage("why?")], [HumanMessage("a"), AIMessage("b")]])
placements: Any = st.sampled_from(["tail", "system"])
seats: Any = st.tuples(st.integers(1, 6000), st.none() | st.integers(1, 3000), placements)
policies: Any = st.sampled_from(["shorten", "windows", "raise"])


def room(window: int | None, placement: Placement = "tail", **options: Any) -> Room:
    """Return the room of an aggregator."""
    seat = Aggregator("openai:m", context_window=window, **options)
    return Room(seat, "aggregator", instructions=seat.prompt, placement=placement)


def requests(of: Room, shown: Shown, conversation: list[BaseMessage], placement: Placement) -> list[list[BaseMessage]]:
    """Return what a seat is sent, with the longest synthesis that can be carried from window to window."""
    carried = of.carry(LONG * 50)
    return [
        with_references(conversation, ((carried,) if number else ()) + window, placement=placement)
        for number, window in enumerate(shown.windows or ((),))
    ]


@given(references, policies)
def test_without_a_window_everything_fits(given_references: list[str], policy: OnOverflow) -> None:
    """A seat that names no window is shown every reference whole, at once, whatever the policy."""
    shown = room(None).fit(QUESTION, given_references, policy)
    assert shown == Shown((tuple(given_references),) if given_references else (), 0)
    assert room(None).carry(LONG) == LONG


def fitted(of: Room, shown_to: list[BaseMessage], given_references: list[str], policy: OnOverflow) -> Any:
    """Return what is shown, or the error that says why nothing can be."""
    try:
        return of.fit(shown_to, given_references, policy)
    except ContextWindowError as error:
        return error


@settings(deadline=None)
@given(references, conversations, seats, policies)
def test_what_is_shown_fits(
    given_references: list[str],
    conversation: list[BaseMessage],
    seat: tuple[int, int | None, Placement],
    policy: OnOverflow,
) -> None:
    """Each request leaves room for the answer; every reference is there, in order, and what is shortened is counted."""
    window, max_tokens, placement = seat
    of = room(window, placement, max_tokens=max_tokens)
    shown = fitted(of, conversation, given_references, policy)
    if isinstance(shown, ContextWindowError):
        assert shown.needed > shown.available == window - of.reserved
        return
    for request in requests(of, shown, conversation, placement):
        assert estimate_request(request) + of.reserved <= window
    flat = [text for part in shown.windows for text in part]
    assert len(flat) == len(given_references)
    changed = [after for after, before in zip(flat, given_references, strict=True) if after != before]
    assert len(changed) == shown.shortened
    assert all(MARK in text for text in changed)
    assert policy == "windows" or len(shown.windows) <= 1
    assert policy != "raise" or shown.shortened == 0


@settings(deadline=None)
@given(references, st.integers(1, 6000), policies)
def test_the_policy_matters_only_beyond_the_window(
    given_references: list[str], window: int, policy: OnOverflow
) -> None:
    """References that fit are shown whole and at once under every policy; `raise` raises exactly for the others."""
    seat = room(window)
    whole = estimate_request(with_references(QUESTION, given_references)) + seat.reserved <= window
    if whole:
        assert seat.fit(QUESTION, given_references, policy) == room(None).fit(QUESTION, given_references, policy)
    else:
        with pytest.raises(ContextWindowError):
            seat.fit(QUESTION, given_references, "raise")


@given(st.text(max_size=3000), st.integers(1, 6000))
def test_a_carried_synthesis_fits_its_share(synthesis: str, window: int) -> None:
    """What one window hands to the next takes no more than is kept for it, and comes whole where it fits."""
    seat = room(window)
    carried = seat.carry(synthesis)
    assert estimate_tokens(carried) <= seat.carried
    assert seat.carried >= SMALLEST_SHARE
    assert carried == synthesis or estimate_tokens(synthesis) > seat.carried


@pytest.mark.parametrize(
    ("window", "max_tokens", "reserved"),
    [(4_000, None, 1_000), (16_384, None, 4_096), (200_000, None, 4_096), (4_000, 100, 100), (4_000, 3_000, 3_000)],
)
def test_room_for_the_answer(window: int, max_tokens: int | None, reserved: int) -> None:
    """`max_tokens` is kept for the answer; without it, a quarter of the window, and no more than 4096."""
    assert room(window, max_tokens=max_tokens).reserved == reserved


@pytest.mark.parametrize(
    ("seat", "reserved"),
    [
        (Aggregator(LONG_ANSWER, context_window=4_000), 3_000),
        (Aggregator("openai:m", fallbacks=[LONG_ANSWER], context_window=4_000), 3_000),
        (Aggregator(LONG_ANSWER, fallbacks=[LONGER_ANSWER], context_window=8_000), 3_500),
        (Aggregator(SILENT, context_window=4_000), 1_000),
        (Aggregator(LONG_ANSWER, context_window=4_000, max_tokens=100), 100),
        (Aggregator("openai:m", context_window=4_000, model_kwargs={"max_tokens": 2_000}), 2_000),
    ],
)
def test_room_for_the_answer_of_an_object(seat: Aggregator, reserved: int) -> None:
    """Whoever sets the length of an answer, it is kept; of a seat's models the one that may answer longest counts."""
    assert Room(seat, "aggregator", instructions=None, placement="tail").reserved == reserved


@pytest.mark.parametrize("policy", ["shorten", "windows", "raise"])
def test_a_conversation_that_does_not_fit_alone(policy: OnOverflow) -> None:
    """A conversation longer than the window is refused with and without references: only references are shortened."""
    for given_references in ([], ["a"], [LONG]):
        with pytest.raises(ContextWindowError, match="aggregator: the request takes about") as caught:
            room(1_000).fit([HumanMessage(LONG)], given_references, policy)
        assert caught.value.slot == "aggregator"
        assert caught.value.available == 750


def test_instructions_take_room_too() -> None:
    """Own instructions count as the default ones do, so longer ones leave less to the references."""
    seats = [room(3_000, prompt="Merge."), room(3_000), room(3_000, prompt="Merge them with care. " * 150)]
    lengths = [len(seat.fit(QUESTION, [LONG], "shorten").windows[0][0]) for seat in seats]
    assert lengths == sorted(lengths, reverse=True)
    assert len(set(lengths)) == 3


def test_an_exact_fit_is_a_fit() -> None:
    """A window of just the request and the answer shows everything; one token less shortens."""
    given_references = ["x" * 900, "y" * 900]
    needed = estimate_request(with_references(QUESTION, given_references)) + 100
    assert room(needed, max_tokens=100).fit(QUESTION, given_references, "raise").shortened == 0
    assert room(needed - 1, max_tokens=100).fit(QUESTION, given_references, "shorten").shortened > 0


def test_windows_are_as_few_as_the_room_asks_for() -> None:
    """Ten references of 300 tokens need several windows, in which all of them stand whole."""
    given_references = [f"{number} " + "abc" * 299 for number in range(10)]
    shown = room(2_000, max_tokens=200).fit(QUESTION, given_references, "windows")
    assert [text for window in shown.windows for text in window] == given_references
    assert shown.shortened == 0
    assert 3 <= len(shown.windows) <= 4


def test_a_proposer_has_room_as_well() -> None:
    """A proposer's window counts with its own `max_tokens`, and its node is named in the error."""
    seat = Proposer("openai:m", context_window=500, max_tokens=50)
    of = Room(seat, "layer_2_m", instructions=None, placement="tail")
    with pytest.raises(ContextWindowError, match="layer_2_m: the request takes about") as caught:
        of.fit([HumanMessage(LONG)], [], "shorten")
    assert (caught.value.available, of.reserved) == (450, 50)


@given(st.integers(1, 400))
def test_a_window_that_the_answer_fills_takes_nothing(window: int) -> None:
    """Where `max_tokens` takes the whole window, the error says that nothing is left, and never less than nothing."""
    with pytest.raises(ContextWindowError, match="its context window leaves 0"):
        room(window, max_tokens=400).fit(QUESTION, [], "shorten")
