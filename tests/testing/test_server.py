"""Claims about how the simulator begins and ends."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.testing.conftest import ask, call


def open_sockets() -> int:
    """Return how many sockets this process holds."""
    gc.collect()
    return sum(_is_socket(number) for number in range(1024))


def _is_socket(number: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


def test_nothing_is_left_after_the_end() -> None:
    """Threads, sockets and connections are gone when the simulator stops, also while requests hang."""
    threads, sockets = set(threading.enumerate()), open_sockets()
    for _ in range(5):
        with Simulator(Behaviour(hang=True)) as simulator:
            lines = [call(simulator, stream=bool(number % 2)) for number in range(6)]
            assert simulator.wait_for(lambda server: server.in_flight == 6)
        assert [line.read() for line in lines] == [b""] * 6
        for line in lines:
            line.socket.close()
    assert set(threading.enumerate()) <= threads
    assert open_sockets() <= sockets


def test_the_end_is_quick() -> None:
    """A simulator stops within a moment though connections are open and answers are being written."""
    with Simulator(Behaviour(reply="a " * 1000, tokens_per_second=5)) as simulator:
        line = call(simulator, stream=True)
        assert simulator.wait_for(lambda server: any(request.chunks for request in server.requests))
        began = time.monotonic()
    assert time.monotonic() - began < 2
    line.socket.close()
    assert simulator.requests[0].finished_at is not None
    assert not simulator.requests[0].disconnected


def test_it_may_start_again() -> None:
    """A simulator that has stopped starts again, and keeps what it recorded."""
    simulator = Simulator()
    for _ in range(2):
        with simulator:
            assert ask(simulator).status_code == 200
    assert len(simulator.requests) == 2
    simulator.stop()


def test_there_is_no_url_before_the_start() -> None:
    """The URL of a simulator that does not run is an error that says what to do."""
    with pytest.raises(RuntimeError, match="with"):
        _ = Simulator().url


def test_a_port_that_is_taken_is_told() -> None:
    """A port in use is an error of the caller's, and leaves nothing behind."""
    with Simulator() as simulator:
        port = urlsplit(simulator.url).port
        assert port is not None
        threads = set(threading.enumerate())
        with pytest.raises(OSError, match="in use"):
            Simulator(port=port).start()
        assert set(threading.enumerate()) <= threads


def has_ipv6_loopback() -> bool:
    """Say whether a server may listen on `::1`, which containers often do not have."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except (OSError, ValueError):
        return False
    return True


@pytest.mark.skipif(not has_ipv6_loopback(), reason="there is no IPv6 loopback")
def test_ipv6_is_served() -> None:
    """The URL of an IPv6 address has brackets, and works."""
    with Simulator(host="::1") as simulator:
        assert simulator.url.startswith("http://[::1]:")
        assert ask(simulator).status_code == 200


def test_it_says_nothing_and_touches_no_signal(caplog: pytest.LogCaptureFixture) -> None:
    """Serving, breaking connections off and stopping write no log record and install no signal handler."""
    caplog.set_level(logging.DEBUG, logger="uvicorn")
    caplog.set_level(logging.DEBUG, logger="asyncio")
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Simulator(Behaviour(faults={"disconnect": 1.0})) as simulator:
        for stream in (False, True):
            line = call(simulator, stream=stream)
            assert line.read()
            line.socket.close()
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    names = {record.name.partition(".")[0] for record in caplog.records}
    assert not names & {"uvicorn", "langgraph_moa"}


def test_importing_is_light(tmp_path: Path) -> None:
    """Neither the package nor a behaviour loads a server, a framework or pydantic."""
    code = (
        "import sys; from langgraph_moa.testing import Behaviour, Simulator; Behaviour(); Simulator();"
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'uvicorn', 'uvloop', 'httptools', 'langchain_core', 'langgraph', 'pydantic', 'openai'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
