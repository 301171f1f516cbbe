"""Rows through pipes: stdin as a file to read, and a file whose content goes to stdout when it is whole."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.cli.speech import spoken
from metier.data.formats.csv import find_layout
from metier.data.formats.data_file import FORMATS, recognise
from metier.errors import CallError, EmptyDataError

PIPE = Path("-")
HEAD_BYTES = 64_000
# Encodings that hold every character, so that whatever is answered can be written in them.
WHOLE = {"utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"}


@contextlib.contextmanager
def stdin_as_file(source: Path, form: str | None) -> Iterator[Path]:
    """Give a file as it is, and for `-` a temporary one with what stdin holds.

    Raises
    ------
    EmptyDataError
        If stdin holds nothing.
    """
    if source != PIPE:
        yield source
        return
    stream = sys.stdin.buffer
    head = stream.read(HEAD_BYTES)
    if not head.strip():
        raise EmptyDataError("standard input has no rows. Pipe some in, or name a file.")
    with tempfile.TemporaryDirectory(prefix="metier-") as folder:
        path = Path(folder) / f"stdin.{form or _format_of(head)}"
        with path.open("wb") as file:
            file.write(head)
            shutil.copyfileobj(stream, file)
        yield path


def how_stdin_is_read(source: Path, form: str | None, delimiter: str | None) -> dict[str, Any]:
    """Give what `data.reading` has to know of stdin: what to call it, and the delimiter that its format states."""
    if source != PIPE:
        return {}
    stated = "\t" if form == "tsv" else None
    return {"origin": spoken()("standard input"), "delimiter": delimiter or stated}


def check_format_is_of_pipe(form: str | None, *files: Path | None) -> None:
    """Refuse --format where no file is `-`: any other has its format by its name.

    Raises
    ------
    CallError
        If it is given all the same.
    """
    if form is not None and any(files) and PIPE not in files:
        raise CallError("--format is for - alone, and a file has its format by its ending. Leave --format out.")


def _format_of(head: bytes) -> str:
    """Tell JSON lines, JSON, TSV and CSV apart by the first line."""
    first = head.lstrip(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    if first.startswith(b"{"):
        return "jsonl"
    if first.startswith(b"["):
        return "json"
    return "tsv" if b"\t" in first and b"," not in first else "csv"


@contextlib.contextmanager
def file_for_stdout(output: Path, *, like: Path, form: str | None) -> Iterator[Path]:
    """Give a file as it is, and for `-` a temporary one that is copied to stdout once it is whole.

    Parameters
    ----------
    like : Path
        The file that is read, whose format stdout has where none is named.
    """
    if output != PIPE:
        yield output
        return
    known = next((suffix for suffix in reversed(like.suffixes) if suffix.lower() in FORMATS), ".csv")
    suffix = form or {".tsv": "tsv", ".csv": "csv", ".txt": "csv", ".xlsx": "csv"}.get(known.lower(), "jsonl")
    with tempfile.TemporaryDirectory(prefix="metier-") as folder:
        path = Path(folder) / f"stdout.{suffix}"
        yield path
        sys.stdout.flush()
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


@dataclass(frozen=True)
class WrittenAs:
    """How a file is written: its encoding, its delimiter where it is not the usual one, and what is to be said of it."""

    encoding: str = "utf-8"
    delimiter: str | None = None
    notes: tuple[str, ...] = ()


def written_like(source: Path, output: Path, *, encoding: str | None, delimiter: str | None) -> WrittenAs:
    """Keep the encoding and the delimiter of a file of delimited fields, where what is written is such a file, too."""
    if source.is_dir():
        return WrittenAs()
    read, suffixes = recognise(source), [suffix.lower() for suffix in output.suffixes]
    kinds = [FORMATS.get(suffix) for suffix in suffixes if suffix in FORMATS]
    if read.format not in ("CSV", "TSV") or read.format not in kinds[-1:]:
        return WrittenAs()
    layout, _ = find_layout(read, encoding=encoding, delimiter=delimiter)
    if layout.encoding in WHOLE:
        return WrittenAs(layout.encoding, layout.delimiter)
    note = f"{output} is written as utf-8: {layout.encoding} cannot hold every character"
    return WrittenAs("utf-8", layout.delimiter, (note,))
