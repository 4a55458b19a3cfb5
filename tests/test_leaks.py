"""Claims about what many runs leave behind: no closed loop is met, and no task, thread or socket stays."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from langgraph_moa import Aggregator, Layer, Mixture, Proposer, QuorumError, background, create_moa
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.testing import Behaviour, Simulator
from tests.ways import FIRST, Way, ask, every_way, open_sockets, tasks_besides_this, use_simulator, warm_up

RUNS = 50
QUICK = ("one", "two", "three")
LASTING = ("langgraph-moa-0", "langgraph-moa-1", "langgraph-moa-2", "langgraph-moa-sync", "moa-simulator")
"""How the names of threads begin that may stay for the next run."""


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Import what a first call imports."""
    warm_up()


@pytest.fixture
def sockets_before() -> int:
    """Count the sockets that are open without a provider, those to providers of other tests dropped."""
    with Simulator() as ended:
        gone = gone_model(ended.url)
    drop_dead_connections(gone)
    gc.collect()
    return open_sockets()


@pytest.fixture
def provider(sockets_before: int, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Let all models answer at once but one, which never does."""
    use_simulator(simulator, monkeypatch)
    simulator.models = {"never": Behaviour(hang=True), "final": Behaviour(reply="the answer")}
    return simulator


def mixture(*names: str, grace: float | None = None) -> MoAGraph:
    """Return the graph of a mixture of these models, which needs the three quick ones."""
    proposers = [Proposer(f"openai:{name}", name=name) for name in names]
    layer = Layer(proposers, quorum=min(len(QUICK), len(names)), grace=grace, deadline=60)
    return create_moa(Mixture([layer], "openai:final", on_partial="allow"))


def with_straggler() -> MoAGraph:
    """Return a mixture in each run of which a call is cancelled."""
    return mixture(*QUICK, "never", grace=0.0)


def check(output: dict[str, Any]) -> None:
    """Check that a run went as it should: no proposer failed but for the straggler."""
    assert output["messages"][-1].content == "the answer"
    ended = {proposal["proposer"]: (proposal["status"], proposal["error"]) for proposal in output["proposals"]}
    assert [ended[name] for name in QUICK if name in ended] == [("ok", None)] * len(ended.keys() & QUICK)
    assert all(ended[name][0] == "cancelled" for name in ended.keys() - QUICK)


def passing_threads() -> set[threading.Thread]:
    """Return the threads that are not there to stay."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith(LASTING)}


def loop_threads() -> int:
    """Return the number of background loops."""
    return sum(thread.name.startswith(LASTING[:3]) for thread in threading.enumerate())


def drop_dead_connections(graph: MoAGraph) -> None:
    """Make the pool of connections let go of those whose server has ended: any call does, also one that is refused."""
    with suppress(QuorumError):
        graph.invoke(ask("gone?"))


def gone_model(url: str) -> MoAGraph:
    """Return a mixture of a server that has ended."""
    reach = {"base_url": url, "api_key": "not-a-key", "max_retries": 0}
    layer = Layer([Proposer("openai:gone", model_kwargs=reach)])
    return create_moa(Mixture([layer], Aggregator("openai:gone", model_kwargs=reach)))


class Leftovers:
    """What the runs have left; `check` ends the provider and says that nothing of it is there any more.

    Args:
        provider: That is asked.
        sockets: Those that were open before the provider began.
    """

    def __init__(self, provider: Simulator, sockets: int) -> None:
        self._provider = provider
        self._sockets = sockets
        self._threads = passing_threads()

    def check(self) -> None:
        """Look for threads, tasks and sockets."""
        more = passing_threads() - self._threads
        for thread in more:
            thread.join(timeout=5)
        assert [thread for thread in more if thread.is_alive()] == []
        assert loop_threads() <= len(LASTING[:3])
        assert background.run(tasks_besides_this()) == set()
        gone = gone_model(self._provider.url)
        self._provider.stop()
        drop_dead_connections(gone)
        gc.collect()
        assert open_sockets() <= self._sockets


@every_way
def test_no_way_of_calling_leaves_anything(way: Way, provider: Simulator, sockets_before: int) -> None:
    """Three runs with a cancelled call each leave no thread, no task and no socket."""
    graph = with_straggler()
    before = Leftovers(provider, sockets_before)
    for _ in range(3):
        for output in way(graph).values():
            check(output)
    before.check()


def test_fifty_runs_in_a_row(provider: Simulator, sockets_before: int) -> None:
    """Fifty synchronous runs leave nothing."""
    graph = with_straggler()
    before = Leftovers(provider, sockets_before)
    for _ in range(RUNS):
        check(graph.invoke(ask(FIRST)))
    before.check()


def test_fifty_runs_from_eight_threads(provider: Simulator, sockets_before: int) -> None:
    """Fifty runs from eight threads at once all answer and leave nothing."""
    graph = with_straggler()
    before = Leftovers(provider, sockets_before)
    with ThreadPoolExecutor(8) as executor:
        for run in [executor.submit(graph.invoke, ask(FIRST)) for _ in range(RUNS)]:
            check(run.result())
    before.check()


def test_asyncio_run_again_and_again(provider: Simulator, sockets_before: int) -> None:
    """Every event loop has connections of its own, which are closed with it."""
    graph = with_straggler()

    async def one() -> None:
        check(await graph.ainvoke(ask(FIRST)))
        assert await tasks_besides_this() == set()

    asyncio.run(one())
    before = Leftovers(provider, sockets_before)
    for _ in range(5):
        asyncio.run(one())
    before.check()


async def test_under_pytest_asyncio(sockets_before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one running loop, synchronous and asynchronous runs in turn answer and leave no task and no socket."""
    graph = mixture(*QUICK)
    sockets, threads = open_sockets(), passing_threads()
    assert sockets >= sockets_before, "the running loop has sockets of its own"
    with Simulator(models={"final": Behaviour(reply="the answer")}) as simulator:
        use_simulator(simulator, monkeypatch)
        for _ in range(10):
            check(graph.invoke(ask(FIRST)))
            check(await graph.ainvoke(ask(FIRST)))
        assert await tasks_besides_this() == set()
        gone = gone_model(simulator.url)
    drop_dead_connections(gone)
    with suppress(QuorumError):
        await gone.ainvoke(ask("gone?"))
    gc.collect()
    assert open_sockets() <= sockets
    assert [thread for thread in passing_threads() - threads if not thread.name.startswith("asyncio_")] == []


def test_synchronous_calls_within_coroutines(provider: Simulator, sockets_before: int) -> None:
    """A coroutine that blocks on `invoke` gets its answer, in a new loop each time and beside another that does."""
    graph = with_straggler()

    async def blocking() -> None:
        check(graph.invoke(ask(FIRST)))

    async def both() -> None:
        await asyncio.gather(asyncio.to_thread(graph.invoke, ask(FIRST)), blocking(), blocking())

    asyncio.run(both())
    before = Leftovers(provider, sockets_before)
    for _ in range(3):
        asyncio.run(both())
    before.check()


CELLS = (
    """
import asyncio, threading
from langgraph_moa import create_moa, Mixture
graph = create_moa(Mixture.of(["openai:one", "openai:two", "openai:three"], "openai:final"))
question = {"messages": [("user", "why?")]}
asyncio.get_running_loop()
graph.invoke(question), await graph.ainvoke(question)
tasks, threads = set(asyncio.all_tasks()), set(threading.enumerate())
""",
    "outputs = [graph.invoke(question) for _ in range(5)]",
    "outputs += [await graph.ainvoke(question) for _ in range(5)]",
    "outputs += await asyncio.gather(*[graph.ainvoke(question) for _ in range(5)])",
    "for step in graph.stream(question, stream_mode='custom'):\n    break",
    "async for step in graph.astream(question, stream_mode='custom'):\n    break",
    "outputs.append(graph.invoke(question))",
    """
errors = [proposal["error"] for output in outputs for proposal in output["proposals"] if proposal["error"]]
ours = [task for task in set(asyncio.all_tasks()) - tasks if "langgraph" in repr(task) or "openai" in repr(task)]
passing = [thread.name for thread in set(threading.enumerate()) - threads if thread.name.startswith("langgraph-moa-c")]
print(len(outputs), errors, ours, passing)
""",
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_in_a_notebook(provider: Simulator) -> None:
    """In the cells of a notebook, synchronous and asynchronous runs and streams left early work in any order."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])  # type: ignore[no-untyped-call]
    done = NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    printed = [output for cell in done.cells for output in cell.outputs if output.output_type == "stream"]
    assert "".join(output.text for output in printed if output.name == "stdout") == "16 [] [] []\n"
    assert "".join(output.text for output in printed if output.name == "stderr") == ""


async def test_two_hundred_mixtures_at_once(provider: Simulator) -> None:
    """Two hundred runs in one loop have their calls under way at the same time: none waits for a connection."""
    everyone = threading.Barrier(200)

    def reply(_: object) -> str:
        everyone.wait(60)
        return "ok"

    provider.models["one"] = Behaviour(reply=reply)
    graph = mixture("one")
    outputs = await asyncio.gather(*[graph.ainvoke(ask(FIRST)) for _ in range(200)])
    for output in outputs:
        check(output)
    assert await tasks_besides_this() == set()


OBJECTS = """
import asyncio, sys, warnings
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether
from langgraph_moa import Mixture, Proposer, create_moa
url, count = sys.argv[1], int(sys.argv[2])
kinds = {"one": ChatOpenAI, "two": ChatTogether}
models = {name: kind(model=name, base_url=url, api_key="simulated") for name, kind in kinds.items()}
proposers = [Proposer(model, name=name) for name, model in models.items()]
graph = create_moa(Mixture.of(proposers, ChatOpenAI(model="final", base_url=url, api_key="simulated")))
question = {"messages": [("user", "why?")]}
for _ in range(count):
    output = asyncio.run(graph.ainvoke(question))
    print(*[proposal["error"] for proposal in output["proposals"]])
print(*[proposal["error"] for proposal in graph.invoke(question)["proposals"]])
"""


def test_clients_of_the_user_in_many_loops(provider: Simulator) -> None:
    """A `ChatOpenAI` or `ChatTogether` that the user made works in every `asyncio.run` and then synchronously."""
    command = [sys.executable, "-c", OBJECTS, provider.url, "4"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ})
    assert run.stdout.splitlines() == ["None None"] * 5, run.stdout + run.stderr
