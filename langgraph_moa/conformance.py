"""Whether plain data fits a JSON schema, as far as answers need it. Pure.

Known: `type`, `enum`, `const`, `required`, `properties`, `additionalProperties`, `items`, `prefixItems`, `allOf`,
`anyOf`, `oneOf`, bounds of numbers, lengths and sizes, and `$ref` within the schema. Other keywords, `pattern` and
`format` among them, are not checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
_LONGEST_SHOWN = 100


class _Spot(NamedTuple):
    """A value, where it stands, and the whole schema that `$ref` points into."""

    value: Any
    path: str
    root: Schema

    def at(self, step: str, value: object) -> _Spot:
        return _Spot(value, f"{self.path}{step}", self.root)

    def says(self, problem: str) -> str:
        return f"{self.path.lstrip('.')[:_LONGEST_SHOWN] or 'the answer'}: {problem}"


def misfit(value: object, schema: Schema) -> str | None:
    """Say where plain data first departs from a JSON schema; `None` when it fits.

    Raises:
        RecursionError: The schema refers to itself without end.
    """
    return next(_problems(_Spot(value, "", schema), schema), None)


def _problems(spot: _Spot, schema: object) -> Iterator[str]:
    if schema is False:
        yield spot.says("nothing is allowed here")
    if isinstance(schema, Mapping):
        for keyword, rule in _RULES.items():
            if keyword in schema:
                yield from rule(spot, schema, schema[keyword])


def _type(spot: _Spot, _: Schema, wanted: Any) -> Iterator[str]:  # noqa: ANN401 - of a schema
    names = wanted if isinstance(wanted, list) else [wanted]
    if not any(_is_of(spot.value, name) for name in names):
        yield spot.says(f"must be {' or '.join(map(str, names))}, got {_kind(spot.value)}")


def _is_of(value: object, name: object) -> bool:
    if name == "integer":
        return _is_number(value) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    return name == _kind(value) or name not in _KINDS


def _enum(spot: _Spot, _: Schema, allowed: Any) -> Iterator[str]:  # noqa: ANN401
    if not any(_same(spot.value, one) for one in allowed):
        yield spot.says(f"must be one of {_shown(allowed)}")


def _const(spot: _Spot, _: Schema, wanted: object) -> Iterator[str]:
    if not _same(spot.value, wanted):
        yield spot.says(f"must be {_shown(wanted)}")


def _required(spot: _Spot, _: Schema, names: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(spot.value, dict):
        missing = [name for name in names if name not in spot.value]
        if missing:
            yield spot.says(f"{_shown(missing)} is missing")


def _properties(spot: _Spot, _: Schema, properties: Schema) -> Iterator[str]:
    if isinstance(spot.value, dict):
        for name, schema in properties.items():
            if name in spot.value:
                yield from _problems(spot.at(f".{name}", spot.value[name]), schema)


def _additional(spot: _Spot, schema: Schema, additional: object) -> Iterator[str]:
    if isinstance(spot.value, dict) and "patternProperties" not in schema:
        known = schema.get("properties", {})
        for name in spot.value:
            if name not in known:
                yield from _problems(spot.at(f".{name}", spot.value[name]), additional)


def _items(spot: _Spot, schema: Schema, items: object) -> Iterator[str]:
    if isinstance(spot.value, list):
        first = len(schema.get("prefixItems", ()))
        for index, item in enumerate(spot.value[first:], start=first):
            yield from _problems(spot.at(f"[{index}]", item), items)


def _prefix_items(spot: _Spot, _: Schema, schemas: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(spot.value, list):
        for index, (item, schema) in enumerate(zip(spot.value, schemas, strict=False)):
            yield from _problems(spot.at(f"[{index}]", item), schema)


def _all_of(spot: _Spot, _: Schema, schemas: Any) -> Iterator[str]:  # noqa: ANN401
    for schema in schemas:
        yield from _problems(spot, schema)


def _any_of(spot: _Spot, _: Schema, schemas: Any) -> Iterator[str]:  # noqa: ANN401
    found = [next(_problems(spot, schema), None) for schema in schemas]
    if None not in found:
        yield spot.says(f"fits none of the {len(found)} forms that are allowed; the first: {found[0] if found else ''}")


def _one_of(spot: _Spot, _: Schema, schemas: Any) -> Iterator[str]:  # noqa: ANN401
    fitting = sum(next(_problems(spot, schema), None) is None for schema in schemas)
    if fitting != 1:
        yield spot.says(f"must fit exactly one of {len(schemas)} forms, fits {fitting}")


def _reference(spot: _Spot, _: Schema, pointer: object) -> Iterator[str]:
    if isinstance(pointer, str) and pointer.startswith("#"):
        yield from _problems(spot, _pointed_at(spot.root, pointer[1:]))


def _pointed_at(root: Schema, pointer: str) -> object:
    found: object = root
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _bound(size: Callable[[Any], Any], is_past: Callable[[Any, Any], bool], says: str) -> _Rule:
    """Return the rule of a keyword that bounds a size, which is `None` for values that have none."""

    def rule(spot: _Spot, _: Schema, bound: object) -> Iterator[str]:
        measured = size(spot.value)
        if measured is not None and is_past(measured, bound):
            yield spot.says(f"{says} {bound}")

    return rule


def _number(value: Any) -> float | None:  # noqa: ANN401
    return value if _is_number(value) else None


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, str) else None


def _size(value: object) -> int | None:
    return len(value) if isinstance(value, list) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: object) -> str:
    """Return JSON's name for the type of a value."""
    kinds = {bool: "boolean", dict: "object", list: "array", str: "string", int: "number", float: "number"}
    return "null" if value is None else kinds.get(type(value), type(value).__name__)


def _same(left: object, right: object) -> bool:
    """Compare as JSON does, for which 1 is 1.0 but not true."""
    return left == right and _kind(left) == _kind(right)


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:_LONGEST_SHOWN]


_KINDS = ("boolean", "object", "array", "string", "number", "null", "integer")
_Rule: TypeAlias = Callable[[_Spot, Schema, Any], Iterator[str]]
_RULES: Mapping[str, _Rule] = {
    "$ref": _reference,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "prefixItems": _prefix_items,
    "items": _items,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "minimum": _bound(_number, lambda value, bound: value < bound, "must be at least"),
    "maximum": _bound(_number, lambda value, bound: value > bound, "must be at most"),
    "exclusiveMinimum": _bound(_number, lambda value, bound: value <= bound, "must be above"),
    "exclusiveMaximum": _bound(_number, lambda value, bound: value >= bound, "must be below"),
    "minLength": _bound(_length, lambda length, bound: length < bound, "must have at least this many characters:"),
    "maxLength": _bound(_length, lambda length, bound: length > bound, "must have at most this many characters:"),
    "minItems": _bound(_size, lambda size, bound: size < bound, "must have at least this many items:"),
    "maxItems": _bound(_size, lambda size, bound: size > bound, "must have at most this many items:"),
}
