"""The chain of an audit log: each line holds the SHA-256 of the line before it, over all files of its folder.

A line that was altered, put in or taken out breaks the chain at the next one. The last lines can be cut off unseen by
whoever may write to the folder, so keep the last hash elsewhere. Files that were removed after their days are named in a
later line with the hash of their last one, which the first line of the next file holds: the rest of the chain stays whole.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.errors import AuditLogError

BEGINNING = "0" * 64  # What the first line holds instead of a hash.
NAME = re.compile(r"audit-([0-9]{6,9})\.jsonl")
LONGEST_LINE = 64_000  # Bytes; ours have some hundred.


@dataclass(frozen=True)
class Verified:
    """What was found of a chain.

    Parameters
    ----------
    n_lines, n_files : int
        That were read.
    last_hash : str
        Of the last line that fits.
    n_removed_files : int
        Files before the first one, removed after their days.
    n_repairs : int
        Ends that a killed writer left unfinished.
    fault : str or None
        Why the first line that does not fit does not; None: all do.
    place : str or None
        Its file and line.
    """

    n_lines: int
    n_files: int
    last_hash: str
    n_removed_files: int
    n_repairs: int
    fault: str | None
    place: str | None


@dataclass
class _Read:
    """What was read so far."""

    before: str | None = None
    n_lines: int = 0
    n_repairs: int = 0
    expected: str | None = None
    is_met: bool = True


class _BrokenError(Exception):
    """The chain does not fit at a place."""

    def __init__(self, place: str, fault: str):
        super().__init__(fault)
        self.place, self.fault = place, fault


def files_of(folder: Path) -> dict[int, Path]:
    """Give the files of a log by their numbers, in order."""
    found = ((NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return dict(sorted((int(name[1]), path) for name, path in found if name))


def check_is_log(folder: Path) -> None:
    """Raise AuditLogError where a folder has no audit log: a mistyped name must not become one."""
    if not folder.is_dir() or not files_of(folder):
        raise AuditLogError(
            f"There is no audit log in {folder}. Name the folder that metier serve has as --audit."
        )


def file_of(folder: Path, number: int) -> Path:
    """Give the path of a file by its number."""
    return folder / f"audit-{number:06d}.jsonl"


def line_of(facts: Mapping[str, Any], before: str) -> bytes:
    """Give a line without its end."""
    return json.dumps({**facts, "before": before}, ensure_ascii=False, separators=(",", ":")).encode()


def hash_of(line: bytes) -> str:
    """Give the SHA-256 of a line without its end."""
    return hashlib.sha256(line).hexdigest()


def verify_chain(folder: Path, *, last: str | None = None) -> Verified:
    """Read a log and find the first line that does not fit.

    Parameters
    ----------
    last : str, optional
        A hash that was kept elsewhere: a line with it must be there.

    Raises
    ------
    AuditLogError
        If there is no log.
    """
    check_is_log(folder)
    files = files_of(folder)
    read, fault = _Read(expected=last, is_met=last is None), None
    removed: list[tuple[int, str]] = []
    first = next(iter(files))
    try:
        for number, path in files.items():
            if number != first and number - 1 not in files:
                raise _BrokenError(
                    path.name, f"the file before it, {file_of(folder, number - 1).name}, is missing"
                )
            for facts in _lines(path, read):
                removed += _removed(facts)
        _check_removed(files[first], first, removed)
        if not read.is_met:
            raise _BrokenError(path.name, f"no line has the hash {last}, so the end was cut off or put anew")
    except _BrokenError as broken:
        fault = broken
    return Verified(
        read.n_lines,
        len(files),
        read.before or BEGINNING,
        max(0, first - 1),
        read.n_repairs,
        fault.fault if fault else None,
        fault.place if fault else None,
    )


def _lines(path: Path, read: _Read) -> Iterator[dict[str, Any]]:
    """Give the lines of a file that fit; raises where one does not."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
            place = f"{path.name}, line {number}"
            if not line.endswith(b"\n"):
                raise _BrokenError(
                    place, "it is not whole: its writer was killed, and the next start repairs it"
                )
            facts = _parsed(line, place)
            before = facts.get("before")
            is_first = read.before is None
            if not is_first and before != read.before:
                raise _BrokenError(place, "it does not hold the hash of the line before it")
            if is_first and path.name == "audit-000001.jsonl" and before != BEGINNING:
                raise _BrokenError(place, "it is not the first line of a log")
            read.before = hash_of(line[:-1])
            read.n_lines += 1
            read.n_repairs += facts.get("kind") == "repair"
            read.is_met |= read.before == read.expected
            yield facts


def _parsed(line: bytes, place: str) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise _BrokenError(place, "it is no line of an audit log")
    return facts


def _removed(facts: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Give the files that may come first, by their number and the hash that they begin with, as a line says it."""
    if facts.get("kind") != "retention":
        return []
    return [(int(number) + 1, last) for number, last in facts["last_hashes"].items()]


def _check_removed(path: Path, first: int, removed: list[tuple[int, str]]) -> None:
    if first == 1:
        return
    with path.open("rb") as file:
        begins = json.loads(file.readline(LONGEST_LINE)).get("before")
    if (first, begins) not in removed:
        raise _BrokenError(
            path.name, "the files before it are missing, and no line says that their days were over"
        )
