"""How mixtures are served: data only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError

TOKEN_VARIABLE = "LANGGRAPH_MOA_SERVE_TOKEN"  # noqa: S105 - the name of a variable
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of one server. The limits hold for each of its processes.

    Raises:
        ConfigurationError: A value is out of its range, or other machines could ask without a token.
    """

    host: str = "127.0.0.1"
    """That it listens on. One that other machines reach needs a token."""
    token: str | None = field(default=None, repr=False)
    """That clients send as a bearer token; at least 16 characters."""
    largest_body: int = 10_000_000
    """Bytes of a request."""
    most_at_once: int = 128
    """Requests that are being answered."""
    most_waiting: int = 512
    """Requests that wait for their turn; the next one is turned away."""
    requests_per_minute: int | None = None
    """Of one address; `None`: as many as it likes."""
    patience: float = 30.0
    """Seconds that a client has to send a request, and to take each piece of an answer; a connection on which none
    comes is closed after at most twice as many."""
    pulse: float = 10.0
    """Seconds of silence after which a stream says that it lives."""
    page: bool = True
    """Whether there is a page at `/`."""
    runs: Path | None = None
    """Folder in which the page keeps its runs, for all processes; `None`: the last ones, in the memory of each."""

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("largest_body", "most_at_once"):
            checks.whole_number(f"Settings.{name}", getattr(self, name), low=1)
        checks.whole_number("Settings.most_waiting", self.most_waiting, low=0)
        if self.requests_per_minute is not None:
            checks.whole_number("Settings.requests_per_minute", self.requests_per_minute, low=1)
        for name in ("patience", "pulse"):
            checks.number(f"Settings.{name}", getattr(self, name), above=0)
        self._check_token()

    def _check_token(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise ConfigurationError(
                f"other machines can reach {self.host!r}, so clients must show a token: set {TOKEN_VARIABLE} to at "
                f"least {_SHORTEST_TOKEN} characters that nobody guesses, or listen on 127.0.0.1"
            )
        if self.token is not None and (len(self.token) < _SHORTEST_TOKEN or not self.token.isascii()):
            msg = f"the token must have at least {_SHORTEST_TOKEN} characters, all of them ASCII"
            raise ConfigurationError(f"{msg}; got {len(self.token)} characters")


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
