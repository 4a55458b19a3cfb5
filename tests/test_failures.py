"""Claims about exceptions as data."""

from __future__ import annotations

from langgraph_moa.failures import failure_of


def test_an_error_is_one_line() -> None:
    """An error is told in one line of visible characters, without keys, and by its class where it says nothing."""
    said = "first\r\nsecond\x00 \x1b[31m\u202e \ud83d sk-0123456789abcdef other-key"
    told = failure_of(RuntimeError(said), ["other-key"])
    assert told == {"kind": "RuntimeError", "message": "first second [31m \ufffd ********** **********"}
    assert failure_of(KeyError()) == {"kind": "KeyError", "message": "KeyError"}


def test_a_group_of_one_is_what_it_holds() -> None:
    """The one exception of a group is told, and one that cannot be shown is told by its class."""

    class Unshowable(Exception):  # noqa: N818 - a name that says it
        def __str__(self) -> str:
            raise RuntimeError

    group = ExceptionGroup("all", [ExceptionGroup("one", [ValueError("no")])])
    assert failure_of(group) == {"kind": "ValueError", "message": "no"}
    assert failure_of(Unshowable()) == {"kind": "Unshowable", "message": "Unshowable"}


def test_a_long_error_is_cut_behind_its_keys() -> None:
    """What is kept of a long message ends after so many characters, and no part of a key is left at its end."""
    told = failure_of(RuntimeError("x" * 497 + " sk-0123456789abcdef"))
    assert told["message"] == "x" * 497 + " **"
