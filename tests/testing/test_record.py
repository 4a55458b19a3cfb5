"""Claims about what is recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.testing import Behaviour, Simulator
from langgraph_moa.testing.record import Record, RecordedRequest
from tests.testing.conftest import ask, call


def test_a_request_is_recorded_from_its_arrival_to_its_end(simulator: Simulator) -> None:
    """Path, body, header names, times, status and number of chunks are kept, and the key is not shown."""
    ask(simulator, stream=True)
    assert simulator.wait_for(lambda server: server.in_flight == 0)
    [request] = simulator.requests
    assert (request.path, request.model, request.status, request.fault) == ("/v1/chat/completions", "m", 200, None)
    assert "content-type" in request.headers
    assert request.chunks == 3
    assert request.finished_at is not None
    assert request.finished_at >= request.arrived_at
    secret = RecordedRequest("/", {}, frozenset(), "Bearer zZ9canary0")
    assert "canary" not in repr(secret)


def test_requests_in_flight_are_counted() -> None:
    """The requests that are being answered are counted, all together and for each model, and so is their peak."""
    with Simulator(Behaviour(hang=True)) as simulator:
        lines = [call(simulator, model=model) for model in ("a", "a", "b")]
        assert simulator.wait_for(lambda server: server.in_flight == 3)
        assert (simulator.in_flight_of["a"], simulator.in_flight_of["b"]) == (2, 1)
        for line in lines:
            line.socket.close()
        assert simulator.wait_for(lambda server: server.in_flight == 0)
        assert (simulator.peak_in_flight, simulator.peak_in_flight_of["a"]) == (3, 2)
        assert simulator.in_flight_of["a"] == 0
        assert all(request.disconnected and request.finished_at for request in simulator.requests)


def test_counts_are_kept_for_each_model() -> None:
    """Requests and faults are counted for each model."""
    with Simulator(models={"a": Behaviour(schedule=["rate_limit", None, "empty"])}) as simulator:
        for model in ("a", "a", "a", "b"):
            ask(simulator, model=model)
        assert simulator.counts == {"a": {"requests": 3, "rate_limit": 1, "empty": 1}, "b": {"requests": 1}}


@pytest.mark.parametrize("keep", [0, 2])
def test_only_the_last_requests_are_kept(keep: int) -> None:
    """With `keep`, old requests are dropped and the counts go on."""
    with Simulator(keep=keep) as simulator:
        for number in range(5):
            ask(simulator, number=number)
        assert [request.body["number"] for request in simulator.requests] == [3, 4][:keep]
        assert simulator.counts["m"]["requests"] == 5
    with pytest.raises(ConfigurationError, match=r"Simulator\.keep"):
        Simulator(keep=-1)


def test_reset_begins_anew() -> None:
    """After a reset nothing is recorded, and schedules and generators are where they began."""
    with Simulator(Behaviour(schedule=["server_error"])) as simulator:
        statuses = [ask(simulator).status_code for _ in range(2)]
        simulator.reset()
        assert (simulator.requests, simulator.counts, simulator.peak_in_flight) == ([], {}, 0)
        assert [ask(simulator).status_code for _ in range(2)] == statuses == [500, 200]


def test_what_is_in_flight_survives_a_reset() -> None:
    """A request that is being answered during a reset still counts, and ends well."""
    record = Record()
    request = RecordedRequest("/", {"model": "m"}, frozenset(), None)
    record.begin(request)
    record.reset()
    assert (record.open, record.peak, record.in_flight["m"], record.requests) == (1, 1, 1, [])
    record.end(request)
    record.end(request)
    assert (record.open, record.in_flight["m"]) == (0, 0)


def test_waiting_ends_in_time(simulator: Simulator) -> None:
    """Waiting for what does not happen ends after the time given, and says so."""
    assert not simulator.wait_for(lambda server: len(server.requests) == 1, seconds=0.01)


def test_what_is_counted_is_read_as_a_copy(simulator: Simulator) -> None:
    """Who changes the counts that were read changes nothing; the list of requests may be cleared, and stays as read."""
    ask(simulator, model="m")
    simulator.counts.clear()
    assert simulator.counts["m"]["requests"] == 1
    before = simulator.requests
    simulator.reset()
    assert (len(before), simulator.requests) == (1, [])
    ask(simulator, model="m")
    simulator.requests.clear()
    assert simulator.requests == []


def test_many_threads_may_ask_at_once(simulator: Simulator) -> None:
    """No request is lost or counted twice when many threads ask."""
    with ThreadPoolExecutor(8) as pool:
        assert {response.status_code for response in pool.map(lambda _: ask(simulator), range(200))} == {200}
    assert simulator.counts["m"]["requests"] == len(simulator.requests) == 200
    assert simulator.wait_for(lambda server: server.in_flight == 0)
    assert 1 <= simulator.peak_in_flight <= 8
