"""Claims about the measurement of the simulator's throughput."""

from __future__ import annotations

import pytest

from langgraph_moa.testing.throughput import main, measure, response_end


@pytest.mark.parametrize(
    ("received", "ends"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", True),
    ],
)
def test_the_end_of_a_response_is_seen(received: bytes, ends: bool) -> None:  # noqa: FBT001
    """A response ends with its length or with its last chunk."""
    assert response_end(received) is ends


def test_the_simulator_is_no_bottleneck() -> None:
    """Even on a busy machine it serves many more requests than a client library can make."""
    assert measure(streams=True, seconds=0.5, connections=16, tokens=16).rate > 300


def test_a_line_is_printed_for_each_form(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the figures for JSON and for streams."""
    main(["--seconds", "0.1", "--connections", "2", "--tokens", "2"])
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["JSON", "SSE"]
