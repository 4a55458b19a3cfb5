"""Failures as OpenAI's clients know them: a status, and an object with a message, a type and a code."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from langgraph_moa.errors import (
    AggregatorError,
    BudgetError,
    ConfigurationError,
    ContextWindowError,
    MissingDependencyError,
    MissingKeyError,
    MoAError,
    QuorumError,
    StructuredOutputError,
)
from langgraph_moa.redaction import redact
from langgraph_moa.serving.catalogue import UnknownModelError, UnreadableMixtureError
from langgraph_moa.surrogates import well_formed

_INVALID, _SERVER = "invalid_request_error", "server_error"


@dataclass
class RequestFailure(Exception):  # noqa: N818 - it is an answer to a client, also of what is no fault of the server
    """What a client is told in place of an answer."""

    status: int
    message: str
    code: str
    kind: str = _INVALID
    param: str | None = None
    """The field of the request that is wrong."""
    headers: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it in OpenAI's form."""
        about = {"message": well_formed(self.message), "type": self.kind, "param": self.param, "code": self.code}
        return {"error": about}


def invalid(message: str, param: str | None = None) -> RequestFailure:
    """Return the failure of a request that is wrong."""
    return RequestFailure(400, message, "invalid_request", param=param)


_RETRIED = "x-should-retry"
"""OpenAI's clients heed it; else they would have a whole mixture run again, whose calls were retried already."""
_RUN = (QuorumError, AggregatorError, StructuredOutputError)
_FOLDERS = re.compile(r"(?<![\w/.~])~?/(?!/)(?:[^\s'\"/]+/)+")
"""Of the server's files, whose names are enough for a client."""
_KNOWN: tuple[tuple[type[Exception], int, str, str], ...] = (
    (UnknownModelError, 404, "model_not_found", _INVALID),
    (UnreadableMixtureError, 500, "mixture_unreadable", _SERVER),
    (MissingKeyError, 500, "missing_key", _SERVER),
    (MissingDependencyError, 500, "missing_dependency", _SERVER),
    (ContextWindowError, 400, "context_length_exceeded", _INVALID),
    (BudgetError, 400, "budget_exceeded", _INVALID),
    (QuorumError, 502, "quorum_missed", _SERVER),
    (AggregatorError, 502, "aggregator_failed", _SERVER),
    (StructuredOutputError, 502, "schema_missed", _SERVER),
    (ConfigurationError, 400, "invalid_request", _INVALID),
    (MoAError, 500, "mixture_failed", _SERVER),
)
"""The first that fits says what a client is told."""


def failure_of(error: BaseException) -> RequestFailure:
    """Return what a client is told of an exception. What is not an error of this package is named by its class."""
    if isinstance(error, RequestFailure):
        return error
    if isinstance(error, AggregatorError) and error.kind == ConfigurationError.__name__:
        return invalid(_shown(f"the mixture cannot do what is asked: {error.cause}"))  # such as to call tools
    for kind, status, code, group in _KNOWN:
        if isinstance(error, kind):
            headers = {_RETRIED: "false"} if isinstance(error, _RUN) else {}
            return RequestFailure(status, _shown(str(error)), code, group, headers=headers)
    message = f"the server failed to answer ({type(error).__name__}); its log says more"
    return RequestFailure(500, message, "internal_error", _SERVER)


def _shown(message: str) -> str:
    return _FOLDERS.sub("", redact(message))
