"""Columns of recordings: names of files, one a row (`file_names`), and columns of what was heard in them.

The column of what was heard says so, and names the column of the texts that it stands beside, where there is one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.data.columns.file_names import check_file, faults_of
from metier.data.columns.value_faults import FaultError
from metier.speech.containers import SUFFIXES
from metier.speech.recording import Recording
from metier.speech.survey import sound_of

BESIDE = b"heard_beside"  # Of the field's metadata, which survives whatever picks rows or adds columns.


def with_heard(table: pa.Table, name: str, texts: Sequence[str], *, beside: str | None) -> pa.Table:
    """Give the table with a column of what was heard; `beside` names the column of the texts that it stands beside."""
    field = pa.field(name, pa.string(), metadata={BESIDE: (beside or "").encode()})
    return table.append_column(field, pa.array(texts, pa.string()))


def is_heard(table: pa.Table, name: str) -> bool:
    """Whether a column holds what was heard."""
    return BESIDE in (table.schema.field(name).metadata or {})


def heard_beside(table: pa.Table, name: str) -> str | None:
    """Give the column of the texts beside which a column holds what was heard; None where it stands alone."""
    return (table.schema.field(name).metadata or {}).get(BESIDE, b"").decode() or None


def is_audio_name(value: Any) -> bool:
    """Whether a value ends as the name of a recording does."""
    return isinstance(value, str) and Path(value.strip()).suffix.lower() in SUFFIXES


def check_audio(value: Any, folder: Path | None, *, may_be_missing: bool = False) -> str | None:
    """Give the path of a recording as it stands; raises `FaultError` where it leads to none that can be decoded."""
    if may_be_missing and (value is None or not str(value).strip()):
        return None
    if not isinstance(value, str) or not value.strip():
        raise FaultError("no recording is named.", "Name one, or leave the row out.", kind="that are missing")
    path = (folder or Path()) / value
    check_file(value, Recording.of_file(path), folder, lambda _: sound_of(path))
    return value


def audio_faults(values: Sequence[Any], folder: Path | None, *, may_be_missing: bool = False) -> dict[int, str]:
    """Give why values lead to no recording, in a clause, by their positions."""
    return faults_of(values, lambda value: check_audio(value, folder, may_be_missing=may_be_missing))
