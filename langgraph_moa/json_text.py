"""JSON in one written form, and the JSON objects that stand in a text. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from langgraph_moa.surrogates import well_formed

DEEPEST = 100
"""Levels of lists and objects within one another that an answer may have."""
_MOST_TRIED = 100
"""Places in a text at which an object may begin that are tried."""
_MOST_READ_TWICE = 8
"""Lengths of a text that are read again behind broken objects, so that the time grows with the length alone."""
_BEGINNING = re.compile(r"\{\s*+[\"}]")


def write_json(value: Any) -> str:  # noqa: ANN401 - plain data
    """Write plain data so that equal data gives equal text: keys sorted, every script as it is, in one line.

    Raises:
        ValueError: A number is not finite, or the data holds itself.
        TypeError: Something in it is no plain data.
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)


def read_json(text: str) -> Any:  # noqa: ANN401 - plain data
    """Read what `write_json` has written, or any other JSON; U+FFFD stands for each lone surrogate.

    Raises:
        ValueError: It is no JSON, has a number that is not finite, or is more than `DEEPEST` levels deep.
    """
    try:
        return _mended(_DECODER.decode(text))
    except RecursionError:
        raise _TOO_DEEP from None


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in a text, one behind the other, whatever stands around them.

    What lies within an object that is whole is not looked for again; of one that is broken, the inner ones are. The
    first hundred places at which an object may begin are tried.
    """
    position, in_vain = 0, 0
    for _ in range(_MOST_TRIED):
        begin = _BEGINNING.search(text, position)
        if begin is None or in_vain > _MOST_READ_TWICE * len(text):
            return
        position = begin.start() + 1
        try:
            value, position = _DECODER.raw_decode(text, begin.start())
            value = _mended(value)
        except (ValueError, RecursionError) as error:
            in_vain += getattr(error, "pos", len(text)) - begin.start()
        else:
            yield value


def why_no_object(text: str) -> str:
    """Say in a line why a text holds no JSON object."""
    begin = _BEGINNING.search(text)
    if begin is None:
        return "it holds no JSON object"
    try:
        _mended(_DECODER.raw_decode(text, begin.start())[0])
    except (ValueError, RecursionError) as error:
        return f"its JSON object is broken: {error or type(error).__name__}"
    return "it holds no JSON object that fits"


def _mended(value: Any) -> Any:  # noqa: ANN401 - plain data
    """Return data that UTF-8 can write; refuse what is too deep for those who read it next."""
    if _is_too_deep(value):
        raise _TOO_DEEP
    text = json.dumps(value, ensure_ascii=False)
    mended = well_formed(text)
    return value if mended is text else _DECODER.decode(mended)


def _is_too_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _held(outer)]
        if not level:
            return False
    return True


def _held(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        _refuse(written[:20])
    return number


def _refuse(written: str) -> NoReturn:
    msg = f"{written} is no number that JSON can hold"
    raise ValueError(msg)


_TOO_DEEP = ValueError(f"it is more than {DEEPEST} levels deep")
_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse)
