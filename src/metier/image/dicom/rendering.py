"""A DICOM file as a picture, as a viewer shows it first: PS3.3, C.7.6.3, C.7.6.16 and C.11 of the standard.

Stored values become those of the modality (slope and intercept, or a table), then greys by the first window or table
of the file; without one the values between the 1st and the 99th percentile are spread. Greys that are stored with
white as the least are inverted. Overlays and presentation states of other files are not drawn.
"""

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from metier.errors import ImageError
from metier.image.dicom.frames import middle_frame, stored_frame
from metier.image.dicom.loading import damage_named, pydicom, quiet, read_dataset
from metier.image.limits import MOST_BYTES, check_size

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

SPREAD = (1.0, 99.0)  # Percentiles.
WHITE = 255
EIGHT_BITS = 8
COLOURS = 3
# The sequences of functional groups in which enhanced files keep what others keep at the top.
GROUPS = {
    "WindowCenter": "FrameVOILUTSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
}


def rendered(stream: BinaryIO, called: str) -> np.ndarray:
    """Give the picture of a DICOM file; of several frames the middle one.

    Returns
    -------
    ndarray of uint8 of shape (height, width) or (height, width, 3)

    Raises
    ------
    ImageError
        If it holds no picture, cannot be decoded here, or is cut short.
    ImageTooLargeError
        If it has more pixels than `limits.MOST_PIXELS`.
    """
    dataset = read_dataset(stream, called, most_bytes=MOST_BYTES)
    with quiet():
        return shown(dataset, called)


def shown(dataset: "FileDataset", called: str) -> np.ndarray:
    """Give the picture of a file that was read; see `rendered`."""
    with damage_named(called):
        width, height = int(dataset.get("Columns") or 0), int(dataset.get("Rows") or 0)
        has_pixels = "PixelData" in dataset
    if not (width and height and has_pixels):
        raise ImageError(
            called,
            f"this DICOM file holds no picture ({_kind(dataset)})",
            "Leave it out, or name one that does.",
        )
    check_size(width, height, called)
    index = middle_frame(dataset)
    frame = stored_frame(dataset, index, called)
    with damage_named(called):
        if frame.ndim == COLOURS:
            return _to_eight_bits(frame, dataset)
        if str(dataset.get("PhotometricInterpretation")) == "PALETTE COLOR":
            return _from_palette(frame, dataset)
        return _greys(frame, dataset, index)


def _kind(dataset: "FileDataset") -> str:
    return str(getattr(dataset.get("SOPClassUID"), "name", None) or "of an unknown kind")


def _to_eight_bits(colours: np.ndarray, dataset: "FileDataset") -> np.ndarray:
    """Give colours of 8 bits; of those with more bits the upper ones."""
    bits = int(dataset.get("BitsStored") or EIGHT_BITS)
    eight: np.ndarray = (colours >> max(bits - EIGHT_BITS, 0)).astype(np.uint8)
    return eight


def _from_palette(frame: np.ndarray, dataset: "FileDataset") -> np.ndarray:
    colours = pydicom("pydicom.pixels").apply_color_lut(frame, dataset)[..., :COLOURS]
    eight: np.ndarray = (colours >> EIGHT_BITS if colours.itemsize > 1 else colours).astype(np.uint8)
    return eight


def _greys(frame: np.ndarray, dataset: "FileDataset", index: int) -> np.ndarray:
    """Give greys from 0 to 255 of stored values."""
    values = _of_modality(frame, dataset, index)
    window = _with_window(dataset, index)
    if "VOILUTSequence" in window:
        grey = _by_table(values, window)
    elif window.get("WindowCenter") not in (None, "") and _number(window.get("WindowWidth")) > 0:
        grey = by_window(
            values,
            centre=_number(window.WindowCenter),
            width=_number(window.WindowWidth),
            function=str(window.get("VOILUTFunction") or "LINEAR"),
        )
    elif values is frame and frame.dtype == np.uint8:
        grey = frame / (2 ** int(dataset.get("BitsStored") or EIGHT_BITS) - 1)
    else:
        grey = _spread(values, frame, dataset)
    if str(dataset.get("PhotometricInterpretation")) == "MONOCHROME1":
        grey = 1 - grey
    eight: np.ndarray = np.rint(np.clip(grey, 0, 1) * WHITE).astype(np.uint8)
    return eight


def _of_modality(frame: np.ndarray, dataset: "FileDataset", index: int) -> np.ndarray:
    """Give values of the modality, as Hounsfield units; the frame itself where the file states no change."""
    rescaled = _with_group(dataset, index, "RescaleSlope")
    if "ModalityLUTSequence" in dataset:
        values: np.ndarray = pydicom("pydicom.pixels").apply_modality_lut(frame, dataset)
        return values
    slope, intercept = rescaled.get("RescaleSlope"), rescaled.get("RescaleIntercept")
    if slope in (None, "") or (_number(slope) == 1 and not _number(intercept)):
        return frame
    return frame * _number(slope) + _number(intercept)


def _with_window(dataset: "FileDataset", index: int) -> "Dataset":
    return dataset if "VOILUTSequence" in dataset else _with_group(dataset, index, "WindowCenter")


def _with_group(dataset: "FileDataset", index: int, attribute: str) -> "Dataset":
    """Give the data set that holds an attribute for a frame: the file, or a functional group of it."""
    if attribute in dataset:
        return dataset
    frames, shared = (dataset.get(f"{which}FunctionalGroupsSequence") or () for which in ("PerFrame", "Shared"))
    for group in (*frames[index : index + 1], *shared[:1]):
        for found in group.get(GROUPS[attribute]) or ():
            return found  # type: ignore[no-any-return]
    return dataset


def by_window(values: np.ndarray, *, centre: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Give greys from 0 to 1 of values by a window: PS3.3, C.11.2.1.2 and C.11.2.1.3."""
    values = values.astype(np.float64)
    if function == "SIGMOID":
        # Where the exponent is too large the grey is 0, as it would be anyway.
        return 1 / (1 + np.exp(np.minimum(-4 * (values - centre) / width, 700)))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width <= 1:  # A threshold.
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _by_table(values: np.ndarray, dataset: "Dataset") -> np.ndarray:
    looked_up = pydicom("pydicom.pixels").apply_voi_lut(values, dataset, prefer_lut=True)
    bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
    greys: np.ndarray = looked_up / (2 ** (bits or 16) - 1)
    return greys


def _spread(values: np.ndarray, frame: np.ndarray, dataset: "FileDataset") -> np.ndarray:
    """Give greys by percentiles of what is not padding."""
    counted = values[~_is_padding(frame, dataset)]
    low, high = np.percentile(counted if counted.size else values, SPREAD)
    greys: np.ndarray = (values - low) / max(high - low, 1e-12)
    return greys


def _is_padding(frame: np.ndarray, dataset: "FileDataset") -> np.ndarray:
    first, last = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if not isinstance(first, int):
        return np.zeros(frame.shape, dtype=bool)
    ends = sorted((first, last if isinstance(last, int) else first))
    return (frame >= ends[0]) & (frame <= ends[1])


def _number(value: Any) -> float:
    """Give a number, of several the first; 0 for none."""
    first = value if isinstance(value, str | float | int | None) else next(iter(value), None)
    return 0.0 if first in (None, "") else float(first)
