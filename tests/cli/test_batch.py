"""`moa batch`."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.cli.conftest import COMMAND, Moa, models

QUESTIONS = 20
KEPT = 16
IN_FLIGHT = 4
MODELS = models("openai:good")
PRICED = """
proposers = [{model = "openai:good", max_tokens = 100}]
aggregator = {model = "openai:merge", max_tokens = 100}
[prices]
date = 2026-11-01
source = "a test"
[prices.models]
"openai:good" = {input = 0.0, output = 100.0}
"openai:merge" = {input = 0.0, output = 100.0}
"""
"""Each call costs a cent at most."""


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Return a file of questions."""
    return written(tmp_path / "in.jsonl", *({"id": f"q{n}", "question": f"Question {n}?"} for n in range(QUESTIONS)))


def written(path: Path, *rows: Any) -> Path:
    """Write a file of JSON lines."""
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for something that another process does."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_every_question_gets_a_line(moa: Moa, provider: Simulator, questions: Path, tmp_path: Path) -> None:
    """Each line of the output is an object with id, answer and degraded, and what the answer is made of."""
    out = tmp_path / "out.jsonl"
    done = moa("batch", str(questions), str(out), *models("openai:good", "openai:bad"))
    assert (done.code, done.out) == (0, "")
    assert f"moa: 20 made, cost unknown, in {out}\n" in done.err
    lines = lines_of(out)
    assert sorted(line["id"] for line in lines) == sorted(f"q{n}" for n in range(QUESTIONS))
    assert {(line["answer"], line["degraded"], line["mixture"]) for line in lines} == {
        ("the merged answer", True, "moa")
    }
    assert [made["status"] for made in lines[0]["proposals"]] == ["ok", "error"]
    assert lines[0]["usage"]["output_tokens"] == 5
    assert "sk-abcdefgh" not in out.read_text()


def test_a_killed_run_goes_on_with_the_missing_calls(
    provider: Simulator, questions: Path, tmp_path: Path, environment: dict[str, str], moa: Moa
) -> None:
    """Killed at 80 %, the next run makes what is missing: each answer once, and no call twice but those under way."""
    out = tmp_path / "out.jsonl"
    let_go = threading.Event()

    def reply(body: dict[str, Any]) -> str:
        number = int(str(body["messages"][0]["content"]).split()[1].partition("?")[0])
        if number >= KEPT:
            let_go.wait(30)
        return f"answer {number}"

    provider.models |= {"good": Behaviour(reply=reply)}
    arguments = ["batch", str(questions), str(out), *MODELS, "--concurrency", str(IN_FLIGHT)]
    with subprocess.Popen([*COMMAND, *arguments], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") == KEPT)
            wait_until(lambda: len(provider.requests) == 2 * KEPT + IN_FLIGHT)
        finally:
            process.kill()
            process.wait()
            let_go.set()
    done = moa(*arguments)
    assert f"4 made, {KEPT} there already" in done.err
    assert len(provider.requests) == 2 * QUESTIONS + IN_FLIGHT
    assert Counter(line["id"] for line in lines_of(out)) == Counter(f"q{n}" for n in range(QUESTIONS))


def test_ctrl_c_keeps_what_is_answered(
    provider: Simulator, questions: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Ctrl-C ends with 130 and cancels the calls; what was answered stays in the file."""
    import signal

    out = tmp_path / "out.jsonl"
    written(questions, {"id": "a", "question": "Now?"}, {"id": "b", "question": "hang"})
    held = threading.Event()
    provider.models |= {"good": Behaviour(reply=lambda body: str("hang" in str(body) and held.wait(30)))}
    with subprocess.Popen(
        [*COMMAND, "batch", str(questions), str(out), *MODELS], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") == 1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        finally:
            held.set()
            process.kill()
    assert process.returncode == 130
    assert err.endswith("moa: interrupted\n")
    assert [line["id"] for line in lines_of(out)] == ["a"]


def test_another_mixture_is_refused(moa: Moa, provider: Simulator, questions: Path, tmp_path: Path) -> None:
    """A file of another mixture's answers is not gone on with; both fingerprints are shown, and nothing is asked."""
    out = tmp_path / "out.jsonl"
    moa("batch", str(questions), str(out), *MODELS, "--limit", "1")
    before, asked = out.read_bytes(), len(provider.requests)
    done = moa("batch", str(questions), str(out), *models("openai:other"))
    assert done.code == 2
    assert done.err.count("fingerprint") == 2
    assert (out.read_bytes(), len(provider.requests)) == (before, asked)


def test_a_file_of_something_else_is_left_alone(moa: Moa, provider: Simulator, questions: Path, tmp_path: Path) -> None:
    """Answers that no run claims are not appended to."""
    out = written(tmp_path / "out.jsonl", {"id": "mine", "answer": "by hand"})
    done = moa("batch", str(questions), str(out), *MODELS)
    assert (done.code, provider.requests, lines_of(out)) == (2, [], [{"id": "mine", "answer": "by hand"}])
    assert "out.jsonl.run" in done.err


def test_broken_lines_are_named_and_the_run_goes_on(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """Lines that hold no question are told with file and line, the others are answered, and the code is 2."""
    asked = written(
        tmp_path / "in.jsonl", {"id": 1, "question": "One?"}, "{oops", {"id": "x"}, {"id": "b", "question": "Two?"}
    )
    done = moa("batch", str(asked), str(tmp_path / "out.jsonl"), *MODELS, "--quiet")
    assert done.code == 2
    told = done.err.splitlines()
    assert [line.partition(": it is")[0].partition(": question")[0] for line in told] == [
        f"moa: left out: {asked}:2",
        f"moa: left out: {asked}:3",
    ]
    assert sorted(str(line["id"]) for line in lines_of(tmp_path / "out.jsonl")) == ["1", "b"]
    assert 1 in {line["id"] for line in lines_of(tmp_path / "out.jsonl")}


def test_duplicate_ids_are_refused_before_any_call(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """Two questions of one id end the run before it begins, with the lines of both."""
    asked = written(tmp_path / "in.jsonl", *[{"id": "a", "question": "One?"}] * 2)
    done = moa("batch", str(asked), str(tmp_path / "out.jsonl"), *MODELS)
    assert (done.code, provider.requests) == (2, [])
    assert "'a' stands on line 1 and again on line 2" in done.err


def test_failed_questions_are_told_and_asked_again(
    moa: Moa, provider: Simulator, questions: Path, tmp_path: Path
) -> None:
    """A question without an answer has no line, is named on stderr with code 1, and the next run asks it again."""
    out = tmp_path / "out.jsonl"
    arguments = ("batch", str(questions), str(out), *MODELS, "--quiet", "--limit", "3")
    provider.models["good"] = Behaviour(schedule=["context_length"])
    failed = moa(*arguments, "--concurrency", "1")
    assert failed.code == 1
    assert failed.err.startswith("moa: failed: q0: QuorumError: ")
    assert failed.err.count("\n") == 1
    assert [line["id"] for line in lines_of(out)] == ["q1", "q2"]
    assert moa(*arguments) == (0, "", "")
    assert [line["id"] for line in lines_of(out)] == ["q1", "q2", "q0"]


def test_a_limit_in_dollars_ends_the_run(moa: Moa, provider: Simulator, questions: Path, tmp_path: Path) -> None:
    """No question is begun that could pass the limit; stderr says why, and the code is 1."""
    recipe = tmp_path / "priced.toml"
    recipe.write_text(PRICED)
    done = moa("batch", str(questions), str(tmp_path / "out.jsonl"), "-p", str(recipe), "--max-cost", "0.0211")
    assert done.code == 1
    assert "moa: stopped: max_cost is $0.0211" in done.err
    assert 1 <= len(lines_of(tmp_path / "out.jsonl")) < QUESTIONS


def test_a_limit_in_dollars_needs_prices(moa: Moa, provider: Simulator, questions: Path, tmp_path: Path) -> None:
    """Without a price for every model nothing is asked, and the models are named."""
    done = moa("batch", str(questions), str(tmp_path / "out.jsonl"), *MODELS, "--max-cost", "1")
    assert (done.code, provider.requests) == (2, [])
    assert "openai:good, openai:merge" in done.err


def test_a_dry_run_calls_nothing(moa: Moa, provider: Simulator, questions: Path, tmp_path: Path) -> None:
    """It tells calls, tokens and dollars of what is missing; nothing is called and no file is made."""
    recipe, out = tmp_path / "priced.toml", tmp_path / "out.jsonl"
    recipe.write_text(PRICED)
    done = moa("batch", str(questions), str(out), "-p", str(recipe), "--dry-run")
    assert (done.code, provider.requests, out.exists()) == (0, [], False)
    assert "20 to make, 0 there already\ncalls: 40\n" in done.out
    assert "cost: $0.0000 for the questions alone, $0.4000 at most\n" in done.out
    moa("batch", str(questions), str(out), "-p", str(recipe), "--limit", "5")
    plan = json.loads(moa("batch", str(questions), str(out), "-p", str(recipe), "--dry-run", "--json").out)
    assert (plan["jobs"], plan["reused"], plan["forecast"]["calls"]) == (15, 5, 30)


def test_json_tells_the_outcome(moa: Moa, provider: Simulator, questions: Path, tmp_path: Path) -> None:
    """`--json` prints one object that says what was made."""
    done = moa("batch", str(questions), str(tmp_path / "out.jsonl"), *MODELS, "--json", "--limit", "2", "--seed", "1")
    told = json.loads(done.out)
    assert (told["made"], told["reused"], told["failed"], told["broken"], told["stopped"]) == (2, 0, [], [], None)


def test_a_tape_saves_the_calls_of_a_question_that_failed(
    moa: Moa, provider: Simulator, questions: Path, tmp_path: Path
) -> None:
    """With `--tape`, the next run asks a question that failed only for what it had no answer to."""
    arguments = ("batch", str(questions), str(tmp_path / "out.jsonl"), *MODELS, "--limit", "1")
    tape = ("--tape", str(tmp_path / "calls.sqlite"))
    provider.models["merge"] = Behaviour(schedule=["context_length"])
    assert moa(*arguments, *tape).code == 1
    assert moa(*arguments, *tape).code == 0
    assert [request.body["model"] for request in provider.requests] == ["good", "merge", "merge"]


def test_a_tape_cannot_hear_a_cluster(moa: Moa, provider: Simulator, questions: Path, tmp_path: Path) -> None:
    """`--tape` and `--cluster` exclude each other."""
    arguments = ("batch", str(questions), str(tmp_path / "out.jsonl"), *MODELS)
    done = moa(*arguments, "--tape", str(tmp_path / "a.sqlite"), "--cluster", "tcp://127.0.0.1:1")
    assert done.code == 2
    assert "leave one out" in done.err
