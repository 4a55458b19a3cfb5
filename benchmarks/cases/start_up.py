"""What is loaded and compiled before the first call, and whether anybody streams to nobody."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from benchmarks.bench import Bench, clean_environment
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import AGGREGATOR, SIX, ratio, value
from langgraph_moa import Aggregator, Mixture, create_moa, list_presets, load_preset
from langgraph_moa.compiled import MoAGraph

_PROGRAMS = {
    "import langgraph.graph": "import langgraph.graph",
    "import langgraph_moa": "import langgraph_moa",
    "from langgraph_moa import create_moa, Mixture, ...": (
        "from langgraph_moa import Aggregator, Layer, Mixture, Proposer, create_moa"
    ),
    "moa --help": "import sys; sys.argv = ['moa', '--help']; from langgraph_moa.cli import main; main()",
}
_FRAMEWORKS = ("langgraph", "langchain_core")
_TIMES, _COMPILED = 7, 15
_SECONDS, _LOADED, _MILLISECONDS = "seconds", "frameworks loaded", "compile"


def run(bench: Bench) -> CaseReport:
    """Measure imports in fresh interpreters, and every preset."""
    rows = [*_imports(bench.repeat(_TIMES)), *_presets(bench.repeat(_COMPILED)), *_streams(bench)]
    compiled = [taken for row in rows if (taken := row.values.get(_MILLISECONDS)) is not None]
    floor = value(rows, "import langgraph.graph", _SECONDS)
    return CaseReport(
        case="start_up",
        title="Before the first call",
        setting=(
            f"Imports in new interpreters with byte code in place, medians of {_TIMES} turns, the interpreter's own "
            f"start included. Frameworks loaded: how many of {' and '.join(_FRAMEWORKS)}. Compiling: `create_moa`, the "
            f"median of {_COMPILED}. Streams: requests of proposers that asked for one, over invoke, ainvoke and "
            "astream with values, updates and messages."
        ),
        columns=[
            Column(name=_SECONDS, unit="s"),
            Column(name=_LOADED, digits=0),
            Column(name=_MILLISECONDS, unit="ms", digits=1),
            Column(name="worst", unit="ms", digits=1),
            Column(name="streams", digits=0),
        ],
        rows=rows,
        targets=[
            Target(
                what="import langgraph_moa / import langgraph.graph",
                measured=ratio(value(rows, "import langgraph_moa", _SECONDS), floor),
                bound=1.1,
                sense="at most",
            ),
            Target(
                what="import of the names of a recipe / import langgraph.graph",
                measured=ratio(value(rows, list(_PROGRAMS)[2], _SECONDS), floor),
                bound=1.1,
                sense="at most",
            ),
            Target(
                what="frameworks that moa --help loads",
                measured=value(rows, "moa --help", _LOADED),
                bound=0.0,
                sense="at most",
            ),
            Target(what="the slowest preset to compile, in ms", measured=max(compiled), bound=30.0, sense="at most"),
            Target(
                what="proposers that stream although nobody listens",
                measured=rows[-1].values["streams"],
                bound=0.0,
                sense="at most",
            ),
        ],
    )


def _imports(times: int) -> list[Row]:
    """Start an interpreter for each program in turn, once before the measurement so that byte code is in place."""
    taken: dict[str, list[float]] = {name: [] for name in _PROGRAMS}
    with tempfile.TemporaryDirectory(prefix="bytecode-") as folder:
        environment = {**clean_environment(), "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(times + 1):
            for name, program in _PROGRAMS.items():
                begin = time.perf_counter()
                _python(program, environment)
                taken[name].append(time.perf_counter() - begin)
        loaded = {name: _loaded(program, environment) for name, program in _PROGRAMS.items()}
    return [
        Row(contender=name, values={_SECONDS: statistics.median(seconds[1:]), _LOADED: loaded[name]})
        for name, seconds in taken.items()
    ]


def _loaded(program: str, environment: Mapping[str, str]) -> float:
    """Return how many of the frameworks a program has loaded when it ends."""
    told = (
        f"import atexit, sys; atexit.register(lambda: print(*[n in sys.modules for n in {_FRAMEWORKS!r}]))\n{program}"
    )
    return float(_python(told, environment).split()[-2:].count("True"))


def _python(program: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=os.sep, capture_output=True, text=True, check=True
    )
    return done.stdout


def _presets(times: int) -> list[Row]:
    return [Row(contender=f"preset {name}", values=_compiled(name, times)) for name in list_presets()]


def _compiled(name: str, times: int) -> Mapping[str, float | None]:
    mixture = load_preset(name)
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        create_moa(mixture)
        taken.append(1000 * (time.perf_counter() - begin))
    return {_MILLISECONDS: statistics.median(taken), "worst": max(taken)}


def _streams(bench: Bench) -> list[Row]:
    with bench.provider.serving() as url:
        key = SecretStr("benchmark")
        models = [ChatOpenAI(model=name, base_url=url, api_key=key) for name in SIX]
        last = ChatOpenAI(model=AGGREGATOR, base_url=url, api_key=key)
        asyncio.run(_in_every_way(create_moa(Mixture.of(models, Aggregator(last)))))
        asked = [request for request in bench.provider.requests() if request.model != AGGREGATOR]
    streams = sum(bool(request.body.get("stream")) for request in asked)
    told = f"streams of proposers, of {len(asked)} requests"
    return [Row(contender=told, values={"streams": float(streams) if asked else None})]


async def _in_every_way(graph: MoAGraph) -> None:
    question: Any = {"messages": [("user", "Why?")]}
    await asyncio.to_thread(graph.invoke, question)
    await graph.ainvoke(question)
    modes: Any = ("values", "updates", "messages")
    for mode in modes:
        async for _ in graph.astream(question, stream_mode=mode):
            pass
