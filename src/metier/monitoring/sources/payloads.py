"""Records of brokers, which hand over bytes: JSON objects, or fields of text."""

import json
from collections.abc import Mapping
from typing import Any

from metier.monitoring.sources.columns import too_long


def json_record(content: bytes | None, *, longest_bytes: int) -> Mapping[str, Any]:
    """Give the object of a payload.

    Raises
    ------
    ValueError
        With a clause that says what was found instead.
    """
    if not content:
        raise ValueError("it is empty, expected an object of columns and values")
    if len(content) > longest_bytes:
        raise ValueError(too_long(len(content), longest_bytes))
    try:
        found = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"its byte {error.start + 1:,} is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("it is no object of columns and values")
    return found


def text_record(fields: Mapping[bytes, bytes], *, longest_bytes: int) -> Mapping[str, Any]:
    """Give fields of text as a record; raises as `json_record` does."""
    size = sum(map(len, fields.values()))
    if size > longest_bytes:
        raise ValueError(too_long(size, longest_bytes))
    try:
        return {name.decode("utf-8"): value.decode("utf-8") for name, value in fields.items()}
    except UnicodeDecodeError as error:
        raise ValueError(f"its byte {error.start + 1:,} is not UTF-8") from None
