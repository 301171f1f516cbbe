"""The kinds of audio files that are opened, seen by their first bytes.

FFmpeg has readers for hundreds of formats, and some of them are lists that make it open other files and addresses. So a
file is given to the one reader that its first bytes ask for, whatever its name says, and to none where they ask for none.
"""

from dataclasses import dataclass

KNOWN = "WAV, FLAC, MP3, Ogg (Vorbis, Opus), M4A/MP4, AAC, AIFF or WebM"
SUFFIXES = frozenset(
    {
        *(".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus"),
        *(".m4a", ".mp4", ".aac", ".aif", ".aiff", ".webm", ".mka"),
    }
)
HEAD_BYTES = 64


@dataclass(frozen=True)
class Container:
    """A kind of file.

    Parameters
    ----------
    name : str
        For people.
    reader : str
        FFmpeg's name of the reader.
    states_length : bool
        Whether its header says how long it is, so that a file that ends too early is noticed.
    """

    name: str
    reader: str
    states_length: bool = False


WAV = Container("WAV", "wav", states_length=True)
FLAC = Container("FLAC", "flac", states_length=True)
MP3 = Container("MP3", "mp3")
OGG = Container("Ogg", "ogg")
MP4 = Container("M4A/MP4", "mov", states_length=True)
AAC = Container("AAC", "aac")
AIFF = Container("AIFF", "aiff", states_length=True)
WEBM = Container("WebM", "matroska", states_length=True)


def container_of(head: bytes) -> Container | None:
    """Give the kind of a file by its first bytes; None where it is no audio file that is known."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return WAV
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return AIFF
    if head[4:8] == b"ftyp":
        return MP4
    for signature, container in ((b"fLaC", FLAC), (b"OggS", OGG), (b"\x1aE\xdf\xa3", WEBM), (b"ID3", MP3)):
        if head.startswith(signature):
            return container
    return _by_sync(head)


def _by_sync(head: bytes) -> Container | None:
    """Give the kind of a stream without a header, whose frames begin with eleven or twelve ones."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer = head[1] >> 1 & 0b11
    if layer == 0:
        return AAC if head[1] & 0xF0 == 0xF0 else None
    return MP3


def missing_bytes(head: bytes, n_bytes: int) -> int:
    """Give how many bytes fewer than a WAV file's header states are there; 0 where none, or of other kinds of files.

    FFmpeg takes the size of the file where it is smaller, so what is cut would not be noticed.
    """
    if head[:4] != b"RIFF" or container_of(head) is not WAV:
        return 0
    stated = int.from_bytes(head[4:8], "little")
    # What is written to a pipe cannot go back to state its size.
    return 0 if stated in (0, 0xFFFFFFFF, 0x7FFFFFFF) else max(0, stated + 8 - n_bytes)
