"""Tests of finding proposals in prompts."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.references import Fidelity, fidelity, prompt_of

SLOTS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6)


def _proposals(slots: list[str]) -> dict[str, list[str]]:
    return {model: [f"<{model}{draw}>" for draw in range(count)] for model, count in Counter(slots).items()}


def _prompt(slots: list[str], proposals: dict[str, list[str]]) -> str:
    """Show every proposal in the order of the slots, a model's last draw first."""
    left = {model: list(texts) for model, texts in proposals.items()}
    return "\n".join(f"{number}. {left[model].pop()} " for number, model in enumerate(slots))


@given(SLOTS)
def test_all_in_order(slots: list[str]) -> None:
    """What is shown as it should be counts in full, whichever of its slots a model's answer came from."""
    found = fidelity(_prompt(slots, proposals := _proposals(slots)), slots, proposals)
    assert found == Fidelity(len(slots), len(slots), len(slots), len(slots))


@given(SLOTS, st.data())
def test_one_is_changed(slots: list[str], data: st.DataObject) -> None:
    """A proposal of which a character is missing is not byte-exact, and the others still count."""
    proposals = _proposals(slots)
    lost = data.draw(st.sampled_from([text for texts in proposals.values() for text in texts]))
    found = fidelity(_prompt(slots, proposals).replace(lost, lost[:-1]), slots, proposals)
    assert found == Fidelity(len(slots), len(slots) - 1, len(slots) - 1, len(slots) - 1)


@given(SLOTS, st.data())
def test_one_is_repeated(slots: list[str], data: st.DataObject) -> None:
    """A proposal that stands in the prompt twice is exact, and not once."""
    proposals = _proposals(slots)
    again = data.draw(st.sampled_from([text for texts in proposals.values() for text in texts]))
    found = fidelity(_prompt(slots, proposals) + again, slots, proposals)
    assert (found.exact, found.once) == (len(slots), len(slots) - 1)


def test_turned_round() -> None:
    """Of proposals in the opposite order, one stands in order."""
    found = fidelity("<c0><b0><a0>", list("abc"), _proposals(list("abc")))
    assert (found.once, found.ordered) == (3, 1)


def test_two_change_places() -> None:
    """Of three proposals two of which have changed places, two stand in order."""
    assert fidelity("<b0><a0><c0>", list("abc"), _proposals(list("abc"))).ordered == 2


def test_nothing_arrives() -> None:
    """An empty prompt has delivered none of what was expected."""
    assert fidelity("", ["a", "a"], _proposals(["a", "a"])) == Fidelity(2, 0, 0, 0)


def test_texts_of_blocks() -> None:
    """A prompt holds the texts of messages, whether these are strings or blocks, and nothing of other blocks."""
    blocks = [{"type": "text", "text": "two"}, {"type": "image_url", "image_url": {}}]
    assert prompt_of({"messages": [{"content": "one"}, {"content": blocks}, {"content": None}]}) == "one\ntwo"
