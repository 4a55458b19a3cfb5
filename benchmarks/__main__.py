"""`python -m benchmarks`, which `make bench` runs: measures everything, and says where a target is missed."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import published, results_file
from benchmarks.bench import Bench, clean_environment, opened_bench
from benchmarks.cases import CASES
from benchmarks.machine import machine, versions
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.errors import cleaned
from benchmarks.reports import CaseReport
from benchmarks.results_file import Run
from benchmarks.table import section

_RESULTS = "latest.json"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks, print and write the tables; return 1 where a case fails, 0 where it misses."""
    options = options_of(arguments)
    if options.write_docs:
        return _write_docs(options.output / _RESULTS)
    chosen = [case for case in CASES if not options.only or _name(case) in options.only]
    if unknown := set(options.only) - {_name(case) for case in CASES}:
        print(f"--only {unknown.pop()} is no case; there are {', '.join(map(_name, CASES))}", file=sys.stderr)
        return 2
    environment = clean_environment()
    os.environ.clear()
    os.environ.update(environment)
    begin = time.monotonic()
    with opened_bench(quick=options.quick, with_peers=not options.without_peers) as bench:
        contenders = _contenders(bench)
        titles = {name: str(contender["title"]) for name, contender in contenders.items()}
        reports = [_measured(case, bench, titles) for case in chosen]
    run = Run(
        date=datetime.now(UTC).date().isoformat(),
        seconds=round(time.monotonic() - begin, 1),
        is_quick=options.quick,
        machine=machine(),
        versions=versions(),
        contenders=contenders,
        reports=reports,
    )
    results_file.write(run, options.output / _RESULTS)
    if not options.only:
        published.draw_into(options.output, run)
    print(run.markdown())
    return 1 if any(report.error for report in reports) else 0


def _write_docs(path: Path) -> int:
    try:
        published.publish(results_file.read(path))
    except (OSError, ValueError) as error:
        print(f"the docs were not written: {error}", file=sys.stderr)
        return 1
    return 0


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="CASE", help="Run this case; repeatable.")
    parser.add_argument("--quick", action="store_true", help="Show only that it works: the figures mean nothing.")
    parser.add_argument("--without-peers", action="store_true", help="Measure nothing that must be installed first.")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="Where the results go, or are.")
    parser.add_argument("--write-docs", action="store_true", help="Write the last run's figures into the docs.")
    options = parser.parse_args(arguments)
    is_whole = not (options.only or options.quick or options.without_peers)
    whole = results_file.LATEST.parent
    options.output = options.output or (whole if is_whole else whole / "partial")
    return options


def _name(case: Any) -> str:  # noqa: ANN401 - a function, of which mypy knows no module
    name: str = case.__module__
    return name.rpartition(".")[2]


def _measured(case: Any, bench: Bench, titles: dict[str, str]) -> CaseReport:  # noqa: ANN401
    """Run a case, and tell at once what came of it; one that fails loses nothing of the others."""
    begin = time.monotonic()
    try:
        report: CaseReport = case(bench)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other cases go on
        traceback.print_exc()
        told = cleaned(f"{type(error).__name__}: {error}")
        report = CaseReport(case=_name(case), title=_name(case), setting="", columns=[], rows=[], error=told)
    print(f"{section(report, titles)}\n({time.monotonic() - begin:.0f} s)\n", file=sys.stderr, flush=True)
    return report


def _contenders(bench: Bench) -> dict[str, dict[str, Any]]:
    """Return who is measured, and in which versions."""
    told: dict[str, dict[str, Any]] = {}
    for name, worker in bench.workers.items():
        told[name] = {"title": worker.introduction["name"], "versions": worker.introduction["versions"]}
    for name in (*bench.peers, *bench.broken):
        peer = PEERS[name]
        notes = "; ".join(note for note in (peer.shape_note, peer.install_note) if note)
        told[name] = {"versions": {}, **told.get(name, {}), "title": peer.title, "what": peer.what, "note": notes}
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
