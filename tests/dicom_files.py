"""Small DICOM files made of arrays and of drawings, each with names that must not come out again."""

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

MR = "1.2.840.10008.5.1.4.1.1.4"
PERSON = "Zimmermann^Aloysia"
NUMBER = "KH-0815-4711"


def made(pixels, *, photometric=None, bits=None, compression=ExplicitVRLittleEndian, frames=None, **attributes):
    """Give a data set of an image: greys of shape (height, width), or colours of shape (height, width, 3)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = compression
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MR
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.Modality = PERSON, NUMBER, "MR"
    is_coloured = pixels.ndim == 3 and frames is None
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1] if is_coloured else pixels.shape[-2:]
    dataset.SamplesPerPixel = 3 if is_coloured else 1
    dataset.PhotometricInterpretation = photometric or ("RGB" if is_coloured else "MONOCHROME2")
    if is_coloured:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * pixels.itemsize
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if frames is not None:
        dataset.NumberOfFrames = frames
    dataset.PixelData = pixels.tobytes()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def written(dataset, path):
    """Write a data set as a file, and give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def encapsulated(dataset, frames, compression):
    """Give the data set with frames that are compressed."""
    dataset.file_meta.TransferSyntaxUID = compression
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    return dataset


def ramp(side=32, dtype=np.uint8, low=0, high=255):
    """Give greys that rise from left to right."""
    return np.tile(np.linspace(low, high, side), (side, 1)).round().astype(dtype)


__all__ = [
    "MR",
    "NUMBER",
    "PERSON",
    "SecondaryCaptureImageStorage",
    "Sequence",
    "encapsulated",
    "made",
    "ramp",
    "written",
]
