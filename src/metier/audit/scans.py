"""What DICOM files are like: that name their patients, have text in their pixels, or show patients of the training rows."""

from collections.abc import Iterator
from pathlib import Path

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.errors import ImageError
from metier.figures import count_of
from metier.image.dicom.headers import Header, header_of
from metier.image.dicom.patients import patient_codes
from metier.image.dicom.recognising import is_dicom_file


def check_scans(rows: Rows) -> Iterator[Finding]:
    """Find DICOM files whose headers name patients, and those that state text in their pixels."""
    headers = _headers(rows)
    named = [at for at, header in headers.items() if header.patient and not header.is_deidentified]
    if named:
        yield Finding(
            "named-patients",
            "note",
            f"{count_of(len(named), 'DICOM file')} not de-identified: their headers may name patients",
            positions_of(named),
            rows.origin,
            examples_of(rows, named),
            "metier deidentify",
        )
    written = [at for at, header in headers.items() if header.has_burned_in_text]
    if written:
        yield Finding(
            "text-in-pixels",
            "warning",
            f"{count_of(len(written), 'DICOM file')} with text in their pixels, as their headers state: a model may learn "
            "the text",
            positions_of(written),
            rows.origin,
            examples_of(rows, written),
            "blank out the text, or leave them out",
        )


def check_known_patients(rows: Rows, other: Rows, *, name: str) -> Iterator[Finding]:
    """Find rows of a held-out part that show patients of the training rows.

    Parameters
    ----------
    rows : Rows
        The training rows.
    other : Rows
        The held-out rows.
    name : {"test", "validation"}
        Name of the held-out part.
    """
    if rows.roles.image is None or other.roles.image is None:
        return
    known = {code for code in patient_codes(rows.image_files) if code is not None}
    found = [at for at, code in enumerate(patient_codes(other.image_files)) if code in known] if known else []
    if found:
        yield Finding(
            f"{name}-known-patients",
            "error" if name == "test" else "warning",
            f"{count_of(len(found), 'image')} of {other.origin} of patients who are in {rows.origin} too: scores would be "
            "too high",
            positions_of(found),
            other.origin,
            examples_of(other, found),
            "keep each patient in one split",
            {f"{name}_rows": len(found), "fraction": len(found) / len(other)},
        )


def _headers(rows: Rows) -> dict[int, Header]:
    """Give the headers of the DICOM files among the images, by the positions of their rows."""
    found: dict[int, Header] = {}
    for position, file in enumerate(rows.image_files if rows.roles.image is not None else ()):
        path = Path(file)
        if path.is_file() and is_dicom_file(path):
            try:
                found[position] = header_of(path)
            except ImageError:  # Reported as an image that cannot be used.
                continue
    return found
