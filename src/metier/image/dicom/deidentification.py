"""One DICOM file de-identified, or a reason why it is not: what is not sure is not written.

The header follows the Basic Application Level Confidentiality Profile of PS3.15 (see `profile`), with dates removed or,
as the option for longitudinal studies has it, moved. Pixels are not changed, so a picture in which text stands is held
back. Nothing here can promise that nobody finds out who it is: a face can be made from a scan of a head.
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metier.errors import DataError, ImageError
from metier.image.dicom.burned_in import Signs, signs_of
from metier.image.dicom.cleaning import Cleaned, clean
from metier.image.dicom.encoded_size import has_comments
from metier.image.dicom.frames import can_decode
from metier.image.dicom.headers import header_from
from metier.image.dicom.loading import damage_named, pydicom, quiet
from metier.image.dicom.pseudonyms import Pseudonyms
from metier.image.dicom.rendering import shown
from metier.image.dicom.whole_reading import read_whole

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

METHOD = ("PS3.15 E.1-1 basic profile", f"Metier {version('metier')}")
PROFILE = ("113100", "Basic Application Confidentiality Profile")
MOVED_DATES = ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
ROOT = "2.25.302594834562911254"  # Of the program that wrote a file: no machine, no person.
LONGEST_IN_BYTES = 6  # Characters from which what was removed is looked for in all bytes of the file.
ENCODINGS = ("utf-8", "latin-1", "gb18030", "shift_jis", "euc_kr")
MEDIUM = "1.2.840.10008.1.3.10"  # The list of the files of a medium (DICOMDIR).


@dataclass(frozen=True)
class How:
    """How files are de-identified.

    Parameters
    ----------
    pseudonyms : Pseudonyms
        What stands for identifiers.
    moves_dates : bool
        Dates are moved by the same days for all files of a patient; otherwise they are removed.
    reads_text : bool
        Text in the pixels is looked for by Tesseract.
    writes_text : bool
        Pictures in which text stands are written all the same.
    """

    pseudonyms: Pseudonyms
    moves_dates: bool = False
    reads_text: bool = True
    writes_text: bool = False


@dataclass(frozen=True)
class Deidentified:
    """A file that may be written.

    Parameters
    ----------
    content : bytes
        The file.
    path : Path
        Where it belongs: codes of the patient, the series and the picture, nothing of the old name.
    changes : Counter
        How often something was done with an attribute, by both.
    signs : Signs
        What speaks for text in its pixels.
    """

    content: bytes
    path: Path
    changes: Counter[tuple[str, str]]
    signs: Signs


def deidentified(path: Path, how: How) -> Deidentified:
    """De-identify a file; the file itself stays as it is.

    Raises
    ------
    DataError
        If it cannot be read whole, holds no picture, has or may have text in its pixels, or still holds something that
        should have been removed.
    """
    called = str(path)
    dataset = read_whole(path)
    with quiet(), damage_named(called):
        header = header_from(dataset)
        _check_kind(dataset, called)
        signs = signs_of(header, _pixels(dataset, called) if how.reads_text else None)
        if not how.writes_text:
            _check_no_text(signs, called, reads_text=how.reads_text)
        pixels = dataset.PixelData
        done = clean(dataset, how.pseudonyms, moves_dates=how.moves_dates)
        _state(dataset, moves_dates=how.moves_dates)
        content = _encoded(dataset)
        _check_written(content, pixels, done, called)
    patient = how.pseudonyms.code(header.patient or header.study)
    names = (how.pseudonyms.code(header.series), how.pseudonyms.code(str(dataset.SOPInstanceUID)))
    return Deidentified(content, Path(patient, names[0], f"{names[1]}.dcm"), done.changes, signs)


def _check_kind(dataset: "FileDataset", called: str) -> None:
    if dataset.get("SOPClassUID") == MEDIUM or "PixelData" not in dataset or not dataset.get("Rows"):
        kind = getattr(dataset.get("SOPClassUID"), "name", "of an unknown kind")
        raise ImageError(
            called,
            f"it holds no picture ({kind}), and the text of a report cannot be de-identified by rules",
            "Leave it out.",
        )
    if not dataset.get("SOPInstanceUID") or not dataset.file_meta.get("TransferSyntaxUID"):
        raise ImageError(
            called, "its header does not say which picture it is, or how it is encoded", "Export it again."
        )
    frames = _frames(dataset)
    if any(map(has_comments, frames)):
        raise ImageError(
            called,
            "its compressed frames carry comments, which may name somebody",
            "Decompress it, for instance with dcmdjpeg, and try again.",
        )


def _frames(dataset: "FileDataset") -> Iterator[bytes]:
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return iter(())
    count = max(int(dataset.get("NumberOfFrames") or 1), 1)
    frames: Iterator[bytes] = pydicom("pydicom.encaps").generate_frames(
        dataset.PixelData, number_of_frames=count
    )
    return frames


def _pixels(dataset: "FileDataset", called: str) -> np.ndarray | None:
    """Give the picture to be looked at; None where it is so compressed that it cannot be decoded here."""
    try:
        is_known = can_decode(dataset.file_meta.TransferSyntaxUID, bits=int(dataset.get("BitsStored") or 8))
    except NotImplementedError:
        return None
    return shown(dataset, called) if is_known else None


def _check_no_text(signs: Signs, called: str, *, reads_text: bool) -> None:
    if signs.is_found:
        found = "its header says so" if signs.is_stated else f"words read: {signs.n_words}"
        raise DataError(
            f"{called} has text in its pixels ({found}), which is not removed here. Blank it out with another program, "
            "or write the file all the same with --write-burned-in."
        )
    if signs.is_open:
        cure = "Install tesseract" if reads_text else "Leave out --no-ocr"
        raise DataError(
            f"{called} is of a kind that mostly has text in its pixels, and nobody looked. {cure}, or look at it and "
            "write it with --write-burned-in."
        )


def _state(dataset: "FileDataset", *, moves_dates: bool) -> None:
    """State in the file what was done with it, and give it a head of its own."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = list(METHOD)
    dataset.DeidentificationMethodCodeSequence = [
        _code(*code) for code in ((PROFILE, MOVED_DATES) if moves_dates else (PROFILE,))
    ]
    dataset.LongitudinalTemporalInformationModified = "MODIFIED" if moves_dates else "REMOVED"
    meta = pydicom("pydicom.dataset").FileMetaDataset()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.ImplementationClassUID = ROOT
    dataset.file_meta = meta
    dataset.preamble = bytes(128)  # It may hold anything, a whole other header too.


def _code(value: str, meaning: str) -> "Dataset":
    code: Dataset = pydicom().Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _encoded(dataset: "FileDataset") -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _check_written(content: bytes, pixels: bytes, done: Cleaned, called: str) -> None:
    """Read what would be written, and look for what must not be in it: in attributes, and in all bytes."""
    again = pydicom().dcmread(io.BytesIO(content))
    faults = [
        *(["its pixels have changed"] if again.PixelData != pixels else []),
        *(
            ["private attributes are left"]
            if any(element.tag.is_private for element in again.iterall())
            else []
        ),
        *(["a value that was removed is in its bytes"] if _holds(content, done.named) else []),
    ]
    if faults:
        raise DataError(
            f"{called} cannot be de-identified by rules: {faults[0]}. Look at it with a DICOM viewer, or leave it out."
        )


def _holds(content: bytes, values: set[str]) -> bool:
    return any(
        value.encode(encoding, "ignore") in content
        for value in values
        if len(value) >= LONGEST_IN_BYTES
        for encoding in ENCODINGS
        if len(value.encode(encoding, "ignore")) >= LONGEST_IN_BYTES
    )
