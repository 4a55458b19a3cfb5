"""How a simulated model answers, as data."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.testing.faults import FAULTS, Fault
from langgraph_moa.testing.frozen import FrozenTable
from langgraph_moa.testing.strictness import PROVIDERS, Provider

_ROUNDING = 1e-9
_OK = 200


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds until a provider begins, distributed as in life: most requests near the median, some far above it.

    The logarithm is normally distributed. With the default `sigma`, one request in 100 takes over six medians.
    """

    median: float
    """Seconds, above 0."""
    sigma: float = 0.8
    """Width of the tail; 0 makes every request take the median."""
    maximum: float | None = None
    """Seconds that no request passes."""

    def __post_init__(self) -> None:
        checks.number("Latency.median", _given("Latency.median", self.median), above=0)
        checks.number("Latency.sigma", _given("Latency.sigma", self.sigma), low=0, high=10)
        checks.number("Latency.maximum", self.maximum, above=0)

    def draw(self, generator: random.Random) -> float:
        """Return seconds for one request."""
        seconds = generator.lognormvariate(math.log(self.median), self.sigma)
        return seconds if self.maximum is None else min(seconds, self.maximum)


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call that a simulated model makes of one of the request's tools."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    """A table, or JSON as text; the text need not be valid."""

    def __post_init__(self) -> None:
        checks.text("ToolCall.name", _given("ToolCall.name", self.name))
        if isinstance(self.arguments, str):
            return
        if not isinstance(self.arguments, Mapping):
            msg = f"ToolCall.arguments must be a table, or JSON as text; got {checks.shown(self.arguments)}"
            raise ConfigurationError(msg)
        object.__setattr__(self, "arguments", FrozenTable(self.arguments))
        try:
            _ = self.json
        except (TypeError, ValueError) as error:
            msg = f"ToolCall.arguments of {self.name!r} must be values that JSON knows: {error}. Or give JSON as text"
            raise ConfigurationError(msg) from error

    @property
    def json(self) -> str:
        """The arguments as they are sent."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(dict(self.arguments))


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a simulated model answers. Without any field it says "ok" at once.

    Lists and tables are copied when it is made, and cannot be changed afterwards.
    """

    reply: str | Callable[[dict[str, Any]], str] = "ok"
    """The answer, or a function of the request's body, called in a thread of its own after the delay."""
    reasoning: str | None = None
    """Sent as `reasoning_content`, before the answer."""
    tool_calls: Sequence[ToolCall] = ()
    """Made in place of the reply, when the request offers tools and does not end with a tool's result."""
    first_token: Mapping[str, float] | Callable[[dict[str, Any]], Mapping[str, float]] | None = None
    """Probabilities of the tokens that the answer might begin with, or a quick function of the request's body that
    gives them; sent as `top_logprobs` to a request that asks for them, as far as it asks, but not in a stream."""
    usage: bool = True
    """Whether tokens are reported: one for each word, and more for words of over 16 characters."""

    delay: float = 0.0
    """Seconds before the answer begins."""
    latency: Latency | float | None = None
    """Drawn for each request and added to `delay`; a number is the median, in seconds."""
    time_to_first_token: float = 0.0
    """Seconds that are added to both before an answer, not before an error."""
    prompt_tokens_per_second: float | None = None
    """Pace at which the prompt is read before an answer begins, but for what is cached of it; `None`: at once."""
    prompt_cache: bool = False
    """Whether a prompt is cached as far as it begins like an earlier one of the same model; reported as
    `cached_tokens`, where tokens are reported."""
    tokens_per_second: float | None = None
    """Pace of the answer, which takes as long whether it is streamed or not; `None`: all at once."""

    status: int = 200
    """HTTP status, 200 or 400..599; from 400 on, every request fails in OpenAI's shape with `reply` as its message."""
    hang: bool = False
    """Never answers; the request is over when the client closes the connection."""
    faults: Mapping[Fault, float] = field(default_factory=dict)
    """Probability of each fault, from 0 to 1, together at most 1."""
    schedule: Sequence[Fault | None] = ()
    """Faults of a model's first requests, `None` for one that goes well. Then `faults` decides."""
    seed: int = 0
    """Of the faults and latencies. Each model has generators of its own, so equal seeds give it equal ones."""
    retry_after: float | None = None
    """Seconds that the faults `rate_limit` and `unavailable`, and a `status` of 429 or 503, ask the client to wait."""
    ping_interval: float = 0.1
    """Seconds between pings."""

    requests_per_minute: float | None = None
    """Allowance of a token bucket that begins full; a request beyond it gets 429 and the true `Retry-After`."""
    tokens_per_minute: float | None = None
    """The same for tokens: those of the prompt and of a fixed reply, or `max_tokens` where `reply` is a function."""
    burst: float = 60.0
    """Seconds' worth of these allowances that may be used at once."""
    context_window: int | None = None
    """Tokens; a longer prompt gets 400 with the code `context_length_exceeded`."""
    strict: Provider | Sequence[Provider] | None = None
    """Providers by whose rules a request is judged; one that breaks them gets 400 in the provider's shape at once."""

    def __post_init__(self) -> None:
        if not isinstance(self.reply, str) and not callable(self.reply):
            msg = f"Behaviour.reply must be text or a function of the request's body, got {checks.shown(self.reply)}"
            raise ConfigurationError(msg)
        for name, value in (
            ("latency", _latency(self.latency)),
            ("tool_calls", _tool_calls(self.tool_calls)),
            ("faults", FrozenTable(checks.known_keys("Behaviour.faults", self.faults))),
            ("schedule", checks.listed("Behaviour.schedule", self.schedule)),
            ("strict", _providers(self.strict)),
            ("first_token", _first_token(self.first_token)),
        ):
            object.__setattr__(self, name, value)
        for name in ("delay", "time_to_first_token"):
            checks.number(f"Behaviour.{name}", _given(f"Behaviour.{name}", getattr(self, name)), low=0)
        for name in ("ping_interval", "burst"):
            checks.number(f"Behaviour.{name}", _given(f"Behaviour.{name}", getattr(self, name)), above=0)
        for name in ("prompt_tokens_per_second", "tokens_per_second", "requests_per_minute", "tokens_per_minute"):
            checks.number(f"Behaviour.{name}", getattr(self, name), above=0)
        checks.number("Behaviour.retry_after", self.retry_after, low=0)
        if self.status != _OK or isinstance(self.status, bool):
            checks.whole_number("Behaviour.status, unless it is 200,", self.status, low=400, high=599)
        if self.context_window is not None:
            checks.whole_number("Behaviour.context_window", self.context_window, low=1)
        for name in ("usage", "hang", "prompt_cache"):
            checks.flag(f"Behaviour.{name}", getattr(self, name))
        checks.text("Behaviour.reasoning", self.reasoning)
        _check_faults(self)


def _given(what: str, value: object) -> object:
    """Refuse `None` where a value is needed."""
    if value is None:
        raise ConfigurationError(f"{what} must have a value, got None. Leave it out for the default")
    return value


def _latency(given: object) -> Latency | None:
    """Return a latency, of which a number is the median."""
    if given is None or isinstance(given, Latency):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float):
        msg = f"Behaviour.latency must be a Latency, the median in seconds, or None; got {checks.shown(given)}"
        raise ConfigurationError(f"{msg}. Write Latency(median=0.5)")
    return Latency(median=given)


def _first_token(given: object) -> object:
    """Return a function as it is, and a copy of a table whose probabilities are above 0 and at most 1."""
    if given is None or callable(given):
        return given
    probabilities: dict[str, float] = checks.known_keys("Behaviour.first_token", given)
    for token, probability in probabilities.items():
        what = f"Behaviour.first_token[{token!r}]"
        checks.number(what, _given(what, probability), above=0, high=1)
    return FrozenTable(probabilities)


def _providers(given: object) -> tuple[Provider, ...]:
    if given is None:
        return ()
    providers = checks.listed("Behaviour.strict", [given] if isinstance(given, str) else given)
    for provider in providers:
        checks.choice("Behaviour.strict", provider, PROVIDERS)
    return providers


def _tool_calls(given: object) -> tuple[ToolCall, ...]:
    calls = checks.listed("Behaviour.tool_calls", given)
    for call in calls:
        if not isinstance(call, ToolCall):
            msg = f"an item of Behaviour.tool_calls must be a ToolCall, got {checks.shown(call)}"
            raise ConfigurationError(f'{msg}. Write ToolCall(name="...", arguments={{...}})')
    return calls


def _check_faults(behaviour: Behaviour) -> None:
    for fault, rate in behaviour.faults.items():
        checks.choice("a key of Behaviour.faults", fault, FAULTS)
        what = f"Behaviour.faults[{fault!r}]"
        checks.number(what, _given(what, rate), low=0, high=1)
    total = math.fsum(behaviour.faults.values())
    if total > 1 + _ROUNDING:
        msg = f"Behaviour.faults must add up to 1 or less, got {total:g}. Lower the probabilities"
        raise ConfigurationError(msg)
    for planned in behaviour.schedule:
        if planned is not None:
            checks.choice("an item of Behaviour.schedule", planned, FAULTS)
