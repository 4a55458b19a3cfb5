"""`moa simulate`: a provider without models, for tests of whatever calls one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langgraph_moa.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from langgraph_moa.testing import Behaviour


def command(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 lets the system choose.")] = 0,
    behaviour: Annotated[
        str | None,
        typer.Option("--behaviour", metavar="FILE", help='A .toml file with [default] and [models."name"] tables.'),
    ] = None,
    reply: Annotated[str | None, typer.Option("--reply", metavar="TEXT", help="What every model says.")] = None,
    latency: Annotated[
        float | None,
        typer.Option("--latency", metavar="SECONDS", help="Median until an answer begins; some take longer."),
    ] = None,
    tokens_per_second: Annotated[
        float | None, typer.Option("--tokens-per-second", metavar="RATE", help="Pace of the answers.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="KIND=RATE", help="How often a fault happens, from 0 to 1. Repeatable."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Equal seeds give equal faults and latencies.")] = None,
    keep: Annotated[int, typer.Option("--keep", metavar="N", help="Requests to keep; the counts go on.")] = 10_000,
) -> None:
    """Serve simulated models over OpenAI's protocol until Ctrl-C.

    The first line on stdout is the base URL. /simulator/requests on the same port tells what was asked so far.
    """
    from langgraph_moa.testing import Simulator
    from langgraph_moa.testing.reading import behaviour_from, read_behaviours

    options = {
        "reply": reply,
        "latency": latency,
        "tokens_per_second": tokens_per_second,
        "faults": rates(fault) if fault else None,
        "seed": seed,
    }
    given = {name: value for name, value in options.items() if value is not None}
    default, models = read_behaviours(behaviour) if behaviour is not None else (behaviour_from("the options", {}), {})
    with (
        _until_signal() as stopped,
        Simulator(
            _changed(default, given),
            models={name: _changed(model, given) for name, model in models.items()},
            keep=keep,
            host=host,
            port=port,
        ) as simulator,
    ):
        print(simulator.url, flush=True)
        stopped.wait()


def rates(faults: list[str]) -> dict[str, float]:
    """Read KIND=RATE.

    Raises:
        ConfigurationError: One has another form.
    """
    found: dict[str, float] = {}
    for given in faults:
        kind, _, rate = given.partition("=")
        try:
            found[kind] = float(rate)
        except ValueError as error:
            msg = f"--fault must be KIND=RATE, got {given!r}: write for example --fault rate_limit=0.1"
            raise ConfigurationError(msg) from error
    return found


def _changed(behaviour: Behaviour, given: dict[str, Any]) -> Behaviour:
    """Return a behaviour with the options put over it."""
    from dataclasses import replace

    return replace(behaviour, **given)


@contextmanager
def _until_signal() -> Iterator[Event]:
    """Give an event that Ctrl-C and SIGTERM set."""
    import signal
    import threading

    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
