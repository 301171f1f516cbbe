"""Labels that people gave to messages of the audit stream: a CSV file that grows, read again where it has changed."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from metier.errors import SourceError

COLUMNS = ("source", "id", "label")
REMEDY = "Give a CSV file of UTF-8 with the columns source, id and label, a message a row."


class AuditLabels:
    """Gives the labels of messages, by source and id; without the file there are none yet.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._labels: Mapping[tuple[str, str], str] = {}

    def __call__(self, ids: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Give the labels of those that have one.

        Raises
        ------
        SourceError
            If the file cannot be read, or has not the columns.
        """
        try:
            state = self._path.stat()
        except FileNotFoundError:
            return {}
        if (state.st_mtime_ns, state.st_size) != self._read_at:
            self._labels = read_audit_labels(self._path)
            self._read_at = (state.st_mtime_ns, state.st_size)
        return {key: self._labels[key] for key in ids if key in self._labels}


def read_audit_labels(path: Path) -> dict[tuple[str, str], str]:
    """Read labels by source and id; of several for one message the last, and rows without a label are left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise SourceError(f"The labels of the audit in {path} have no column {missing[0]}. {REMEDY}")
            return {(row["source"], row["id"]): row["label"] for row in table if row["label"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"The labels of the audit in {path} cannot be read ({error}). {REMEDY}") from None
