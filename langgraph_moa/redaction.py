"""Takes secrets out of text before it is kept or shown."""

from __future__ import annotations

import re

MASK = "**********"

_SECRET_NAME = re.compile(r"(?i)(api[-_]?key|token|secret|password|passwd|authorization|credential|headers)$")
_PATTERNS = (
    re.compile(r"(?i)(?<=bearer )[^\s'\",;]+"),
    re.compile(r"(?i)(?<=basic )[A-Za-z0-9+/=]{8,}"),
    re.compile(r"\b(?:sk|pk|rk|gsk|tgp|hf|xai|key|lsv2|ghp|glpat)[-_][A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?i)(?<=api key provided: )[^\s'\",;]+"),
    re.compile(r"(?i)(?:(?<=api_key=)|(?<=api-key=)|(?<=apikey=)|(?<=token=)|(?<=x-api-key: ))[^\s&'\",;]+"),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
)


def is_secret_name(name: str) -> bool:
    """Say whether a parameter of this name holds a secret, as `api_key` or `default_headers` do."""
    return _SECRET_NAME.search(name) is not None and name != "max_tokens"


def redact(text: str) -> str:
    """Replace what looks like a key, a bearer token or a password in a URL by asterisks."""
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return text
