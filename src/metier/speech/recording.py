"""A recording that is not decoded yet: a file, or the bytes of one."""

from dataclasses import dataclass

from metier.media_file import MediaFile


@dataclass(frozen=True)
class Recording(MediaFile):
    """Where a recording is.

    Parameters
    ----------
    source : Path or bytes
        A file, or what a file of it would hold.
    called : str
        What messages call it: the file, or the field of a request.
    seconds : float
        As its header states them; 0 where it was not opened yet.
    """

    seconds: float = 0.0
