"""Extra arguments for a model's constructor, with the secrets among them kept out of sight."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from langgraph_moa.redaction import MASK, is_secret_name, redact

_USER_INFO = re.compile(r"(?<=://)[^\s/@]+@")


class Parameters(Mapping[str, Any]):
    """A mapping that cannot be changed and whose `repr` shows no secret, also none within a nested table.

    A string under a secret's name, such as `api_key`, is held as `SecretStr`. A pickle holds it in clear.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {
            name: SecretStr(value) if is_secret_name(name) and isinstance(value, str) else value
            for name, value in values.items()
        }

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - whatever a model's constructor takes
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(_public(self._values, masked=True))

    def __hash__(self) -> int:
        return hash(frozenset(self._values))

    def without_secrets(self) -> dict[str, Any]:
        """Return what may be written to a file."""
        written: dict[str, Any] = _public(self._values, masked=False)
        return written


def _public(value: object, *, masked: bool) -> Any:  # noqa: ANN401 - of the shape of the value
    """Return a value with every secret in it masked, or left out."""
    if isinstance(value, Mapping):
        secret = {name for name, item in value.items() if is_secret_name(str(name)) or isinstance(item, SecretStr)}
        return {
            name: MASK if name in secret else _public(item, masked=masked)
            for name, item in value.items()
            if masked or name not in secret
        }
    if isinstance(value, list | tuple):
        return [_public(item, masked=masked) for item in value]
    if isinstance(value, str):
        return redact(value) if masked else _USER_INFO.sub("", value)
    return value
