"""What the header of a DICOM file says of its picture, and whose it is: known without a pixel, and kept a while."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import ImageError
from metier.image.dicom.loading import damage_named, quiet, read_dataset

if TYPE_CHECKING:
    from pydicom import Dataset

KEPT = 100_000  # Headers that are kept while a process runs, of some 500 bytes each.


@dataclass(frozen=True)
class Header:
    """What is known of a DICOM file without its pixels.

    Parameters
    ----------
    patient, study, series : str
        The identifiers as they stand in the file; empty where it has none.
    modality : str
        How it was taken: `CT`, `MR`, `DX`, `US`.
    kind : str
        The SOP class: what kind of object the file holds.
    n_frames, width, height : int
        0 where the file holds no picture: a report, a plan, the list of a medium.
    has_burned_in_text : bool or None
        What the file states of text in its pixels; None: nothing.
    is_deidentified : bool
        Whether the file states that what names the patient was removed.
    """

    patient: str
    study: str
    series: str
    modality: str
    kind: str
    n_frames: int
    width: int
    height: int
    has_burned_in_text: bool | None
    is_deidentified: bool

    @property
    def is_picture(self) -> bool:
        """Whether the file holds a picture."""
        return self.width > 0 and self.height > 0


def header_of(path: str | Path) -> Header:
    """Read the header of a file; that of a file that stays as it is is read once a process.

    Raises
    ------
    ImageError
        If it is missing, or ends too early.
    """
    path = Path(path)
    try:
        state = path.stat()
    except OSError:
        raise ImageError(
            str(path), "there is no such file", "Correct the path, or put the file there."
        ) from None
    return _header(str(path), state.st_size, state.st_mtime_ns)


def is_dicom_picture(path: Path) -> bool:
    """Whether a DICOM file holds a picture; True for one that cannot be read, which is then said where it is used."""
    try:
        return header_of(path).is_picture
    except ImageError:
        return True


@functools.lru_cache(maxsize=KEPT)
def _header(path: str, size: int, modified_ns: int) -> Header:
    with Path(path).open("rb") as stream:
        dataset = read_dataset(stream, path, header_only=True)
    with quiet(), damage_named(path):
        return header_from(dataset)


def header_from(dataset: "Dataset") -> Header:
    """Give the header of a file that was read."""
    stated = {"YES": True, "NO": False}
    return Header(
        patient=str(dataset.get("PatientID") or dataset.get("PatientName") or "").strip(),
        study=str(dataset.get("StudyInstanceUID") or ""),
        series=str(dataset.get("SeriesInstanceUID") or ""),
        modality=str(dataset.get("Modality") or "").strip().upper(),
        kind=str(dataset.get("SOPClassUID") or ""),
        n_frames=int(dataset.get("NumberOfFrames") or 1),
        width=int(dataset.get("Columns") or 0),
        height=int(dataset.get("Rows") or 0),
        has_burned_in_text=stated.get(str(dataset.get("BurnedInAnnotation") or "").strip().upper()),
        is_deidentified=str(dataset.get("PatientIdentityRemoved") or "").strip().upper() == "YES",
    )
