"""Claims about the processes in which tests run programs."""

from __future__ import annotations

import os
from pathlib import Path

from tests.children import Children

SHOW = """
import atexit, os, sys
atexit.register(print, "the end")
print(os.getpid(), os.getcwd(), sys.argv[1:], sorted(os.environ), "langgraph.graph" in sys.modules, __name__)
print("a word", file=sys.stderr)
{last}
"""


def test_each_program_is_a_process_of_its_own(children: Children, tmp_path: Path) -> None:
    """A program has its own process, folder, arguments and environment, ends as an interpreter does, and is told of."""
    script = tmp_path / "show.py"
    script.write_text(SHOW.format(last="sys.exit(3)"), encoding="utf-8")
    first, second = (children.run([script, "x"], folder=tmp_path, environment={"A": "b"}) for _ in range(2))
    assert (first.code, first.err, second.code) == (3, "a word\n", 3)
    pid, _, rest = first.out.partition(" ")
    assert pid not in {second.out.partition(" ")[0], str(os.getpid())}
    assert rest == f"{tmp_path} ['x'] ['A'] True __main__\nthe end\n"


def test_a_program_that_fails(children: Children, tmp_path: Path) -> None:
    """An exception is a traceback and the code 1, a warning is one where it is asked for, and a sleeper is killed."""
    script = tmp_path / "fail.py"
    script.write_text("import warnings, sys, time\nexec(sys.argv[1])", encoding="utf-8")
    failed = children.run([script, "1 / 0"])
    assert (failed.code, failed.err.splitlines()[-1]) == (1, "ZeroDivisionError: division by zero")
    assert children.run([script, "warnings.warn('x')"]).code == 0
    assert children.run([script, "warnings.warn('x')"], warnings="error").code == 1
    assert children.run([script, "time.sleep(60)"], seconds=0.2).code is None
    assert children.run(["this"]).out.startswith("The Zen of Python")
