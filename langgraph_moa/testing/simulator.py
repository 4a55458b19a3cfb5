"""An OpenAI-compatible chat server on 127.0.0.1, on a port that the kernel chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.testing.behaviour import Behaviour
from langgraph_moa.testing.models import RunningModel
from langgraph_moa.testing.record import Record, RecordedRequest

if TYPE_CHECKING:
    from langgraph_moa.testing.server import Server


class Simulator:
    """A provider that runs in a thread of this process.

    ```python
    with Simulator(Behaviour(reply="Paris")) as simulator:
        model = ChatOpenAI(base_url=simulator.url, api_key="any", model="any")
    ```

    Args:
        behaviour: Of every model that `models` does not name.
        models: Behaviours by model name; `/v1/models` lists them.
        keep: Recorded requests to keep, the last ones; the counts go on. `None` keeps all.
        host: Address to listen on.
        port: 0 lets the kernel choose.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        models: Mapping[str, Behaviour] | None = None,
        keep: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if keep is not None:
            checks.whole_number("Simulator.keep", keep, low=0)
        checks.whole_number("Simulator.port", port, low=0, high=65535)
        self.behaviour = Behaviour() if behaviour is None else _checked("Simulator.behaviour", behaviour)
        """May be replaced while the simulator runs; the schedule and the allowance then begin anew."""
        named = checks.known_keys("Simulator.models", {} if models is None else models)
        self.models = {name: _checked(f"Simulator.models[{name!r}]", given) for name, given in named.items()}
        """May be changed while the simulator runs, as `behaviour`."""
        self.record = Record(keep)
        self._host = host
        self._port = port
        self._running: dict[str, RunningModel] = {}
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Base URL, ending in `/v1`.

        Raises:
            RuntimeError: The simulator does not run.
        """
        if self._server is None:
            msg = "the simulator does not run: use it in a `with` statement, or call start()"
            raise RuntimeError(msg)
        return f"{self._server.url}/v1"

    @property
    def requests(self) -> list[RecordedRequest]:
        """Chat requests, in the order of their arrival; the list may be cleared, and `reset` begins a new one."""
        return self.record.requests

    @property
    def counts(self) -> dict[str, Counter[str]]:
        """For each model, the number of `requests` and of every fault that was played; a copy."""
        return self.record.counts

    @property
    def in_flight(self) -> int:
        """Requests that are being answered now."""
        return self.record.open

    @property
    def peak_in_flight(self) -> int:
        """The most requests that were ever being answered at the same time."""
        return self.record.peak

    @property
    def in_flight_of(self) -> Counter[str]:
        """The same as `in_flight` for each model."""
        return self.record.in_flight

    @property
    def peak_in_flight_of(self) -> Counter[str]:
        """The same as `peak_in_flight` for each model."""
        return self.record.peaks

    def start(self) -> Self:
        """Begin to serve; return when requests are accepted.

        Raises:
            OSError: The address or the port cannot be used.
        """
        from langgraph_moa.testing.application import Application
        from langgraph_moa.testing.server import Server

        if self._server is None:
            application = Application(self.model, lambda: self.models, self.record)
            self._server = Server(application, self._host, self._port)
        return self

    def stop(self) -> None:
        """End every response and close every connection; return when nothing is left."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def reset(self) -> None:
        """Forget what was recorded and counted; schedules, generators and allowances begin anew."""
        self._running = {}
        self.record.reset()

    def wait_for(self, condition: Callable[[Self], bool], *, seconds: float = 10.0) -> bool:
        """Wait until something is true of this server, such as the number of requests; say whether it came true."""
        return self.record.wait_for(lambda: condition(self), seconds)

    def model(self, name: str) -> RunningModel:
        """Return the model of that name as it now runs.

        Raises:
            ConfigurationError: What was put in its place later is not a `Behaviour`.
        """
        behaviour = self.models.get(name, self.behaviour)
        _checked(f"the behaviour of {name!r}", behaviour)
        running = self._running.get(name)
        if running is None or running.behaviour is not behaviour:
            running = self._running[name] = RunningModel(name, behaviour)
        return running


def _checked(what: str, given: object) -> Behaviour:
    if not isinstance(given, Behaviour):
        raise ConfigurationError(f"{what} must be a Behaviour, got {checks.shown(given)}. Write Behaviour(reply=...)")
    return given
