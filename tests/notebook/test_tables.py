"""Claims about runs as a table and as text."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.notebook.tables import as_html, as_text
from tests.notebook.watched import event, run_of

ANY_TEXT = st.text(st.characters(), max_size=60) | st.just("<script>alert(1)</script>") | st.just("\ud83d</td>")


class Cells(HTMLParser):
    """Reads which elements there are, and what the cells say."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        assert not any(name.startswith("on") for name, _ in attrs)
        self.names.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def read(page: str) -> Cells:
    """Read a page."""
    cells = Cells()
    cells.feed(page)
    cells.close()
    return cells


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_no_text_is_markup(mixture: str, slot: str, reason: str) -> None:
    """Whatever mixtures, slots and errors are called, a table holds nothing but cells, and can be sent as UTF-8."""
    error = {"kind": "Error", "message": reason}
    run = run_of(event("failed", 1, slot, seconds=1.0, status="error", error=error), mixture=mixture)
    page = as_html([run], now=2.0)
    page.encode()
    as_text([run], now=2.0).encode()
    assert read(page).names == {"table", "caption", "thead", "tbody", "tr", "th", "td", "span"}


def test_a_row_tells_state_seconds_and_tokens() -> None:
    """A call that goes on has seconds that tick, one that is over those that it took; unknown tokens are left out."""
    run = run_of(event("started", 1, "a"), event("finished", 1, "b", seconds=0.5, tokens=7))
    rows = read(as_html([run], now=3.0)).rows
    assert rows == [
        ["slot", "model", "state", "seconds", "tokens"],
        ["layer 1: 1 answering, 1 done"],
        ["a", "a", "▸ answering", "2.0", ""],
        ["b", "b", "✓ done", "0.5", "7"],
    ]


def test_a_failure_tells_its_reason_in_one_short_line() -> None:
    """The reason of a failure stands beside it, cut after 200 characters."""
    error = {"kind": "Error", "message": "no\nroute" + "!" * 500}
    run = run_of(event("failed", 1, "a", seconds=1.0, status="error", error=error))
    [line] = as_text([run], now=1.0).splitlines()[1:]
    assert line.startswith("  layer 1, a: failed, 1.0 s, no route!!!")
    assert len(line) == len("  layer 1, a: failed, 1.0 s, ") + 200
    assert line.endswith("…")


def test_a_wide_stage_that_is_over_shows_who_gave_nothing() -> None:
    """Of 64 calls that are over, the counts are shown and the rows of those that failed."""
    ends = [event("finished", 1, f"slot-{number}", seconds=1.0) for number in range(63)]
    failed = event("failed", 1, "bad", seconds=1.0, status="error", error=None)
    assert len(read(as_html([run_of(*ends)], now=1.0)).rows) == 2
    rows = read(as_html([run_of(*ends, failed)], now=1.0)).rows
    assert rows[1:] == [["layer 1: 63 done, 1 failed"], ["bad", "bad", "✗ failed", "1.0", ""]]
    going_on = read(as_html([run_of(*ends, event("started", 1, "late"))], now=1.0)).rows
    assert len(going_on) == 66


def test_nothing_goes_on_in_a_run_that_is_over() -> None:
    """What nobody has told the end of was cancelled when the run ended, and its seconds tick no more."""
    run = run_of(event("started", 1, "a"))
    run.ended, run.failure = 4.0, "QuorumError"
    assert as_text([run], now=99.0).splitlines() == [
        "moa: ended by QuorumError, 4.0 s",
        "  layer 1, a: cancelled, 3.0 s",
    ]


def test_runs_stand_in_the_order_in_which_they_began() -> None:
    """Each run has a table of its own."""
    page = read(as_html([run_of(mixture="outer"), run_of(mixture="inner")], now=1.0))
    assert page.names == {"table", "caption", "thead", "tr", "th"}
    assert as_text([run_of(mixture="outer"), run_of(mixture="inner")], now=1.0).splitlines() == [
        "outer: running, 1.0 s",
        "inner: running, 1.0 s",
    ]
