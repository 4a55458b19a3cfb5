r"""The final answer of a worked solution, and when two answers are the same."""

from __future__ import annotations

import json
import os
import time
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.final_answers import canonical, extract_answer, number_in, same_answer

SOLUTIONS = [
    pytest.param("5 * 8 + 2 = 42.\n#### 42", "42", id="gsm8k"),
    pytest.param("#### 1,234", "1234", id="thousands"),
    pytest.param("#### Step 3: sum up\nSo there are 9", "9", id="heading"),
    pytest.param("#### 3. Sum up\nSo there are 9 apples", "9", id="numbered-heading"),
    pytest.param(r"Hence \boxed{\frac{1}{2}}.", r"\frac{1}{2}", id="nested-braces"),
    pytest.param(
        r"\boxed{1}, no: \boxed{\left(3, \frac{\pi}{2}\right)}", r"\left(3, \frac{\pi}{2}\right)", id="last-box"
    ),
    pytest.param('{"reasoning": "3 + 4", "answer": "160,000"}', "160000", id="json"),
    pytest.param('```json\n{"reasoning": "a\nb", "answer": 7.5}\n```', "7.5", id="broken-fenced-json"),
    pytest.param('{"reasoning": "5 of 9", "answer": null}', None, id="json-null"),
    pytest.param('{"reasoning": "5 of 9", "answer": "Cannot determine"}', None, id="declined"),
    pytest.param("The answer is 42.", "42", id="full-stop"),
    pytest.param("the final answer is: **18 dollars**.", "18", id="unit-and-emphasis"),
    pytest.param("The answer is $42.50.", "42.50", id="currency"),
    pytest.param("**Final Answer:**\n\n42", "42", id="next-line"),
    pytest.param("The answer is 5 because 2 + 3 = 5", "5", id="reason-behind"),
    pytest.param("The answer is 3 + 4 = 7 apples", "7", id="sum"),
    pytest.param("The answer is \\(\\frac{3}{4}\\).", r"\frac{3}{4}", id="inline-formula"),
    pytest.param("Answer:\n$$x = 5$$", "5", id="left-side"),
    pytest.param("Answer: (B)", "B", id="choice"),
    pytest.param("The correct answer is option C", "C", id="named-choice"),
    pytest.param("The answer is A cat", "A cat", id="article"),
    pytest.param("2 of 3 say so, hence (D).", "D", id="choice-at-the-end"),
    pytest.param("It was \u22125", "-5", id="unicode-minus"),
    pytest.param("10-5", "5", id="difference"),
    pytest.param("The profit is 50%", "50", id="percent"),
    pytest.param("It costs $1,200,000 in all", "1200000", id="last-number"),
    pytest.param("about 1.5e3", "1.5e3", id="scientific"),
    pytest.param("so 3/4 of it", "3/4", id="fraction"),
    pytest.param("Answer: Yes", "Yes", id="word"),
    pytest.param("", None, id="empty"),
    pytest.param("I do not know", None, id="nothing"),
]
EQUAL = [
    ["42", "42.0", "42.", "$42", r"\$42", "42 apples", r"42\%", "+42", r"\boxed{42}", "x = 42", r"42\text{ cm}", "42°"],
    ["4,200", "4200", "4.2e3", r"4.2 \times 10^3", "4.2 thousand", "4,200.00", "4200 km/h"],
    ["1/2", r"\frac{1}{2}", r"\dfrac12", r"\tfrac{1}{2}", "0.5", ".50", "2/4"],
    ["-1/3", r"-\frac{1}{3}", r"\frac{-1}{3}", "\u22121/3"],
    ["1.8", r"1\frac{4}{5}", "1 4/5"],
    ["(1,2)", r"\left( 1, 2.0 \right)", "( 1 , 2 )"],
    ["(2,1)"],
    ["[0,1)", r"\left[0, 1\right)", r"x \in [0,1)"],
    [r"\{1,2\}", r"\left\{1,\!2\right\}"],
    [r"\frac{\sqrt{3}}{2}", r"\dfrac{\sqrt3}{2}", r"\sqrt{3}/2"],
    ["2\u03c0", r"2 \pi"],
    ["x^2+1", "x^{2} + 1"],
    ["B", "(B)", r"\text{(B)}", "b"],
    ["yes", "Yes.", r"\text{Yes}"],
    ["2 or 3"],
    ["5x"],
    ["5"],
]
SCRAPS = st.text(st.sampled_from("0123456789.,-+/$%\\{}()[] \n#*\"':=eEAbx°½") | st.characters(), max_size=60)
MARKS = st.lists(
    st.sampled_from(
        ["#### ", r"\boxed{", r"\frac{1}{2}", '"answer": "', "The answer is ", "(B)", "}", "**", "\n", " 7 "]
    )
    | SCRAPS,
    max_size=8,
).map("".join)


@pytest.mark.parametrize(("text", "answer"), SOLUTIONS)
def test_solutions(text: str, answer: str | None) -> None:
    """The final answer is found in each form in which solutions end."""
    assert extract_answer(text) == answer


@pytest.mark.parametrize("written", EQUAL, ids=lambda group: group[0])
def test_equal_values(written: list[str]) -> None:
    """What differs in its writing alone is the same answer."""
    assert {canonical(answer) for answer in written} == {canonical(written[0])}


def test_different_values() -> None:
    """No two groups of equal answers share a value."""
    firsts = [group[0] for group in EQUAL]
    assert [pair for pair in combinations(firsts, 2) if same_answer(*pair)] == []


def test_no_answer_is_no_answer() -> None:
    """Two missing answers do not agree with each other."""
    assert not same_answer(None, None)


@given(MARKS)
@settings(max_examples=300, deadline=None)
def test_any_text(text: str) -> None:
    """Any text is read without an error, and what is found has something to show."""
    found = extract_answer(text)
    assert found is None or found.strip()


@given(MARKS)
@settings(max_examples=300, deadline=None)
def test_idempotence(text: str) -> None:
    """The canonical form of a canonical form is itself."""
    assert canonical(canonical(text)) == canonical(text)


@given(st.fractions(max_denominator=10**6))
@settings(deadline=None)
def test_fractions_round_trip(value: Fraction) -> None:
    """A fraction that is written down is the same number when it is read."""
    assert number_in(str(value)) == value
    assert number_in(canonical(str(value))) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
@settings(deadline=None)
def test_decimals_round_trip(value: object) -> None:
    """A decimal at the end of a solution comes back as its number, with thousands separators or without."""
    for written in (f"{value}", f"{value:,}"):
        found = extract_answer(f"So we get\n#### ${written}.")
        assert found is not None
        assert number_in(found) == Fraction(str(value))


@pytest.mark.parametrize(
    "text",
    ['"answer": \'' * 20_000, r"\boxed{" * 30_000, "#### " * 40_000, "1," * 100_000, "the answer is **" * 12_000],
)
def test_hostile_length(text: str) -> None:
    """Long texts that open what they never close are read in a time that grows with their length."""
    started = time.process_time()
    extract_answer(text)
    canonical(text)
    assert time.process_time() - started < 2


def test_huge_exponents() -> None:
    """A number that no memory would hold is compared letter by letter."""
    assert canonical("1e9999") == "1e9999"


@pytest.mark.skipif("LANGGRAPH_MOA_DATA" not in os.environ, reason="LANGGRAPH_MOA_DATA is not set")
def test_recorded_solutions() -> None:
    """From the recorded answers of six models the same final answers are read as were recorded."""
    lines = Path(os.environ["LANGGRAPH_MOA_DATA"], "reasoning/gsm8k_replay.jsonl").read_text("utf-8").splitlines()
    proposals = [proposal for line in lines for proposal in json.loads(line)["proposals"].values()]
    read = [extract_answer(proposal["text"]) for proposal in proposals]
    recorded = [None if proposal["answer"] is None else str(proposal["answer"]) for proposal in proposals]
    differing = [pair for pair in zip(read, recorded, strict=True) if pair != (None, None) and not same_answer(*pair)]
    assert (len(proposals), differing) == (180, [])
