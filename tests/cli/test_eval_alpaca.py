"""`moa eval alpaca-eval`, over the simulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.cli.conftest import Completed, Moa
from tests.evaluation.alpaca_eval.conftest import rows
from tests.evaluation.official import write_gamed

PROMPT = "{instruction}|{output_1}|{output_2}"


def chances(body: dict[str, Any]) -> dict[str, float]:
    """Prefer the output that the aggregator wrote, by 3 to 1."""
    second = body["messages"][-1]["content"].split("|")[2]
    return {"M": 0.75, "m": 0.25} if second == "the merged answer" else {"m": 0.75, "M": 0.25}


@pytest.fixture
def command(moa: Moa, provider: Simulator, tmp_path: Path) -> Any:
    """Run the command over six instructions, with a judge that prefers what the mixture answers."""
    provider.models |= {"judge": Behaviour(reply="M", first_token=chances)}
    (tmp_path / "set.json").write_text(json.dumps(rows(6)), encoding="utf-8")
    (tmp_path / "prompt.txt").write_text(PROMPT, encoding="utf-8")
    mixture = ("--proposer", "openai:good", "--aggregator", "openai:merge")
    judge = ("--judge", "openai:judge", "--judge-prompt", str(tmp_path / "prompt.txt"))

    def run(*more: str, judged: tuple[str, ...] = judge) -> Completed:
        return moa("eval", "alpaca-eval", *mixture, "--data", str(tmp_path / "set.json"), *judged, *more)

    return run


def test_the_report_is_printed_and_written(command: Any, provider: Simulator, tmp_path: Path) -> None:
    """The report goes to stdout and into the folder, with answers in the official format; a second run asks nobody."""
    write_gamed(tmp_path / "df_gamed.csv", 6)
    done = command("--out", str(tmp_path / "out"))
    written = (tmp_path / "out/report.md").read_text(encoding="utf-8")
    [row] = [line for line in done.out.splitlines() if line.startswith("| moa |")]
    assert (done.code, row in written, "Judge: openai:judge" in done.out) == (0, True, True)
    assert "4.2 points" in done.err
    asked = len(provider.requests)
    assert asked == 6 * (2 + 2)
    outputs = json.loads((tmp_path / "out/model_outputs.json").read_text(encoding="utf-8"))
    assert {row["output"] for row in outputs} == {"the merged answer"}
    again = command("--out", str(tmp_path / "out"), "--json")
    assert (again.code, len(provider.requests)) == (0, asked)
    [summary] = json.loads(again.out)["data"]["models"].values()
    assert summary["win_rate"] == pytest.approx(75)
    assert 0 < summary["length_controlled"] < 100


def test_the_judge_gets_the_official_settings(command: Any, provider: Simulator) -> None:
    """The judge is asked for one token at temperature 1, with the probabilities of the top five."""
    command("--limit", "1", "--one-order")
    [body] = [request.body for request in provider.requests if request.body["model"] == "judge"]
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    assert (body["temperature"], limit, body["logprobs"], body["top_logprobs"]) == (1, 1, True, 5)


def test_a_dry_run_asks_nobody(command: Any, provider: Simulator) -> None:
    """`--dry-run` tells the calls of the answers and of the judge, and makes none."""
    done = command("--dry-run", "--json", "--limit", "5")
    plans = json.loads(done.out)
    assert (done.code, plans["answers"]["forecast"]["calls"], plans["judgments"]["forecast"]["calls"]) == (0, 10, 10)
    assert provider.requests == []


def test_a_broken_line_is_told(command: Any, tmp_path: Path) -> None:
    """A broken line is named by file and line, the others are judged, and the exit code tells."""
    lines = [json.dumps(rows(1)[0]), "no json"]
    (tmp_path / "set.json").write_text("\n".join(lines), encoding="utf-8")
    done = command()
    assert done.code == 2
    assert f"{tmp_path / 'set.json'}:2:" in done.err
    assert "| 75 |" in done.out


def test_a_failure_is_told(command: Any, provider: Simulator) -> None:
    """Where calls fail, the report is of the others, and the exit code is 1."""
    provider.models["judge"] = Behaviour(reply="no such judge", status=400)
    done = command("--limit", "1")
    assert done.code == 1
    assert "JudgeError" in done.err
    assert "1 of 1 answers are not judged" in done.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--official",), "--judge and --official exclude each other"),
        (("--gamed", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("--data", "nowhere.json"), "nowhere.json"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_asked(
    command: Any, provider: Simulator, more: tuple[str, ...], said: str
) -> None:
    """A wrong option ends the command with code 2, and nobody has been asked."""
    done = command(*more)
    assert (done.code, provider.requests) == (2, [])
    assert said in done.err


def test_an_empty_set_is_refused(command: Any, tmp_path: Path) -> None:
    """A data set without any instruction is refused, with the first of its broken lines."""
    (tmp_path / "set.json").write_text('[{"question": "q"}]', encoding="utf-8")
    done = command()
    assert done.code == 2
    assert "holds no instruction; the first of its broken lines" in done.err
