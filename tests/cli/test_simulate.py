"""Claims about `moa simulate`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import COMMAND, Moa


@contextmanager
def simulating(environment: dict[str, str], *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; give its process and the URL that it printed."""
    process = subprocess.Popen(
        [*COMMAND, "simulate", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def ask(url: str, model: str) -> Any:
    """Return the response to a small request."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "q"}]}).encode()
    with urlopen(Request(f"{url}/chat/completions", data=body), timeout=30) as response:  # noqa: S310
        return json.load(response)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(environment: dict[str, str], number: signal.Signals) -> None:
    """The first line is the URL; a signal ends the process with code 0 and without a word."""
    with simulating(environment, "--reply", "Paris") as (process, url):
        assert url.endswith("/v1")
        assert ask(url, "any")["choices"][0]["message"]["content"] == "Paris"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


def test_behaviours_come_from_a_file_and_counts_are_told(environment: dict[str, str], tmp_path: Path) -> None:
    """A file gives each model its behaviour, options go over it, and another process may ask what was called."""
    path = tmp_path / "behaviours.toml"
    path.write_text('[default]\nreply = "a"\n[models.odd]\nreply = "b"\n[models.slow]\nhang = true')
    with simulating(environment, "--behaviour", str(path), "--fault", "wrong_model=1", "--seed", "3") as (_, url):
        answers = [ask(url, model) for model in ("any", "odd")]
        with urlopen(url.removesuffix("/v1") + "/simulator/requests", timeout=30) as response:  # noqa: S310
            counts = json.load(response)
    assert [answer["choices"][0]["message"]["content"] for answer in answers] == ["a", "b"]
    assert [answer["model"] for answer in answers] == ["any-substitute", "odd-substitute"]
    assert counts["requests"] == 2
    assert counts["models"]["odd"]["faults"] == {"wrong_model": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fault", "hiccup=0.1"), "must be one of 'rate_limit'"),
        (("--fault", "hang"), "--fault must be KIND=RATE, got 'hang'"),
        (("--fault", "hang=2"), "Behaviour.faults['hang'] must be a number"),
        (("--latency", "-1"), "Latency.median must be a number above 0"),
        (("--port", "70000"), "must be a whole number in 0..65535"),
        (("--behaviour", "nowhere.toml"), "cannot read nowhere.toml"),
    ],
)
def test_mistakes_are_one_line(moa: Moa, arguments: tuple[str, ...], said: str) -> None:
    """A wrong option or file ends with code 2 and one line that says what is allowed."""
    done = moa("simulate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert said in done.err


def test_a_mistake_in_a_file_names_the_file_and_the_model(moa: Moa, tmp_path: Path) -> None:
    """What a behaviour refuses is told with the file and the model that have it."""
    path = tmp_path / "behaviours.toml"
    path.write_text("[models.odd]\nlatency = -1")
    done = moa("simulate", "--behaviour", str(path))
    assert done.code == 2
    assert f"{path}: [models.'odd']: Latency.median must be a number above 0" in done.err


def test_a_port_that_is_taken_is_one_line(environment: dict[str, str], moa: Moa) -> None:
    """A port in use ends with code 1 and one line."""
    with simulating(environment) as (_, url):
        done = moa("simulate", "--port", url.removesuffix("/v1").rpartition(":")[2])
    assert (done.code, done.out) == (1, "")
    assert "in use" in done.err


def test_it_begins_without_a_framework(environment: dict[str, str]) -> None:
    """To serve, the command loads neither LangGraph nor LangChain nor a provider's client."""
    code = (
        "import sys, threading; from langgraph_moa import cli; from langgraph_moa.cli import simulate;"
        "threading.Event.wait = lambda *_: True; cli.run(['simulate']);"
        "print(*({name.partition('.')[0] for name in sys.modules}"
        " & {'langgraph', 'langchain_core', 'langchain', 'openai', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == [""]
