"""The error tree: what callers may catch, what an error holds, and that it crosses processes."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest

from langgraph_moa.errors import (
    AggregatorError,
    BudgetError,
    ConfigurationError,
    MissingDependencyError,
    MissingKeyError,
    MoAError,
    QuorumError,
    StructuredOutputError,
)

ANSWERED: dict[str, Any] = {"proposer": "small", "status": "ok", "text": "Paris.", "error": None}
SLOW: dict[str, Any] = {
    "proposer": "large",
    "status": "timeout",
    "text": "",
    "error": {"kind": "Deadline", "message": "no answer in 3 s"},
}
SILENT: dict[str, Any] = {"proposer": "mute", "status": "empty", "text": "", "error": None}


@pytest.mark.parametrize(
    ("error", "also"),
    [
        pytest.param(ConfigurationError, ValueError, id="configuration"),
        pytest.param(MissingDependencyError, ImportError, id="dependency"),
        pytest.param(MissingKeyError, Exception, id="key"),
        pytest.param(BudgetError, Exception, id="budget"),
        pytest.param(QuorumError, Exception, id="quorum"),
        pytest.param(AggregatorError, Exception, id="aggregator"),
    ],
)
def test_tree(error: type[MoAError], also: type[Exception]) -> None:
    """Every error is a `MoAError`, and a built-in one where Python has a word for it."""
    assert issubclass(error, MoAError)
    assert issubclass(error, also)


@pytest.mark.parametrize("kind", [MoAError, ConfigurationError, MissingDependencyError, MissingKeyError])
def test_plain_errors_pickle(kind: type[MoAError]) -> None:
    """An error that is only a message comes back from another process as it was."""
    copy = pickle.loads(pickle.dumps(kind("set OPENAI_API_KEY")))  # noqa: S301 - our own bytes
    assert type(copy) is kind
    assert str(copy) == "set OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        pytest.param("max_cost", r"is \$2\.0000: \$1\.5000 were used, .* up to \$0\.7500\. .* max_tokens", id="cost"),
        pytest.param("max_tokens", r"max_tokens is 2 tokens: .* up to 1 tokens\. .* cheaper models", id="tokens"),
        pytest.param("max_seconds", r"is 2 s: 1\.5 s were used, .* Raise max_seconds\. Proposals", id="seconds"),
    ],
)
def test_budget_error_pickles(limit: str, words: str) -> None:
    """A budget error names its limit, what was used, what is needed and a way out, and crosses processes whole."""
    error = BudgetError(limit, 2.0, 1.5, 0.75, [ANSWERED])
    assert re.search(words, str(error))
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (copy.limit, copy.allowed, copy.spent, copy.needed) == (limit, 2.0, 1.5, 0.75)
    assert copy.proposals == [ANSWERED]
    assert str(copy) == str(error)


def test_quorum_error_pickles() -> None:
    """A quorum error keeps layer, quorum and every proposal across processes."""
    error = QuorumError(2, 3, [ANSWERED, SLOW, SILENT])
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is QuorumError
    assert (copy.layer, copy.quorum, copy.proposals) == (2, 3, [ANSWERED, SLOW, SILENT])
    assert str(copy) == str(error)


def test_aggregator_error_pickles() -> None:
    """An aggregator error keeps its cause, its kind and the finished proposals across processes."""
    error = AggregatorError("RateLimitError: slow down", [ANSWERED, SLOW], "RateLimitError")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is AggregatorError
    assert (copy.cause, copy.proposals, copy.kind) == (error.cause, [ANSWERED, SLOW], "RateLimitError")
    assert str(copy) == str(error)


def test_quorum_error_says_what_to_do() -> None:
    """A quorum error counts the answers, names each failed proposer with its reason, and says what to do."""
    message = str(QuorumError(1, 2, [ANSWERED, SLOW, SILENT]))
    assert "layer 1: 1 of 3 proposers gave a usable answer, 2 needed" in message
    assert "large: timeout, no answer in 3 s; mute: empty" in message
    assert "small" not in message
    assert "Lower Layer.quorum" in message


def test_aggregator_error_says_what_is_kept() -> None:
    """An aggregator error counts the usable proposals that are kept and says what to do."""
    message = str(AggregatorError("aggregator (openai:gpt-4o): timeout", [ANSWERED, SLOW]))
    assert "aggregator (openai:gpt-4o): timeout" in message
    assert "Usable proposals kept in .proposals: 1." in message
    assert "fallbacks" in message


def test_errors_show_no_answers() -> None:
    """The text of a proposal stands in `.proposals` alone, never in the message."""
    assert "Paris" not in str(QuorumError(1, 2, [ANSWERED, SLOW]))
    assert "Paris" not in str(AggregatorError("timeout", [ANSWERED, SLOW]))


def test_held_proposals_are_a_list_of_their_own() -> None:
    """Changing the list that was given does not change what the error holds."""
    proposals = [ANSWERED, SLOW]
    error = QuorumError(1, 2, proposals)
    proposals.clear()
    assert error.proposals == [ANSWERED, SLOW]


def test_a_structured_output_error_pickles() -> None:
    """It names the schema and the reason, and keeps the raw text and the proposals across processes."""
    error = StructuredOutputError("City", "name: missing", "Paris.", [ANSWERED])
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (copy.schema, copy.why, copy.raw, copy.proposals) == ("City", "name: missing", "Paris.", [ANSWERED])
    assert "'City'" in str(copy)
    assert "name: missing" in str(copy)
    assert "Paris." not in str(copy)
