"""When a failed call is made again, and after how long. Pure, but for the time of day and a random number.

There is one retry layer: this one. The retries of a provider's own client are switched off where the client can be
told so (see `clients.without_retries`), and a model that goes on retrying by itself is never retried here.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from langchain_core.exceptions import ModelError

DEFAULT_RETRIES = 2
"""After a first call that failed, where neither the recipe nor the model says otherwise."""
FIRST_PAUSE = 0.5
"""Seconds before the first retry, where the provider names no time; twice as long before each further one."""
LONGEST_PAUSE = 8.0
_TRANSIENT_STATUS = {408, 409, 425, 429}
_REFUSED, _SERVER_ERROR = 400, 500
_SPENT = {"insufficient_quota", "billing_hard_limit_reached"}
"""Codes of a 429 that no waiting mends."""
_CONNECTION_FAILURES = {"APIConnectionError", "TransportError", "ClientConnectionError", "ClientPayloadError"}
"""Class names by which HTTP clients and provider SDKs call a connection that failed."""
_BROKEN_STREAM = "No generation chunks were returned"


def root_cause(error: BaseException) -> BaseException:
    """Return the one exception that a group holds, groups within it opened too; any other exception as it is."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def is_transient(error: BaseException) -> bool:
    """Say whether the same call may succeed a little later.

    True of HTTP 408, 409, 425, 429 and 5xx, of connections that fail or break, and of bodies that cannot be read.
    A 400, 401, 403, 404 or any other status, a spent quota, and whatever else goes wrong fail again. A group of one
    exception is what that exception is.
    """
    error = root_cause(error)
    status = _status(error)
    if status is not None:
        return (status in _TRANSIENT_STATUS or status >= _SERVER_ERROR) and getattr(error, "code", None) not in _SPENT
    if isinstance(error, ModelError):
        return error.is_retryable
    return (
        isinstance(error, ConnectionError | TimeoutError | json.JSONDecodeError)
        or any(kind.__name__ in _CONNECTION_FAILURES for kind in type(error).__mro__)
        or (isinstance(error, ValueError) and _BROKEN_STREAM in str(error))
    )


def retry_after(error: BaseException) -> float | None:
    """Return the seconds that the provider asks to wait, from `Retry-After` or `retry-after-ms`; `None`: not said."""
    given = getattr(getattr(root_cause(error), "response", None), "headers", None)
    if not isinstance(given, Mapping):
        return None
    headers = {str(name).lower(): value for name, value in given.items()}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return max(0.0, seconds / unit)
    return _until_date(headers.get("retry-after"))


def pause_before(retry: int, error: BaseException, jitter: random.Random) -> float:
    """Return the seconds to wait before a retry.

    Args:
        retry: Counted from 1.
        error: Of the call before. What its provider asks for is the least; a tenth of a second or less is added, so
            that calls refused together do not come back together.
        jitter: Source of the random part; seed it for the same pauses in every run.
    """
    asked = retry_after(error)
    if asked is not None:
        return asked + jitter.uniform(0.0, 0.1)
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (retry - 1)) * jitter.uniform(0.5, 1.0)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of a refusal, wherever its library keeps it; `None` where the provider has not refused."""
    response = getattr(error, "response", None)
    for holder in (error, response):
        for name in ("status_code", "status", "http_status"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and value >= _REFUSED:
                return value
    return None


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return None if number != number else number  # noqa: PLR0124 - NaN alone differs from itself


def _until_date(value: object) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(str(value)).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
