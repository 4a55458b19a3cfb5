"""Takes secrets out of text before it is kept or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "**********"
_SHORTEST_SECRET = 6

_SECRET_NAME = re.compile(
    r"(?i)((api|access|secret|private)[-_]?key([-_]?id)?|token|secret|password|passwd|authorization|credentials?|headers?)$"
)
_PATTERNS = (
    re.compile(r"(?i)(?<=bearer )[^\s'\",;]+"),
    re.compile(r"(?i)(?<=basic )(?=[A-Za-z+/]*[0-9=])[A-Za-z0-9+/=]{8,}"),
    re.compile(r"\b(?:sk|gsk|tgp|xai|lsv2|ghp|glpat)[-_][A-Za-z0-9_\-]{8,}"),
    re.compile(r"\b(?:pk|rk|hf|key)[-_](?=[A-Za-z_\-]*[0-9])[A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?i)(?<=api key provided: )[^\s'\",;]+"),
    re.compile(r"(?i)(?<=[?&]key=)[^\s&'\",;]+"),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
)
_ASSIGNED = re.compile(
    r"(?i)((?:api[-_]?key['\"]?\s?[=:]|(?:token|secret|password)(?:=|['\"]\s?:))\s?['\"]?)[^\s&'\",;*]+"
)


def is_secret_name(name: str) -> bool:
    """Say whether a parameter of this name holds a secret, as `api_key` or `default_headers` do."""
    return _SECRET_NAME.search(name) is not None


def redact(text: str, known: Iterable[str] = ()) -> str:
    """Replace secrets in a text by asterisks.

    Args:
        text: Such as a provider's error message.
        known: Secrets that may stand in it. What looks like a key, a bearer token or a password in a URL is replaced
            besides.
    """
    for secret in known:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return _ASSIGNED.sub(rf"\g<1>{MASK}", text)
