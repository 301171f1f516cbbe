"""Reading that fails closed: a file that ends too early is refused, wherever it was cut.

pydicom gives what it could read of a file that is cut short, which is right for looking and wrong for writing: what was
not read can neither be de-identified nor be kept.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.errors import ImageError
from metier.image.dicom.loading import damage_named, pydicom, quiet, read_dataset
from metier.image.dicom.recognising import is_dicom
from metier.image.limits import check_bytes

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

MOST_BYTES = 2_000_000_000  # Of a file; it is held in memory, and so is what is made of it.
HEAD = 8  # Bytes of the head of an element; longer reads may end at the end of a file.
CURE = "Get the file from its source again."


class _Watched(io.BytesIO):
    """Bytes that remember whether the head of an element was cut."""

    was_cut = False

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if size is not None and 0 < size <= HEAD and 0 < len(found) < size:
            self.was_cut = True
        return found


def read_whole(path: Path) -> "FileDataset":
    """Read a DICOM file with all its attributes.

    Raises
    ------
    ImageError
        If it cannot be read, is not a DICOM file, or ends too early.
    ImageTooLargeError
        If it has more than `MOST_BYTES`.
    """
    called = str(path)
    with _opened(path) as stream:
        check_bytes(stream, called, most=MOST_BYTES)
        if not is_dicom(stream):
            raise ImageError(called, "it is not a DICOM file", "Leave it out.")
        watched = _Watched(stream.read())
    settings, strict = pydicom("pydicom.config").settings, pydicom("pydicom.config").RAISE
    with quiet():
        before = settings.reading_validation_mode
        settings.reading_validation_mode = strict  # Else it hides that a file ends inside a sequence.
        try:
            dataset = read_dataset(watched, called, most_bytes=MOST_BYTES)
        finally:
            settings.reading_validation_mode = before
        if watched.was_cut or _is_cut(dataset):
            raise ImageError(called, "it is cut short", CURE)
        with damage_named(called):
            _check_frames(dataset, called)
        with damage_named(called):
            dataset.decode()  # Texts become texts by the character set that the file states.
    return dataset


def _opened(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise ImageError(
            str(path), "there is no such file", "Correct the path, or put the file there."
        ) from None
    except PermissionError:
        raise ImageError(str(path), "this user may not read it", "Change its permissions (chmod +r).") from None
    except OSError as error:
        raise ImageError(str(path), f"it cannot be read ({error.strerror or error})", CURE) from None


def _check_frames(dataset: "Dataset", called: str) -> None:
    """Refuse a picture of fewer frames than its header states."""
    data = dataset.get("PixelData")
    if data is None or dataset.get("Rows") is None or dataset.get("Columns") is None:
        return
    n_stated = int(dataset.get("NumberOfFrames") or 1)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        n_found: int = pydicom("pydicom.encaps").parse_fragments(data)[0]  # A frame has one or more.
    else:
        one = pydicom("pydicom.pixels.utils").get_expected_length(dataset, unit="bytes") / n_stated
        n_found = int(len(data) // one) if one >= 1 else n_stated
    if n_found < n_stated:
        fault = f"it is cut short: {n_found:,} of the {n_stated:,} frames that its header states are there"
        raise ImageError(called, fault, CURE)


def _is_cut(dataset: "Dataset") -> bool:
    """Whether a value has fewer bytes than its head states; in sequences too, as far as they were parsed."""
    raw = pydicom("pydicom.dataelem").RawDataElement
    undefined = 0xFFFFFFFF
    for element in list(dataset._dict.values()):
        if isinstance(element, raw):
            is_counted = element.length not in (0, undefined)
            if is_counted and len(element.value or b"") != element.length:
                return True
            continue
        items: Any = element.value if element.VR == "SQ" else ()
        if any(_is_cut(item) for item in items):
            return True
    return False
