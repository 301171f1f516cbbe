"""A folder into which files are put: JSON lines, CSV or lines of text; a name may come again with other content."""

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from metier.errors import MetierError, SourceError
from metier.monitoring.given_paths import GivenPath
from metier.monitoring.messages import Batch, Position
from metier.monitoring.sources.columns import MessageReader, batch_of
from metier.monitoring.sources.file_places import FilePlace, open_file
from metier.monitoring.sources.growing_file import FileLines, LinesSettings
from metier.monitoring.sources.records import FORMATS

UNFINISHED = (".tmp", ".part", ".partial")  # Names of what is being written.


class FolderSettings(LinesSettings, frozen=True):
    """A folder of files."""

    kind: Literal["folder"] = "folder"
    path: GivenPath = Field(description="The folder; folders in it are not read.")
    pattern: str = Field(default="*", description="Which names: *.jsonl, reviews-*.csv.")


def build_source(settings: FolderSettings) -> "Folder":
    """Give the source of these settings."""
    return Folder(settings)


class Folder:
    """Reads the files of a folder in the order in which they were last written.

    The position holds a line for each file that lies there now, with its size and time: a file that grew is read on,
    and one of the same name with other content is read from its beginning. Names that start with a dot or end in .tmp,
    .part or .partial are being written.
    """

    def __init__(self, settings: FolderSettings):
        self.name = settings.called
        self._settings = settings
        self._reader = MessageReader(settings)

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give what is new in the folder after a position."""
        known: dict[str, list[int | str]] = dict(position or {})
        try:
            paths = self._paths()
        except OSError as error:
            raise SourceError(
                f"The folder {self._settings.path} cannot be read ({error.strerror or error}). Check that it is there; "
                "it is tried again."
            ) from None
        here = {path.name for path in paths}
        known = {name: entry for name, entry in known.items() if name in here}
        for path in paths:
            try:
                yield from self._read_one(path, known)
            except FileNotFoundError:
                continue  # Taken away since; what was read of it is stored.
            except OSError as error:
                reason = f"{path} cannot be read ({error.strerror or error}). Give it to the user of the watch."
                yield batch_of([self._reader.refuse(str(path), reason)], dict(known))

    def _read_one(self, path: Path, known: dict[str, list[int | str]]) -> Iterator[Batch]:
        status = path.stat()
        seen = [status.st_ino, status.st_mtime_ns, status.st_size]
        entry = known.get(path.name)
        if entry is not None and entry[:3] == seen and entry[3] == status.st_size:
            return
        start = self._start(path, entry)
        try:
            lines = FileLines(path, self._settings.layout_of(path), called=path)
            for batch in lines.read(start, self._settings, self._reader):
                start = FilePlace.of(batch.position)
                known[path.name] = [*seen, start.offset, start.line, start.beginning, start.before]
                yield replace(batch, position=dict(known))
        except MetierError as error:
            known[path.name] = [*seen, status.st_size, 1, "", ""]
            yield batch_of([self._reader.refuse(str(path), str(error))], dict(known))

    def _start(self, path: Path, entry: list[int | str] | None) -> FilePlace:
        """Give where to go on in a file: where it was left, if that place is still in it."""
        if entry is None:
            return FilePlace()
        place = FilePlace.of(dict(zip(("offset", "line", "beginning", "before"), entry[3:], strict=True)))
        with open_file(path) as stream:
            return place if place.is_in(stream) else FilePlace()

    def _paths(self) -> list[Path]:
        known = () if self._settings.format else tuple(FORMATS)
        with os.scandir(self._settings.path) as entries:
            found = [
                (entry.stat().st_mtime_ns, entry.name)
                for entry in entries
                if entry.is_file()
                and fnmatch.fnmatchcase(entry.name, self._settings.pattern)
                and not entry.name.startswith(".")
                and not entry.name.endswith(UNFINISHED)
                and (not known or Path(entry.name).suffix.lower() in known)
            ]
        return [self._settings.path / name for _, name in sorted(found)]

    def acknowledge(self, position: Position) -> None:
        """Nothing is kept of it here: the position is all."""

    def close(self) -> None:
        """No file is held open."""
