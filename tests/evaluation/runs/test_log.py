"""The log of a run, as JSON lines and as a database."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langgraph_moa import ConfigurationError
from langgraph_moa.evaluation.runs import Identity, RunLog

IDENTITY = Identity("answers", "mine", "0123456789abcdef")
ENDINGS = pytest.mark.parametrize("ending", ["jsonl", "sqlite"])
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RESULTS = st.dictionaries(
    st.text(st.characters(), min_size=1), st.dictionaries(st.text(), PLAIN, max_size=3), max_size=6
)
ANY_FOLDER = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WRITER = """
import sys
from langgraph_moa.evaluation.runs import Identity, RunLog
logs = [RunLog.open(path, Identity("answers", "mine", "0123456789abcdef")) for path in sys.argv[1:]]
for log in logs:
    log.append("first", {"answer": "kept"})
print("ready", flush=True)
sys.stdin.read()
"""


@ENDINGS
def test_results_outlive_the_log_that_they_were_appended_to(tmp_path: Path, ending: str) -> None:
    """Opened again, a log holds every result under its key, in the order in which they were appended."""
    path = tmp_path / f"run.{ending}"
    with RunLog.open(path, IDENTITY) as log:
        log.append("b", {"answer": "two\nlines \u2028 é"})
        log.append("a", {"answer": None})
    with RunLog.open(path, IDENTITY) as log:
        log.append("c", {})
        assert (len(log), "a" in log, "z" in log, "" in log) == (3, True, False, False)
        assert list(log.results()) == [("b", {"answer": "two\nlines \u2028 é"}), ("a", {"answer": None}), ("c", {})]
        assert (log.get("a"), log.get("z"), log.get("")) == ({"answer": None}, None, None)


@ENDINGS
def test_another_run_is_refused_with_both_fingerprints(tmp_path: Path, ending: str) -> None:
    """A log of another mixture is not continued; the error shows names and fingerprints of both."""
    path = tmp_path / f"run.{ending}"
    RunLog.open(path, IDENTITY).close()
    with pytest.raises(ConfigurationError) as raised:
        RunLog.open(path, Identity("answers", "yours", "fedcba9876543210"))
    assert all(part in str(raised.value) for part in ("mine", "0123456789abcdef", "yours", "fedcba9876543210"))
    RunLog.open(path, IDENTITY).close()


def test_another_kind_of_result_is_refused(tmp_path: Path) -> None:
    """Judgments do not go on in a log of answers, also where all else is equal."""
    path = tmp_path / "run.jsonl"
    RunLog.open(path, IDENTITY).close()
    with pytest.raises(ConfigurationError, match="judgments of 'mine'"):
        RunLog.open(path, Identity("judgments", "mine", IDENTITY.fingerprint))


def test_another_format_is_refused(tmp_path: Path) -> None:
    """A log that a later version has written is not continued, and both versions and fingerprints are told."""
    path = tmp_path / "run.jsonl"
    path.write_text(json.dumps({"key": "", "result": {"format": 9, "fingerprint": "f9"}}) + "\n")
    with pytest.raises(ConfigurationError, match=r"format 9, this program writes 1.*f9.*0123456789abcdef"):
        RunLog.open(path, IDENTITY)


@pytest.mark.parametrize(
    "content",
    ["hello\n", "hello", '{"key": "a", "result": {}}\n', '{"id": "a"}\n', "[]\n", '{"other": 1, "torn'],
)
def test_a_file_that_is_no_log_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    """What was not written by a run is refused, and not a byte of it is changed."""
    path = tmp_path / "notes.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"notes\.jsonl"):
        RunLog.open(path, IDENTITY)
    assert path.read_text() == content


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """A file that SQLite cannot read is named."""
    path = tmp_path / "notes.db"
    path.write_text("hello" * 500)
    with pytest.raises(ConfigurationError, match=r"notes\.db"):
        RunLog.open(path, IDENTITY)


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    """The ending says how the log is kept; another one is refused with those that there are."""
    with pytest.raises(ConfigurationError, match=r"\.jsonl, \.sqlite, \.db"):
        RunLog.open(tmp_path / "run.txt", IDENTITY)


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    """A line that somebody has damaged is told with file and line."""
    path = tmp_path / "run.jsonl"
    with RunLog.open(path, IDENTITY) as log:
        log.append("a", {})
    path.write_text(f"{path.read_text()}oops\n")
    with pytest.raises(ConfigurationError, match=r"run\.jsonl:3"):
        RunLog.open(path, IDENTITY)


@ENDINGS
@pytest.mark.parametrize("result", [{"a": object()}, {"a": float("nan")}, {"a": {1, 2}}])
def test_what_is_no_plain_data_is_refused(tmp_path: Path, ending: str, result: dict[str, Any]) -> None:
    """A result that JSON does not know is refused, and the log goes on."""
    with RunLog.open(tmp_path / f"run.{ending}", IDENTITY) as log:
        with pytest.raises(ConfigurationError, match="plain JSON data"):
            log.append("a", result)
        log.append("a", {})
        assert list(log.results()) == [("a", {})]


@ENDINGS
def test_a_second_result_of_a_job_is_refused(tmp_path: Path, ending: str) -> None:
    """A key is given once; the first result stays."""
    with RunLog.open(tmp_path / f"run.{ending}", IDENTITY) as log:
        log.append("a", {"n": 1})
        with pytest.raises(ConfigurationError, match="'a' already"):
            log.append("a", {"n": 2})
        assert list(log.results()) == [("a", {"n": 1})]


def test_a_killed_writer_leaves_its_results_and_no_lock(tmp_path: Path) -> None:
    """While another process writes a log it is refused; after `kill -9` it opens with what was appended: both kinds."""
    paths = [tmp_path / "run.jsonl", tmp_path / "run.sqlite"]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        for path in paths:
            with pytest.raises(ConfigurationError, match="in use by another run"):
                RunLog.open(path, IDENTITY)
        writer.send_signal(signal.SIGKILL)
    for path in paths:
        with RunLog.open(path, IDENTITY) as log:
            assert list(log.results()) == [("first", {"answer": "kept"})]


def test_a_log_that_is_open_here_is_refused(tmp_path: Path) -> None:
    """The same process cannot open a log twice either."""
    with RunLog.open(tmp_path / "run.jsonl", IDENTITY), pytest.raises(ConfigurationError, match="in use"):
        RunLog.open(tmp_path / "run.jsonl", IDENTITY)


@ENDINGS
@given(results=RESULTS)
@ANY_FOLDER
def test_any_plain_data_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, ending: str, results: dict[str, dict[str, Any]]
) -> None:
    """Whatever JSON can say under whatever key is read back as it was written, lone surrogates included."""
    path = tmp_path_factory.mktemp("log") / f"run.{ending}"
    with RunLog.open(path, IDENTITY) as log:
        for key, result in results.items():
            log.append(key, result)
    with RunLog.open(path, IDENTITY) as log:
        assert dict(log.results()) == results
        assert all(log.get(key) == result for key, result in results.items())


@given(results=RESULTS, data=st.data())
@ANY_FOLDER
def test_a_torn_tail_costs_at_most_the_last_result(
    tmp_path_factory: pytest.TempPathFactory, results: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    """Cut off at any byte, a log opens with a prefix of what was appended, and takes the rest a second time."""
    path = tmp_path_factory.mktemp("log") / "run.jsonl"
    items = list(results.items())
    ends = []
    with RunLog.open(path, IDENTITY) as log:
        ends.append(path.stat().st_size)
        for key, result in items:
            log.append(key, result)
            ends.append(path.stat().st_size)
    size = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:size])
    with RunLog.open(path, IDENTITY) as log:
        kept = list(log.results())
        assert kept == items[: len(kept)]
        assert len(kept) == max(0, sum(end - 1 <= size for end in ends) - 1)
        for key, result in items[len(kept) :]:
            log.append(key, result)
        assert list(log.results()) == items
    with RunLog.open(path, IDENTITY) as log:
        assert list(log.results()) == items


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that cannot be written leaves no half line behind: the next one goes where it would have stood."""
    path = tmp_path / "run.jsonl"
    with RunLog.open(path, IDENTITY) as log:
        log.append("a", {})
        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", _full)
            with pytest.raises(OSError, match="no space"):
                log.append("b", {})
        assert "b" not in log
        log.append("c", {})
    with RunLog.open(path, IDENTITY) as log:
        assert [key for key, _ in log.results()] == ["a", "c"]


def _full(descriptor: int) -> None:
    raise OSError(28, "no space")
