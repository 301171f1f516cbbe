"""What is a DICOM file: by its content, as most have no suffix, or a name that is a number."""

from pathlib import Path
from typing import BinaryIO

PREAMBLE = 128  # Bytes before the mark; they may hold anything.
MARK = b"DICM"
SUFFIXES = frozenset({".dcm", ".dicom", ".dic"})


def is_dicom(stream: BinaryIO) -> bool:
    """Whether a stream holds a DICOM file; it stands at its start afterwards."""
    stream.seek(0)
    head = stream.read(PREAMBLE + len(MARK))
    stream.seek(0)
    return head[PREAMBLE:] == MARK


def may_be_read(path: Path) -> bool:
    """Whether a file is there and this user may read it: of one that may not be, nobody knows what it is."""
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


def is_dicom_file(path: Path) -> bool:
    """Whether a file is a DICOM file; False for one that cannot be read."""
    try:
        with path.open("rb") as stream:
            return is_dicom(stream)
    except OSError:
        return False
