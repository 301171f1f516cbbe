"""The part of JSON Schema that answers can be held to, read into a tree; what is outside of it is refused by name.

    object   properties, required, additionalProperties: false
    array    items, minItems, maxItems
    string   maxLength
    number, integer, boolean, null, enum, const, anyOf, or a list of types

Annotations (title, description, default, examples, $schema, $id, $comment) are passed over. Texts are written in one form:
keys in the order of `properties`, `", "` and `": "` between, no other space, characters as they are and not as escapes.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.errors import DataError, SettingsError

ANNOTATIONS = frozenset({"title", "description", "default", "examples", "$schema", "$id", "$comment"})
KEYWORDS = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "minItems", "maxItems"),
    "string": ("maxLength",),
    "number": (),
    "integer": (),
    "boolean": (),
    "null": (),
}
MOST_DIGITS, MOST_FRACTION = 18, 24  # Digits before and after the point of a number.
LARGEST = 1e99  # Exponents have two digits.


@dataclass(frozen=True, eq=False)
class Literals:
    """One of these texts."""

    texts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Text:
    """A string of at most so many characters."""

    most: int | None


@dataclass(frozen=True, eq=False)
class Number:
    """A number, or a whole one."""

    is_whole: bool


@dataclass(frozen=True, eq=False)
class Array:
    """So many values of one kind."""

    items: "Node"
    fewest: int
    most: int | None


@dataclass(frozen=True, eq=False)
class Property:
    """One key of an object."""

    key: str
    value: "Node"
    is_required: bool


@dataclass(frozen=True, eq=False)
class Object:
    """An object with these keys, in this order."""

    properties: tuple[Property, ...]


@dataclass(frozen=True, eq=False)
class AnyOf:
    """A value of one of these kinds."""

    options: tuple["Node", ...]


Node = Literals | Text | Number | Array | Object | AnyOf


def read_schema(schema: Any) -> Node:
    """Read a schema.

    Raises
    ------
    SettingsError
        With a sentence for each fault.
    """
    faults: list[str] = []
    node = _read(schema, "", faults)
    if faults or node is None:
        raise SettingsError(faults, origin="json_schema")
    return node


def _read(schema: Any, path: str, faults: list[str]) -> Node | None:
    where = path or "the top"
    if not isinstance(schema, Mapping):
        faults.append(f"the schema at {where} is {schema!r}, expected a mapping such as {{'type': 'string'}}")
        return None
    said = {key: value for key, value in schema.items() if key not in ANNOTATIONS}
    for key in ("enum", "const", "anyOf"):
        if key in said:
            _refuse_others(said, (key, "type"), where, faults)
            return _OPEN[key](said, path, faults)
    kinds = said.get("type")
    if isinstance(kinds, list) and kinds:
        return _any_of([{**said, "type": kind} for kind in kinds], path, faults, are_types=True)
    if not isinstance(kinds, str) or kinds not in KEYWORDS:
        faults.append(
            f"type is {kinds!r} at {where}, expected one of {', '.join(KEYWORDS)}, or enum, const or anyOf"
        )
        return None
    if not path.endswith("|"):
        _refuse_others(said, ("type", *KEYWORDS[kinds]), where, faults)
    return _CLOSED[kinds](said, path, faults)


def _refuse_others(said: Mapping[str, Any], known: Sequence[str], where: str, faults: list[str]) -> None:
    faults += [
        f"{key} at {where} is not supported; next to {known[0]} these are: {', '.join(known[1:]) or 'none'}. "
        "Leave it out"
        for key in said
        if key not in known
    ]


def _enum(said: Mapping[str, Any], path: str, faults: list[str]) -> Node | None:
    values = said["enum"]
    if not isinstance(values, list) or not values:
        faults.append(f"enum is {values!r} at {path or 'the top'}, expected a list of at least one value")
        return None
    return Literals(tuple(dict.fromkeys(as_json(value) for value in values)))


def _const(said: Mapping[str, Any], path: str, faults: list[str]) -> Node | None:
    return Literals((as_json(said["const"]),))


def _any(said: Mapping[str, Any], path: str, faults: list[str]) -> Node | None:
    options = said["anyOf"]
    if not isinstance(options, list) or not options:
        faults.append(f"anyOf is {options!r} at {path or 'the top'}, expected a list of at least one schema")
        return None
    return _any_of(options, path, faults)


def _any_of(options: Sequence[Any], path: str, faults: list[str], *, are_types: bool = False) -> Node | None:
    # Keywords of one type stand beside those of the others where types are listed.
    mark = "|" if are_types else ""
    read = [_read(option, f"{path}/{at}{mark}", faults) for at, option in enumerate(options)]
    return AnyOf(tuple(option for option in read if option is not None)) if all(read) else None


def _object(said: Mapping[str, Any], path: str, faults: list[str]) -> Node | None:
    where, given = path or "the top", said.get("properties", {})
    required = said.get("required", [])
    if not isinstance(given, Mapping) or not given:
        faults.append(
            f"properties is {given!r} at {where}, expected a mapping of at least one key to its schema"
        )
        return None
    if said.get("additionalProperties", False) is not False:
        faults.append(
            f"additionalProperties at {where} is not supported: only keys of properties are written. Leave it out"
        )
    missing = [key for key in required if key not in given] if isinstance(required, list) else [required]
    if missing:
        faults.append(
            f"required at {where} names {missing[0]!r}, which is not in properties. Add it there, or take it out"
        )
    read = [(key, _read(value, f"{path}/{key}", faults)) for key, value in given.items()]
    properties = [Property(key, value, key in required) for key, value in read if value is not None]
    return Object(tuple(properties)) if not missing and len(properties) == len(read) else None


def _array(said: Mapping[str, Any], path: str, faults: list[str]) -> Node | None:
    fewest, most = said.get("minItems", 0), said.get("maxItems")
    if not _is_count(fewest) or not (most is None or _is_count(most)) or (most is not None and most < fewest):
        faults.append(
            f"minItems is {fewest!r} and maxItems {most!r} at {path or 'the top'}, expected whole numbers from 0 on, the "
            "first no larger than the second"
        )
        return None
    if "items" not in said:
        faults.append(
            f"items is missing at {path or 'the top'}: say what the array holds, such as {{'type': 'string'}}"
        )
        return None
    items = _read(said["items"], f"{path}/items", faults)
    return None if items is None else Array(items, fewest, most)


def _string(said: Mapping[str, Any], path: str, faults: list[str]) -> Node | None:
    most = said.get("maxLength")
    if most is not None and not _is_count(most):
        faults.append(f"maxLength is {most!r} at {path or 'the top'}, expected a whole number from 0 on")
        return None
    return Text(most)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_OPEN = {"enum": _enum, "const": _const, "anyOf": _any}
_CLOSED = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": lambda said, path, faults: Number(False),
    "integer": lambda said, path, faults: Number(True),
    "boolean": lambda said, path, faults: Literals(("true", "false")),
    "null": lambda said, path, faults: Literals(("null",)),
}


def as_json(value: Any) -> str:
    """Give the one form in which a value is written."""
    return json.dumps(value, ensure_ascii=False)


def canonical(node: Node, text: str) -> str:
    """Give a JSON text in the one form in which it is written.

    Raises
    ------
    DataError
        If it is not JSON, or not what the schema allows; says where.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DataError(f"it is not JSON ({error})") from None
    return _written(node, value, "")


def _written(node: Node, value: Any, path: str) -> str:
    where = path or "the top"
    match node:
        case Literals():
            if as_json(value) in node.texts:
                return as_json(value)
            expected = ", ".join(node.texts[:9])
        case Text():
            if isinstance(value, str) and (node.most is None or len(value) <= node.most):
                return _quoted(value, where)
            expected = "a string" if node.most is None else f"a string of at most {node.most} characters"
        case Number():
            if _is_number(value, is_whole=node.is_whole):
                return as_json(value)
            expected = "a whole number" if node.is_whole else "a number"
        case Array():
            most = math.inf if node.most is None else node.most
            if isinstance(value, list) and node.fewest <= len(value) <= most:
                parts = (_written(node.items, one, f"{path}/{at}") for at, one in enumerate(value))
                return f"[{', '.join(parts)}]"
            expected = f"an array of {node.fewest} to {'any' if node.most is None else node.most} items"
        case Object():
            return _written_object(node, value, path)
        case AnyOf():
            for option in node.options:
                try:
                    return _written(option, value, path)
                except DataError:
                    continue
            expected = f"one of {len(node.options)} kinds of values"
    raise DataError(f"{as_json(value)[:60]} stands at {where}, expected {expected}")


def _written_object(node: Object, value: Any, path: str) -> str:
    where = path or "the top"
    if not isinstance(value, dict):
        raise DataError(f"{as_json(value)[:60]} stands at {where}, expected an object")
    known = {one.key for one in node.properties}
    for key in value:
        if key not in known:
            raise DataError(f"the key {key!r} at {where} is not in properties")
    for one in node.properties:
        if one.is_required and one.key not in value:
            raise DataError(f"the key {one.key!r} is missing at {where}")
    parts = (
        f"{as_json(one.key)}: {_written(one.value, value[one.key], f'{path}/{one.key}')}"
        for one in node.properties
        if one.key in value
    )
    return f"{{{', '.join(parts)}}}"


def _quoted(value: str, where: str) -> str:
    text = as_json(value)
    if "\\u" in text.replace("\\\\", "") or any("\ud800" <= character <= "\udfff" for character in value):
        raise DataError(f"the string at {where} has a control character, which is not written")
    return text


def _is_number(value: Any, *, is_whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if isinstance(value, int):
        return len(str(abs(value))) <= MOST_DIGITS
    return not is_whole and (value == 0 or 1 / LARGEST < abs(value) < LARGEST)
