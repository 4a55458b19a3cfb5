"""Claims about the socket of a server."""

from __future__ import annotations

import errno
import select
import socket

import pytest

from langgraph_moa.serving.running import drop_stalled


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system cannot do it")
def test_stalled_connections_are_dropped() -> None:
    """The system ends a connection whose client takes nothing, with what was written to it unsent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        drop_stalled(listening, 0.3)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            accepted.settimeout(0.0)
            while select.select([], [accepted], [], 0)[1]:
                accepted.send(b"x" * 100_000)
            assert select.select([accepted], [], [], 30)[0]
            with pytest.raises(OSError, match="timed out") as dropped:
                accepted.recv(1)
    assert dropped.value.errno == errno.ETIMEDOUT


def test_any_number_of_seconds_is_taken() -> None:
    """Seconds that the system cannot count to become the most that it can."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        drop_stalled(listening, 1e12)
