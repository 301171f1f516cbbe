"""Whose a picture is, as a code: rows of one patient must never stand on both sides of a split."""

from collections.abc import Sequence
from pathlib import Path

from metier.errors import ImageError
from metier.image.dicom.headers import Header, header_of
from metier.image.dicom.pseudonyms import Pseudonyms, local_key
from metier.image.dicom.recognising import is_dicom_file


def patient_codes(paths: Sequence[str | Path]) -> list[str | None]:
    """Give a code of the patient of each picture; None where it is no DICOM file, or names neither patient nor study.

    Codes are the same whenever they are made by this user on this machine; the identifier cannot be had from them.
    """
    headers = [_header(Path(path)) for path in paths]
    if not any(headers):
        return [None] * len(paths)
    pseudonyms = Pseudonyms(local_key())
    return [_code(header, pseudonyms) for header in headers]


def _header(path: Path) -> Header | None:
    if not is_dicom_file(path):
        return None
    try:
        return header_of(path)
    except ImageError:  # Whoever decodes it says what is wrong with it.
        return None


def _code(header: Header | None, pseudonyms: Pseudonyms) -> str | None:
    found = "" if header is None else header.patient or header.study or header.series
    return pseudonyms.code(found) if found else None
