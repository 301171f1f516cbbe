"""A file of rows on disk: its format by name, checked against its first bytes."""

import gzip
import io
import os
import re
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from metier.data.formats.unpacking import open_gzip
from metier.errors import EmptyDataError, UnreadableFileError
from metier.image.decoding import SUFFIXES as IMAGE_SUFFIXES
from metier.image.dicom.recognising import is_dicom
from metier.regular_files import kind_of
from metier.speech.containers import HEAD_BYTES, container_of
from metier.speech.containers import SUFFIXES as AUDIO_SUFFIXES

FORMATS = {
    ".csv": "CSV",
    ".tsv": "TSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".json": "JSON",
    ".parquet": "Parquet",
    ".conll": "CoNLL",
    ".iob": "CoNLL",
    ".iob2": "CoNLL",
    ".bio": "CoNLL",
    ".txt": "text lines",
    ".xlsx": "Excel",
}
KNOWN_SUFFIXES = ".csv, .tsv, .jsonl, .json, .parquet, .conll, .txt or .xlsx, each with .gz if it is compressed"
# A tag of a CoNLL file: O, or a mark of BIO, IOBES or BILOU before a label.
TAG = re.compile(r"O|[BIELSUM]-\S+")
TAGGED_HEAD_BYTES = 50_000

# First bytes of files that often have a wrong suffix, and what to do about it.
_SIGNATURES = (
    (b"PAR1", "Parquet", "Rename it to end in .parquet."),
    (b"\x1f\x8b", "gzip", "Rename it to end in .gz after its format, as in rows.csv.gz."),
    (
        b"PK\x03\x04",
        "a zip archive or an Excel workbook (.xlsx)",
        "Unpack it, or rename the workbook to end in .xlsx.",
    ),
    (b"\xd0\xcf\x11\xe0", "an old Office document (.xls, .doc)", "Export the sheet as CSV."),
    (b"%PDF", "PDF", "Extract its rows into CSV first."),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV."),
    (b"ARROW1", "an Arrow (Feather) file", "Read it with pyarrow and pass the table, or write it as Parquet."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Decompress it first; gzip is read directly."),
    (b"BZh", "compressed with bzip2", "Decompress it first; gzip is read directly."),
    (b"\xfd7zXZ", "compressed with xz", "Decompress it first; gzip is read directly."),
    (b"\x89PNG", "a PNG picture", "Give a file of rows."),
    (b"\xff\xd8\xff", "a JPEG picture", "Give a file of rows."),
    (b"\x7fELF", "a program", "Give a file of rows."),
)
MEDIA_SUFFIXES = frozenset({*IMAGE_SUFFIXES, *AUDIO_SUFFIXES})
_HTML = (b"<!doctype html", b"<html")
# What reading a broken gzip stream raises, besides an early end.
GZIP_FAULTS = (gzip.BadGzipFile, zlib.error, EOFError)


@dataclass(frozen=True)
class DataFile:
    """One file of rows.

    Parameters
    ----------
    path : Path
        Where it is.
    format : str
        A value of `FORMATS`.
    gzipped : bool
        Whether its bytes are compressed with gzip.
    called : str, optional
        What messages call it; None: its path.
    """

    path: Path
    format: str
    gzipped: bool
    called: str | None = None

    @property
    def origin(self) -> str:
        """The name of the file in messages, as given."""
        return self.called or str(self.path)

    @property
    def stated(self) -> str:
        """How its format was stated: by its name, or by the user for what has no name of its own."""
        return f"{self.origin} is {'named' if self.called is None else 'to be read'} as {self.format}"

    def renamed(self, remedy: str, form: str = "that of its rows (csv, tsv, jsonl)") -> str:
        """Give the remedy for a wrong ending; what has no name of its own has its format from a flag."""
        return remedy if self.called is None else f"Leave --format out, or give it {form}."

    def open(self) -> BinaryIO:
        """Open its bytes, decompressed; raises UnreadableFileError where they become far too many."""
        if self.gzipped:
            return cast(BinaryIO, open_gzip(self.path))
        return self.path.open("rb")

    def open_text(self, encoding: str, *, newline: str = "") -> io.TextIOWrapper:
        """Open its text; a byte order mark is removed."""
        return io.TextIOWrapper(self.open(), encoding=encoding, newline=newline)

    @property
    def broken_gzip(self) -> UnreadableFileError:
        """The error to raise when decompressing fails."""
        return UnreadableFileError(
            f"{self.origin} is a broken gzip file: it ends too early or was altered. Copy it from its "
            "source again."
        )


def recognise(path: str | os.PathLike[str], *, called: str | None = None) -> DataFile:
    """Recognise the format of a file by its name and first bytes; messages may call it by another name.

    Raises
    ------
    UnreadableFileError
        If it is missing, has no known format, or its content does not fit its name.
    EmptyDataError
        If it has no bytes.
    """
    path = Path(path)
    _check_there(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gzipped = bool(suffixes) and suffixes[-1] == ".gz"
    suffix = (suffixes[-2:-1] if gzipped else suffixes[-1:]) or [""]
    if suffix[0] not in FORMATS:
        named = f"ends in {suffix[0]!r}" if suffix[0] else "has no ending that names a format"
        if suffix[0] in MEDIA_SUFFIXES or _is_media(path):
            raise UnreadableFileError(
                f"{path} is an image or a recording, and no file of rows. Name its folder, or a file of rows that names it."
            )
        raise UnreadableFileError(
            f"{path} {named}; expected {KNOWN_SUFFIXES}. Rename it after its format{_hint(path)}."
        )
    file = DataFile(path, FORMATS[suffix[0]], gzipped, called)
    _check_first_bytes(file)
    return replace(file, format="CoNLL") if file.format in ("TSV", "text lines") and _holds_tags(file) else file


def _holds_tags(file: DataFile) -> bool:
    """Whether each line is a token and a tag, with blank lines between: CoNLL under another name."""
    try:
        with file.open() as stream:
            head = stream.read(TAGGED_HEAD_BYTES)
    except GZIP_FAULTS:
        return False  # Reading the rows will say where it breaks.
    # Tags are ASCII in every encoding that CoNLL comes in, so the words may be read as anything.
    lines = head.decode("latin-1").split("\n")[: -1 if len(head) == TAGGED_HEAD_BYTES else None]
    tagged = [line.split() for line in lines if line.strip() and not line.startswith(("# ", "-DOCSTART-"))]
    # A comment of any form; a token that is a hash has its tag.
    tagged = [fields for fields in tagged if fields[0][0] != "#" or TAG.fullmatch(fields[-1])]
    blank = any(not line.strip() for line in lines[:-1])
    last = {fields[-1] for fields in tagged if len(fields) > 1}
    return (
        blank
        and last != {"O"}
        and len(tagged) > 1
        and all(len(fields) > 1 and TAG.fullmatch(fields[-1]) for fields in tagged)
    )


def _check_there(path: Path) -> None:
    if not path.exists():
        nearby = (
            sorted(other.name for other in path.parent.glob("*") if _is_data(other))
            if path.parent.is_dir()
            else []
        )
        there = f" The folder {path.parent} holds: {', '.join(nearby[:8])}." if nearby else ""
        raise UnreadableFileError(f"There is no file {path}.{there} Check the path.")
    check_can_be_read_again(path)
    if not os.access(path, os.R_OK):
        raise UnreadableFileError(f"{path} is not readable by this user. Change its permissions (chmod +r).")


def check_can_be_read_again(path: Path) -> None:
    """Refuse a pipe or a device: opening one may wait for a writer, and a second look finds it empty.

    Raises
    ------
    UnreadableFileError
        If it is no regular file.
    """
    found = kind_of(path)
    if found is not None:
        raise UnreadableFileError(
            f"{path} is {found}, and rows are read from files, more than once. Write them to a file and give that; "
            "`metier predict --input` and `metier evaluate` also take - for stdin."
        )


def _is_data(path: Path) -> bool:
    names = [suffix.lower() for suffix in path.suffixes[-2:]]
    return bool(names) and (names[-1] in FORMATS or (names[-1] == ".gz" and names[0] in FORMATS))


def is_data_file(path: Path) -> bool:
    """Whether a path names a file of a format that is read."""
    return _is_data(path) and not path.name.startswith(".") and path.is_file()


def _hint(path: Path) -> str:
    with path.open("rb") as stream:
        what = _signature(stream.read(64))
    return f"; its first bytes say it is {what[0]}" if what else ""


def _is_media(path: Path) -> bool:
    """Whether a file of no name that is known is an image or a recording, as those of a scanner are."""
    with path.open("rb") as stream:
        return is_dicom(stream) or container_of(stream.read(HEAD_BYTES)) is not None


def _signature(head: bytes) -> tuple[str, str] | None:
    for magic, what, remedy in _SIGNATURES:
        if head.startswith(magic):
            return what, remedy
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_HTML):
        return "a web page (HTML)", "It may be a login or error page saved by a download; fetch the file again."
    return None


def _check_first_bytes(file: DataFile) -> None:
    with file.path.open("rb") as stream:
        head = stream.read(64)
    if not head:
        raise EmptyDataError(f"{file.origin} is empty (0 bytes). Give a file with a header line and rows.")
    if file.gzipped:
        if not head.startswith(b"\x1f\x8b"):
            found = _signature(head)
            what = found[0] if found else "not gzip"
            raise UnreadableFileError(
                f"{file.origin} is named .gz, but it is {what}. Rename it, or compress it with gzip."
            )
        try:
            with file.open() as stream:
                head = stream.read(64)
        except GZIP_FAULTS:
            raise file.broken_gzip from None
        if not head:
            raise EmptyDataError(f"{file.origin} is empty once decompressed. Give a file with rows.")
    found = _signature(head)
    if file.format == "Parquet" and not head.startswith(b"PAR1"):
        what = found[0] if found else "not Parquet"
        raise UnreadableFileError(
            f"{file.origin} is named .parquet, but its first bytes say it is {what}. "
            "Rename it after its format (.csv, .jsonl, …), or write it as Parquet again."
        )
    if file.format == "Excel" and not head.startswith(b"PK"):
        what = found[0] if found else "no workbook"
        raise UnreadableFileError(
            f"{file.origin} is named .xlsx, but its first bytes say it is {what}. Save it again as .xlsx, or as CSV."
        )
    if file.format not in ("Parquet", "Excel") and found:
        remedy = (
            found[1] if file.called is None else "Write it into a file named after its format, and give that."
        )
        raise UnreadableFileError(f"{file.stated}, but it is {found[0]}. {remedy}")
