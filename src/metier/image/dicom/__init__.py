"""DICOM: pictures of it, whose they are, and files without what names a person."""

from metier.image.dicom.headers import Header, header_of
from metier.image.dicom.recognising import is_dicom, is_dicom_file
from metier.image.dicom.rendering import rendered

__all__ = ["Header", "header_of", "is_dicom", "is_dicom_file", "rendered"]
