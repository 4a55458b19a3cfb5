"""Citations: names in brackets lead back to the documents, and nothing else does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.citations import cited

SOURCES = {"tower.md": 1, "bridge.md": 2, "river.md": 3, "a, b.md": 4, "c[1].md": 5}
NAMES = st.text(st.characters(exclude_characters="[],;\"'`", exclude_categories=["Cs", "Zs", "Cc"]), min_size=1)


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        pytest.param("It is 80 m high [tower.md].", ["tower.md"], id="one"),
        pytest.param(
            "1. High. [river.md]\n2. Long. [tower.md]\n3. [river.md]", ["river.md", "tower.md"], id="in-order"
        ),
        pytest.param("So [bridge.md; tower.md, river.md].", ["bridge.md", "tower.md", "river.md"], id="list"),
        pytest.param(
            'See ["tower.md", `river.md`] and [ bridge.md ].', ["tower.md", "river.md", "bridge.md"], id="quotes"
        ),
        pytest.param("[a, b.md] and [c[1].md]", ["a, b.md", "c[1].md"], id="names-with-marks"),
        pytest.param("[tower.md](https://example.org)", ["tower.md"], id="link"),
        pytest.param("[a, b.md][tower.md]", ["a, b.md", "tower.md"], id="side-by-side"),
        pytest.param("tower.md, (tower.md), [Tower.md], [1], [], [tower], [other.md]", [], id="no-citation"),
        pytest.param("[tower.md", [], id="unclosed"),
        pytest.param("", [], id="empty"),
    ],
)
def test_what_is_cited(answer: str, names: list[str]) -> None:
    """A source is cited where its name stands in brackets, alone or in a list; the order is that of the answer."""
    assert list(cited(answer, SOURCES).items()) == [(name, SOURCES[name]) for name in names]


@given(st.dictionaries(NAMES, st.integers(), max_size=5), st.text("ab [],;.", max_size=20))
def test_every_source_can_be_cited(sources: dict[str, int], between: str) -> None:
    """What an answer names in brackets is found with what is known of it, whatever stands between."""
    between = re.sub(r"[\[\]]", "", between)
    answer = between.join(f"[{name}]" for name in sources)
    assert cited(answer, sources) == sources


@given(st.text(), st.dictionaries(st.text(), st.none()))
def test_any_answer_is_read(answer: str, sources: dict[str, None]) -> None:
    """Any text is read without an error, and nothing is cited that does not stand in it."""
    assert all(name in answer for name in cited(answer, sources))


def test_a_source_without_a_name_can_be_cited() -> None:
    """Empty brackets cite the document that has no name, and none where each has one."""
    assert cited("[]", {"": 1}) == {"": 1}
