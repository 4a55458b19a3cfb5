"""Reports that test how one is written."""

from __future__ import annotations

from langgraph_moa.evaluation.figures import Point, bars, scatter
from langgraph_moa.evaluation.reports import Report, Table
from langgraph_moa.evaluation.scores import JudgeStamp

JUDGE = JudgeStamp("openai:gpt-4o", "2026-11-22", "temperature 0, both orders")
HOSTILE = (
    "<script>document.title = 'owned'</script>",
    "</title></style><img src=x onerror=\"document.title='owned'\">",
    "a | b\n| --- |\n# c",
    "[x](javascript:alert(1)) `y` *z* ]]> <!-- -->",
    "\u202eevil\u2066 \x00\x1b[31m \ud800 &lt;b&gt;",
    "</table></section><style>* { display: none }</style>",
    "\u05e9\u05dc\u05d5\u05dd \u6f22\u5b57",
)
"""Names that try to leave their cell."""


def full_report() -> Report:
    """Return a report with a judged table, one without a judge, and two figures."""
    return Report(
        title="Does it help?",
        date="2026-11-22",
        notes=["Fewer than 400 instructions: the length-controlled win rate is unreliable."],
        tables=[
            Table(
                title="Win rates",
                columns=["Arm", "LC win rate, %", "Calls", "US dollars"],
                rows=[["Together-MoA", 65.38, 13, 0.0912], ["Together-MoA-Lite", 59.142, 7, None]],
                judge=JUDGE,
                notes=["2 answers are unscored."],
            ),
            Table(title="Time", columns=["Arm", "Seconds"], rows=[["Together-MoA", 12.5]], notes=[]),
        ],
        figures=[
            bars("Win rates", ["Together-MoA", "Together-MoA-Lite"], [65.38, 59.142], value_label="%"),
            scatter("Cost", [Point("a", 1, 2), Point("b", 2, 3)], x_label="$", y_label="%"),
        ],
        data={"win_rates": {"Together-MoA": 65.38}},
    )


def hostile_report() -> Report:
    """Return a report all of whose texts are hostile."""
    return Report(
        title=HOSTILE[1],
        date=HOSTILE[0],
        notes=list(HOSTILE),
        tables=[
            Table(
                title=HOSTILE[0],
                columns=[HOSTILE[2], HOSTILE[5]],
                rows=[[name, 1.5] for name in HOSTILE],
                judge=JudgeStamp(HOSTILE[0], HOSTILE[3], HOSTILE[5]),
                notes=list(HOSTILE),
            )
        ],
        figures=[bars(HOSTILE[0], HOSTILE, [1.0] * len(HOSTILE), value_label=HOSTILE[5])],
        data={"names": list(HOSTILE)},
    )
