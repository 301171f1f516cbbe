"""Read the small text, JSON and YAML files that a user names: policies, tests, secrets, thresholds, statements.

Whatever keeps such a file from being read is one kind of fault, a clause that the reader of the file puts into its own
sentence: what is there is a folder or a device, the bytes are not UTF-8, the text is not JSON or YAML, it is nested too
deeply, a date does not exist. An entry that stands twice is a fault too: YAML would keep the last one without a word,
and a policy would lose its conditions.
"""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from metier.regular_files import kind_of, read_regular

MOST_BYTES = 200_000_000  # What `metier test --output` writes of many rows.
TOO_DEEP = "it is nested too deeply"


class FileFaultError(ValueError):
    """Why a file cannot be read, as a clause."""


def given_text(path: str | Path, *, most_bytes: int = MOST_BYTES) -> str:
    """Read a text file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    FileFaultError
        If it is no regular file, is too large, cannot be opened or is not UTF-8.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind is not None:
        raise FileFaultError(f"it is {kind}")
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise FileFaultError(f"it has {size:,} bytes, and {most_bytes:,} are read at most")
        return read_regular(path).removeprefix("\ufeff")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise FileFaultError(f"it is not UTF-8 at byte {error.start + 1:,}") from None
    except OSError as error:
        raise FileFaultError(error.strerror or str(error)) from None


def given_json(path: str | Path) -> Any:
    """Read a JSON file; raises what `given_text` does, and `FileFaultError` where it is not JSON."""
    text = given_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise FileFaultError(f"it is not JSON at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise FileFaultError(TOO_DEEP) from None
    except ValueError:  # Python reads no integer of more than 4,300 digits.
        raise FileFaultError("it holds an integer of thousands of digits") from None


def given_yaml(path: str | Path, *, most_bytes: int = MOST_BYTES) -> Any:
    """Read a YAML file; raises what `given_text` and `parse_yaml` do."""
    return parse_yaml(given_text(path, most_bytes=most_bytes))


def parse_yaml(text: str) -> Any:
    """Give what a YAML text holds.

    Raises
    ------
    FileFaultError
        If it is not YAML, an entry stands twice, a value does not exist (the 31st of June), or it is nested too deeply.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # A safe loader.
    except yaml.MarkedYAMLError as error:
        raise FileFaultError(f"{_place(error)}{error.problem or 'it is not YAML'}") from None
    except yaml.YAMLError as error:
        raise FileFaultError(str(error).partition("\n")[0]) from None
    except RecursionError:
        raise FileFaultError(TOO_DEEP) from None


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses entries that stand twice, and says where a value does not exist."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError:
            raise yaml.constructor.ConstructorError(
                problem="no such number or date exists", problem_mark=node.start_mark
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        known = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in known:
                raise yaml.constructor.ConstructorError(
                    problem=f"the entry {key.value!r} stands twice", problem_mark=key.start_mark
                )
            known.add(name)
        return super().construct_mapping(node, deep=deep)
