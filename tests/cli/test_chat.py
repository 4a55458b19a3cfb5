"""`moa chat`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.cli.conftest import COMMAND, Moa, models

GOOD = models("openai:good")


def test_each_piped_line_is_a_question(moa: Moa, provider: Simulator) -> None:
    """Answers come on stdout, one for each line that is not blank; `/exit` ends the chat."""
    done = moa("chat", *GOOD, stdin=b"one\n\ntwo\n/exit\nthree\n")
    assert (done.code, done.out) == (0, "the merged answer\n" * 2)
    assert "go on with it later: moa chat --thread " in done.err


def test_a_thread_is_resumed(moa: Moa, provider: Simulator) -> None:
    """The earlier turns of a thread are sent with the next question, and their number is said."""
    moa("chat", "--thread", "t", *GOOD, stdin=b"one\n")
    provider.requests.clear()
    done = moa("chat", "--thread", "t", *GOOD, stdin=b"two\n")
    assert "thread t: going on after 1 earlier turn\n" in done.err
    assert [message["content"] for message in provider.requests[0].body["messages"]] == [
        "one",
        "the merged answer",
        "two",
    ]


def test_files_go_with_the_first_question(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """Documents are sent once, and the list shows questions without them."""
    path = tmp_path / "facts.md"
    path.write_text("The quorum is three.")
    moa("chat", "--thread", "t", "--file", str(path), *GOOD, stdin=b"one\ntwo\n")
    contents = [message["content"] for message in provider.requests[-2].body["messages"]]
    assert ["The quorum is three." in content for content in contents] == [True, False, False]
    assert moa("chat", "--list").out.splitlines()[1].split() == ["t", "2", "two"]


def test_the_list_of_no_chats(moa: Moa) -> None:
    """Where no chat is saved, the list says where it looked, and makes no file."""
    done = moa("chat", "--list")
    assert done.out.startswith("no chats are saved in ")
    assert not Path(done.out.split(" in ")[1].strip()).exists()


def test_a_failed_turn_keeps_the_earlier_ones(moa: Moa, provider: Simulator) -> None:
    """A run that fails ends a piped chat with 1; the earlier turns stay, without the question that failed."""
    moa("chat", "--thread", "t", *GOOD, stdin=b"one\n")
    assert moa("chat", "--thread", "t", *models("openai:bad"), stdin=b"two\n").code == 1
    provider.requests.clear()
    moa("chat", "--thread", "t", *GOOD, stdin=b"three\n")
    assert [message["content"] for message in provider.requests[0].body["messages"]] == [
        "one",
        "the merged answer",
        "three",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--thread", " "), "--thread must be a name", id="blank-thread"),
        pytest.param(("--file", "-"), "name a file", id="stdin-as-file"),
    ],
)
def test_wrong_options_are_refused(moa: Moa, provider: Simulator, arguments: tuple[str, ...], said: str) -> None:
    """A blank thread, and stdin as a file, are told before any call."""
    done = moa("chat", *arguments, *GOOD, stdin=b"one\n")
    assert (done.code, done.out, provider.requests) == (2, "", [])
    assert said in done.err


def test_ctrl_c_ends_a_piped_chat(provider: Simulator, moa: Moa, environment: dict[str, str]) -> None:
    """Ctrl-C during an answer ends a piped chat with 130; the turns before are saved, the interrupted one is not."""
    provider.models["once"] = Behaviour(reply="a proposal")
    arguments = [*COMMAND, "chat", "--thread", "t", *models("openai:once")]
    with subprocess.Popen(
        arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("one\n")
        process.stdin.flush()
        assert process.stdout.readline() == "the merged answer\n"
        provider.models["once"] = Behaviour(hang=True)
        process.stdin.write("two\n")
        process.stdin.flush()
        assert provider.wait_for(lambda sim: len(sim.requests) == 3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "moa: interrupted"
    assert "Traceback" not in err
    assert moa("chat", "--list").out.splitlines()[1].split() == ["t", "1", "one"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_full_disk_costs_no_answer(moa: Moa, environment: dict[str, str]) -> None:
    """A turn that cannot be saved is answered all the same; the command says where it failed and ends with 2."""
    import resource

    arguments = ["chat", "--thread", "t", *models("offline:bm25", aggregator="offline:agreement")]
    moa(*arguments, stdin=b"What is a quorum?\n")
    full = subprocess.run(
        [*COMMAND, *arguments],
        input=f"What is a quorum? {'word ' * 40_000}\n",
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert full.returncode == 2
    assert full.stdout.strip()
    said = full.stderr.splitlines()[-1]
    assert said.startswith("moa: the last turn is not saved in ")
    assert "chats.sqlite" in said
    assert "Traceback" not in full.stderr
    assert "going on after 1 earlier turn\n" in moa(*arguments, stdin=b"/exit\n").err


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_ctrl_c_at_a_terminal_returns_to_the_prompt(provider: Simulator, moa: Moa, environment: dict[str, str]) -> None:
    """On a terminal Ctrl-C ends the answer and not the chat; at the prompt it ends the chat with 130."""
    python, *rest = COMMAND
    provider.models["first"] = Behaviour(hang=True)
    terminal = pexpect.spawn(
        python, [*rest, "chat", "--thread", "t", *models("openai:first")],
        env=environment | {"TERM": "xterm"}, dimensions=(24, 100), encoding="utf-8", timeout=60,
    )  # fmt: skip
    terminal.expect("> ")
    terminal.sendline("one")
    terminal.expect("1 answering")
    assert provider.wait_for(lambda sim: len(sim.requests) == 1)
    terminal.sendintr()
    terminal.expect("moa: interrupted")
    terminal.expect("> ")
    provider.models["first"] = Behaviour(reply="a proposal")
    terminal.sendline("two")
    terminal.expect("the merged answer")
    terminal.expect("1/1 proposals")
    terminal.expect("> ")
    terminal.sendintr()
    terminal.expect("moa: interrupted")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130
    assert moa("chat", "--list").out.splitlines()[1].split() == ["t", "1", "two"]
