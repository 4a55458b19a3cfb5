"""Claims about the tests' own surroundings."""

from __future__ import annotations

import os
import socket

import pytest
from pytest_socket import SocketConnectBlockedError


def test_no_test_reaches_beyond_loopback() -> None:
    """A connection to any other address is refused before it is made."""
    with pytest.raises((SocketConnectBlockedError, UserWarning)):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_no_key_is_left_in_the_environment() -> None:
    """Keys and endpoints of whoever runs the tests are gone."""
    assert [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL"))] == []
