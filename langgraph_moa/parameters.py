"""Extra arguments for a model's constructor, with the secrets among them kept out of sight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from langgraph_moa.redaction import MASK, is_secret_name


class Parameters(Mapping[str, Any]):
    """A mapping that cannot be changed and whose `repr` shows no secret.

    A string under a secret's name, such as `api_key`, is held as `SecretStr`.
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
        shown = {name: MASK if _is_secret(name, value) else value for name, value in self._values.items()}
        return repr(shown)

    def without_secrets(self) -> dict[str, Any]:
        """Return what may be written to a file."""
        return {name: value for name, value in self._values.items() if not _is_secret(name, value)}


def _is_secret(name: str, value: object) -> bool:
    return is_secret_name(name) or isinstance(value, SecretStr)
