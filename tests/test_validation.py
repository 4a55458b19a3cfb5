"""What pydantic refuses, in the words of this package."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from langgraph_moa import ConfigurationError
from langgraph_moa.validation import configuration_error

OWN = ConfigurationError("number must be even, got 3. Add one")


class Sample(BaseModel):
    """Some fields."""

    model_config = ConfigDict(extra="forbid")

    number: int = 0
    table: dict[str, int] = {}

    @field_validator("number")
    @classmethod
    def even(cls, number: int) -> int:
        """Refuse odd numbers, with an error of this package."""
        if number % 2:
            raise OWN
        return number


def told(**fields: Any) -> ConfigurationError:
    """Return what is wrong with some fields."""
    with pytest.raises(ValidationError) as caught:
        Sample(**fields)
    return configuration_error(Sample, caught.value)


def test_own_errors_come_back() -> None:
    """An error of this package comes out as it went in."""
    assert told(number=3) is OWN


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"number": "many"}, "Sample.number: Input should be a valid integer.*; got 'many'. Change it"),
        ({"numbr": 2}, "Sample.numbr is no parameter. Parameters: number, table"),
        ({"table": {"key": "secret"}}, "Sample.table.key: .*integer"),
        ({"table": [{"key": "secret"}]}, "Sample.table: .*dictionary; got .a table with the keys key"),
    ],
    ids=["type", "name", "within", "keys-only"],
)
def test_foreign_errors(fields: dict[str, Any], message: str) -> None:
    """Any other error names the field, what is allowed and the value, of a table its keys alone."""
    with pytest.raises(ConfigurationError, match=message):
        raise told(**fields)
