"""Alarms appended to a file, one JSON object a line."""

import fcntl
import os
from typing import Literal

from pydantic import Field

from metier.monitoring.alerts.alertmanager import written
from metier.monitoring.alerts.notices import Notice, Told
from metier.monitoring.alerts.receiver import NotDelivered, ReceiverSettings
from metier.monitoring.given_paths import GivenPath
from metier.printable import printable_json


class FileSettings(ReceiverSettings, frozen=True, extra="forbid"):
    """A file of JSON lines."""

    kind: Literal["file"] = "file"
    path: GivenPath = Field(description="Lines are appended; another program may move the file away.")


class JsonLines:
    """Appends notices to a file; written through to the disk before they count as sent."""

    def __init__(self, settings: FileSettings):
        self.settings = settings

    def send(self, notice: Notice) -> None:
        """Append a line for each alarm of a notice, all of them or none."""
        lines = "".join(printable_json(_facts(one, notice)) + "\n" for one in notice.alerts)
        path = self.settings.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # Released with the descriptor, also by a kill.
                _append(descriptor, lines.encode("utf-8", "replace"))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise NotDelivered(f"{path} cannot be written: {error.strerror or error}.") from error


def _append(descriptor: int, lines: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        lines = b"\n" + lines  # A kill or a full disk left a piece of a line: it stays alone.
    try:
        left = memoryview(lines)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)  # Of a full disk no half is left.
        raise


def _facts(told: Told, notice: Notice) -> dict[str, object]:
    facts = {name: value for name, value in told.facts.items() if name != "examples"}
    return {
        "delivery": notice.delivery,
        "status": told.status,
        "fingerprint": told.fingerprint,
        "kind": told.kind,
        "severity": told.severity,
        "series": dict(told.series),
        "sentence": told.sentence,
        "since": written(told.since),
        "raised": written(told.raised),
        "ended": None if told.ended is None else written(told.ended),
        "examples": told.quotes(notice.quotes),
        "facts": facts,
    }
