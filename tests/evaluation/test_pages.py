"""Reports as Markdown, JSON and HTML."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.pages import from_json, to_html, to_json, to_markdown, write_report
from langgraph_moa.evaluation.reports import Cell, Figure, Report, Table
from tests.evaluation.reports_to_show import HOSTILE, JUDGE, full_report, hostile_report

FULL, HOSTILE_REPORT = full_report(), hostile_report()
EMPTY = Report(title="Nothing", date="2026-11-22")


class Outline(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def one_column(*cells: Cell) -> Report:
    """Return a report of one table with one column."""
    return Report(title="T", date="D", tables=[Table(title="t", columns=["c"], rows=[[cell] for cell in cells])])


def column_of(*cells: Cell) -> list[str]:
    """Return how cells are written in a Markdown table, in order."""
    lines = [line for line in to_markdown(one_column(*cells)).splitlines() if line.startswith("|")]
    return [line.strip("| ") for line in lines[2:]]


def test_a_report_reads_in_markdown() -> None:
    """Title, date, notes, table with aligned numbers, judge and figure stand in it in that order."""
    assert to_markdown(FULL, drawings=["one.svg"]) == (
        "# Does it help?\n\n"
        "2026-11-22\n\n"
        "- Fewer than 400 instructions: the length-controlled win rate is unreliable.\n\n"
        "## Win rates\n\n"
        "| Arm | LC win rate, % | Calls | US dollars |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| Together-MoA | 65.380 | 13 | 0.0912 |\n"
        "| Together-MoA-Lite | 59.142 | 7 | – |\n\n"
        "Judge: openai:gpt-4o, 2026-11-22; temperature 0, both orders\n\n"
        "- 2 answers are unscored.\n\n"
        "## Time\n\n"
        "| Arm | Seconds |\n"
        "| --- | ---: |\n"
        "| Together-MoA | 12.5 |\n\n"
        "## Win rates\n\n"
        "![Win rates](<one.svg>)\n\n"
        "Bars of %: Together-MoA 65.38; Together-MoA-Lite 59.14.\n\n"
        "## Cost\n\n"
        "Scatter of % against $: a at 1, 2 (on the Pareto front); b at 2, 3 (on the Pareto front).\n".replace(
            "$", r"\$"
        )
    )


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        ((0.93, 0.9303, None), ["0.9300", "0.9303", "–"]),
        ((65.38, 59.142), ["65.380", "59.142"]),
        ((1.0, 2.0), ["1", "2"]),
        ((1319, 7), ["1,319", "7"]),
        ((1, 0.5), ["1", "0.5"]),
        ((0.0, 1e-9), ["0", "1e-09"]),
        ((1e300, 2.0), ["1e+300", "2"]),
        (("a", 0.5), ["a", "0.5"]),
        ((math.nan, math.inf, 1.5), ["–", "–", "1.5"]),
        ((-0.25, 1234.5), ["-0.25", "1,234.50"]),
    ],
)
def test_numbers_of_a_column_have_as_many_decimals(cells: tuple[Cell, ...], written: list[str]) -> None:
    """Fractions of one column have the same decimals, as many as their first five digits need; unknown is a dash."""
    assert column_of(*cells) == written


def test_unknown_is_never_a_number() -> None:
    """A column of unknown values holds dashes alone, and is not aligned as numbers."""
    assert column_of(None, None) == ["–", "–"]
    assert "---:" not in to_markdown(one_column(None))


@given(st.text(max_size=60))
def test_a_name_stays_in_its_cell(name: str) -> None:
    """Whatever a name holds, its table has one line for the head, one for the rule and one for its row."""
    report = Report(title=name, date="D", tables=[Table(title=name, columns=[name, "b"], rows=[[name, 1.5]])])
    lines = [line for line in to_markdown(report).splitlines() if line.startswith("| ")]
    assert len(lines) == 3
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3 for line in lines)


@pytest.mark.parametrize("text", ["# a", "1. a", "- a", "+ a", "> a", "=== a", "---", "<b>", "12) a"])
def test_a_note_makes_no_block_of_its_own(text: str) -> None:
    """What would begin a heading, a list or a quotation is escaped where a note begins."""
    note = to_markdown(Report(title="T", date="D", notes=[text])).splitlines()[-1]
    assert re.match(r"- (\d+)?\\", note)
    assert note.removeprefix("- ").replace("\\", "") == text


def test_the_judge_stands_under_every_table_that_has_one() -> None:
    """A table with scores names who gave them and when, in both forms, and one without names nobody."""
    assert to_markdown(FULL).count("Judge: ") == 1
    assert "".join(Outline(to_html(FULL)).text).count("Judge: openai:gpt-4o, 2026-11-22; temperature 0") == 1


@pytest.mark.parametrize("report", [FULL, HOSTILE_REPORT, EMPTY], ids=["full", "hostile", "empty"])
def test_json_gives_the_report_back(report: Report) -> None:
    """What is read back writes the same JSON, which is an object that any reader takes."""
    written = to_json(report)
    assert to_json(from_json(written)) == written
    assert json.loads(written)["title"]
    written.encode()


def test_a_report_read_back_is_equal() -> None:
    """A report made of lists is equal to what is read back from its JSON."""
    assert from_json(to_json(FULL)) == FULL
    assert from_json(to_json(FULL)).tables[0].judge == JUDGE


def test_numbers_that_are_none_become_null() -> None:
    """NaN and infinity, which JSON does not know, are written as null."""
    data = json.loads(to_json(Report(title="T", date="D", data={"a": math.nan, "b": (1, -math.inf)})))["data"]
    assert data == {"a": None, "b": [1, None]}


def test_data_must_be_plain() -> None:
    """An object in the data of a report is refused by its type."""
    with pytest.raises(ConfigurationError, match="Path"):
        to_json(Report(title="T", date="D", data={"a": Path()}))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("not json", "JSON"),
        ("[]", "table"),
        ("{}", "'report'"),
        (to_json(EMPTY).replace('"report": 1', '"report": 2'), "form 1, got 2"),
        (to_json(EMPTY).replace('"notes": []', '"notes": "abc"'), "notes"),
        (to_json(FULL).replace('"svg"', '"gif"'), "gif"),
    ],
)
def test_other_json_is_refused(text: str, named: str) -> None:
    """What is no report of this form is refused with what is wrong about it."""
    with pytest.raises(ConfigurationError, match=re.escape(named)):
        from_json(text)


def test_a_page_asks_for_nothing() -> None:
    """Neither a script nor a link, an image or a frame is in it, and its policy forbids all of them."""
    outline = Outline(to_html(FULL))
    assert not {name for name, _ in outline.elements} & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert {"http-equiv", "content"} <= set(outline.all("meta")[1])
    assert "default-src 'none'" in str(outline.all("meta")[1]["content"])


def test_a_page_tells_its_structure() -> None:
    """Tables have captions, heads of columns and of rows; drawings are images with a name and a description."""
    outline = Outline(to_html(FULL))
    assert len(outline.all("caption")) == len(outline.all("table")) == 2
    assert {head.get("scope") for head in outline.all("th")} == {"col", "row"}
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for drawing in outline.all("svg"):
        assert drawing["role"] == "img"
        assert {drawing["aria-labelledby"], drawing["aria-describedby"]} <= set(ids)


def test_links_within_a_drawing_lead_to_its_own_parts() -> None:
    """Two figures of a page share no id, and every link of a drawing has its target."""
    page = to_html(FULL)
    ids = set(re.findall(r'\bid="([^"]*)"', page))
    links = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', page)
    assert links
    assert {one or other for one, other in links} <= ids


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_inert(text: str) -> None:
    """Whatever a text holds, the page has the elements it has with any other text."""
    with_text, without = ([name for name, _ in Outline(to_html(one_column(cell))).elements] for cell in (text, "plain"))
    assert with_text == without


def test_hostile_names_make_no_element() -> None:
    """Tags in every place that takes a text are shown as text."""
    outline = Outline(to_html(HOSTILE_REPORT))
    assert not {name for name, _ in outline.elements} & {"script", "img", "b"}
    assert len(outline.all("style")) == len(outline.all("title")) == len(outline.all("table")) == 1
    assert HOSTILE[0] in outline.text


def test_invisible_characters_do_not_reach_a_page() -> None:
    """Control characters, half characters and marks that turn the direction are in none of the forms for readers."""
    for page in (to_html(HOSTILE_REPORT), to_markdown(HOSTILE_REPORT)):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)


@pytest.mark.parametrize(
    "svg",
    [
        "<svg><script>alert(1)</script></svg>",
        '<svg onload="alert(1)"/>',
        '<svg><image href="https://example.org/x.png"/></svg>',
        '<svg><use href="https://example.org/x.svg#a"/></svg>',
        '<svg xmlns:x="http://www.w3.org/1999/xlink"><use x:href="//example.org#a"/></svg>',
        "<svg><path style=\"fill: url( 'https://example.org')\"/></svg>",
        "<svg><style>@import url(x)</style></svg>",
        "<svg><foreignObject/></svg>",
        "<!DOCTYPE svg><svg/>",
        "<svg><!-- --></svg>",
        "<svg>",
        "<p/>",
        "<g/>",
    ],
)
def test_a_drawing_that_could_load_or_run_is_refused(svg: str) -> None:
    """A figure with a script, a handler, an address or what is no SVG makes no page, and the error names it."""
    report = Report(title="T", date="D", figures=[Figure(title="the figure", svg=svg, description="d")])
    with pytest.raises(ConfigurationError, match="'the figure'"):
        to_html(report)


def test_every_form_is_written(tmp_path: Path) -> None:
    """A folder gets one file for each form, and the drawings that the Markdown shows, all in UTF-8."""
    written = write_report(FULL, tmp_path / "new" / "folder")
    assert [path.name for path in written] == [
        "does-it-help.md",
        "does-it-help-figure-1.svg",
        "does-it-help-figure-2.svg",
        "does-it-help.json",
        "does-it-help.html",
    ]
    assert "](<does-it-help-figure-2.svg>)" in written[0].read_text("utf-8")
    assert from_json(written[3].read_text("utf-8")) == FULL
    assert written[4].read_text("utf-8") == to_html(FULL)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("con", "report-con"),
        ("漢字", "report"),
        ("a" * 300, "a" * 60),
        ("A b\x00\n<c>", "a-b-c"),
        ("LPT1", "report-lpt1"),
    ],
)
def test_file_names_are_safe(tmp_path: Path, name: str, stem: str) -> None:
    """No title leaves the folder or makes a name that a file system refuses."""
    assert write_report(EMPTY, tmp_path, ["json"], name=name) == [tmp_path / f"{stem}.json"]


def test_hostile_reports_are_written(tmp_path: Path) -> None:
    """Half characters and control characters stop no report from being written."""
    assert all(path.stat().st_size for path in write_report(HOSTILE_REPORT, tmp_path))


def test_an_unknown_format_writes_nothing(tmp_path: Path) -> None:
    """A format that there is not is refused with those that there are, before anything is written."""
    with pytest.raises(ConfigurationError, match=r"'markdown', 'json', 'html'; got 'pdf'"):
        write_report(FULL, tmp_path / "folder", ["html", "pdf"])
    assert not (tmp_path / "folder").exists()


def test_figures_of_another_drawer_are_welcome() -> None:
    """A plain drawing by hand stands in the page with the name and the description of its figure."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" viewBox="0 0 9 9"><rect id="r" width="9" height="9"/></svg>'
    )
    figure = Figure(title="By hand", svg=svg, description="A square.")
    page = to_html(Report(title="T", date="D", figures=[figure]))
    assert '<rect id="figure-1-r" width="9" height="9"' in page
    assert 'viewBox="0 0 9 9" class="drawing" role="img"' in page
