"""`moa ask`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from langgraph_moa.testing import Simulator
from tests.cli.conftest import COMMAND, Moa, models

OFFLINE = models("offline:bm25", "offline:ngrams", aggregator="offline:agreement")


def test_the_answer_alone_is_on_stdout(moa: Moa, provider: Simulator) -> None:
    """Piped, stdout is the answer and nothing else; stderr says what was chosen and what it took."""
    done = moa("ask", "Why?", *models("openai:good", "openai:other"))
    assert (done.code, done.out) == (0, "the merged answer\n")
    assert "moa: using the models given\nmoa: making 3 calls in 2 stages\n" in done.err
    assert "2/2 proposals" in done.err
    assert "unpriced: openai:good" in done.err


def test_quiet_says_nothing_else(moa: Moa, provider: Simulator) -> None:
    """`--quiet` leaves stderr empty, also when a proposer fails."""
    assert moa("ask", "Why?", "--quiet", *models("openai:good", "openai:bad")) == (0, "the merged answer\n", "")


def test_json_is_one_object(moa: Moa, provider: Simulator) -> None:
    """`--json` prints one object with answer, mixture, degraded, proposals, usage, cost and timing."""
    done = moa("ask", "Why?", "--json", *models("openai:good", "openai:bad"))
    run = json.loads(done.out)
    assert (run["answer"], run["mixture"], run["degraded"], run["cost"]) == ("the merged answer", "moa", True, None)
    assert [(proposal["proposer"], proposal["status"]) for proposal in run["proposals"]] == [
        ("good", "ok"),
        ("bad", "error"),
    ]
    assert run["usage"]["total"]["output_tokens"] == 5
    assert run["timing"]["total"] > 0
    assert run["unpriced"] == ["openai:good", "openai:bad", "openai:merge"]
    assert [item["proposer"] for item in run["missing"]] == ["bad"]


def test_a_degraded_answer_says_who_is_missing(moa: Moa, provider: Simulator) -> None:
    """Notes name the proposer that failed and why, with its key masked."""
    err = moa("ask", "Why?", *models("openai:good", "openai:bad")).err
    assert "moa: degraded: without layer 1 bad (error, " in err
    assert "no such model" in err
    assert "sk-abcdefgh" not in err


def test_a_failed_run_is_one_line(moa: Moa, provider: Simulator) -> None:
    """Without a quorum the command ends with code 1, one line that says why, and no answer."""
    done = moa("ask", "Why?", "-q", "--json", *models("openai:bad"))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("moa: layer 1: 0 of 1 proposers gave a usable answer")
    assert done.err.count("\n") == 1


def test_the_default_models_are_openais_when_only_its_key_is_set(moa: Moa, provider: Simulator) -> None:
    """With OPENAI_API_KEY and OPENAI_BASE_URL alone, that server is asked, with that key, and a note says so."""
    done = moa("ask", "Why?")
    assert (done.code, done.out) == (0, "ok\n")
    assert "because OPENAI_API_KEY is set" in done.err
    assert [request.body["model"] for request in provider.requests] == ["gpt-4o-mini"] * 4
    assert {request.authorization for request in provider.requests} == {"Bearer sk-simulated-key-0000"}


def test_what_was_looked_for_is_told_before_what_is_missing(moa: Moa) -> None:
    """Where `local` finds no model, it says so first, and not only that a package is not there which brings none."""
    done = moa("ask", "Why?", "--preset", "local")
    assert done.code != 0
    assert done.err.startswith("moa: using preset 'local': no language model was found on this machine")


def test_a_missing_key_is_told_before_any_call(moa: Moa, provider: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that one model lacks stops the run before the other models are asked."""
    done = moa("ask", "Why?", *models("openai:good", "together:x/y"))
    assert (done.code, done.out) == (2, "")
    assert "'together:x/y' needs a key: set TOGETHER_API_KEY" in done.err
    assert provider.requests == []


@pytest.mark.parametrize("arguments", [("ask",), ("ask", "-")])
def test_the_question_may_come_from_stdin(moa: Moa, provider: Simulator, arguments: tuple[str, ...]) -> None:
    """No argument, or `-`, reads the question from stdin."""
    moa(*arguments, *models("openai:good"), stdin="Wofür?\n".encode())
    assert provider.requests[0].body["messages"] == [{"role": "user", "content": "Wofür?"}]


def test_files_and_stdin_go_with_the_question(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """`--file` may be repeated, `-` is stdin, and every proposer is sent all of them."""
    path = tmp_path / "facts.md"
    path.write_text("The quorum is three.")
    moa("ask", "Why?", "--file", str(path), "--file", "-", *models("openai:good"), stdin=b"From the pipe.")
    sent = provider.requests[0].body["messages"][0]["content"]
    assert all(part in sent for part in ("facts.md", "The quorum is three.", "stdin", "From the pipe.", "Why?"))


def test_offline_models_answer_from_files(moa: Moa, tmp_path: Path) -> None:
    """With offline models the answer is a sentence of the file, at no cost."""
    path = tmp_path / "facts.md"
    path.write_text("# Garden\n\nThe old oak was planted in 1802. A path leads to the pond.\n")
    done = moa("ask", "When was the oak planted?", "--file", str(path), *OFFLINE)
    assert done.code == 0
    assert "The old oak was planted in 1802." in done.out
    assert "no tokens, no cost" in done.err


def test_with_nothing_set_the_offline_preset_answers(moa: Moa) -> None:
    """Without key, preset and file the packaged pages answer; it is said that no language model takes part."""
    done = moa("ask", "What is a quorum?", "--json")
    run = json.loads(done.out)
    assert "moa: using preset 'offline' because no key is set; no language model takes part\n" in done.err
    assert (run["mixture"], run["degraded"]) == ("offline", False)
    assert "quorum" in run["answer"].lower()
    assert "No language model takes part" in run["note"]


def test_ctrl_c_cancels_every_call(provider: Simulator, environment: dict[str, str]) -> None:
    """Ctrl-C ends the process with 130 and one short line; the provider sees every connection closed."""
    arguments = [*COMMAND, "ask", "Why?", *models("openai:hang", "openai:hang")]
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert provider.wait_for(lambda sim: len(sim.requests) == 2, seconds=60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "moa: interrupted"
    assert "Traceback" not in err
    assert "never retrieved" not in err
    assert provider.wait_for(lambda sim: all(request.disconnected for request in sim.requests))


def test_a_closed_pipe_is_quiet(environment: dict[str, str]) -> None:
    """When the reader of stdout has gone, nothing is printed about it."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, "ask", "What is a quorum?", "--quiet", *OFFLINE],
            env=environment, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_under_stdout_is_told(environment: dict[str, str]) -> None:
    """An answer that cannot be written is an error, in one line."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "presets"],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, "moa: No space left on device\n")
