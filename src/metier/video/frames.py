"""One picture a scene of a video: frames are compared as small grey thumbnails, a change of most of them is a cut.

Frames are decoded by PyAV one after the other and looked at twice a second; of each scene one picture is kept, made small,
so a film of two hours takes no more memory than its scenes. A file is given to the reader that its first bytes ask for,
and to no other: FFmpeg has readers for lists that open other files and addresses.
"""

import importlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import MissingExtraError, VideoError, VideoTooLongError
from metier.image.limits import MOST_PIXELS
from metier.image.picture import Picture
from metier.media_file import AGAIN, DAMAGE, MediaFile, read_faults

KNOWN = "MP4/MOV or WebM/Matroska"
HEAD_BYTES = 16
MOST_SECONDS = 2 * 3600.0
MOST_SCENES = 1000
LOOKED_EVERY = 0.5  # Seconds between frames that are looked at.
THUMBNAIL = 32  # Pixels of a side.
CUT = 24.0  # Mean absolute difference of two thumbnails, of 255, from which it is another scene.
LONGEST_SIDE = 512  # Of a picture that is kept, in pixels.


@dataclass(frozen=True)
class Scene:
    """Some seconds that look alike.

    Parameters
    ----------
    start, end : float
        In seconds from the beginning of the video.
    picture : Picture
        One of its frames.
    """

    start: float
    end: float
    picture: Picture


def scenes(path: str | Path, *, most_seconds: float = MOST_SECONDS) -> list[Scene]:
    """Cut a video into scenes.

    Parameters
    ----------
    most_seconds : float
        A longer video is refused: by its header, or once so much of it is decoded.

    Raises
    ------
    VideoError
        If it is missing, is no video by its content, has no frames, or is damaged.
    VideoTooLongError
        If it has too many seconds, scenes or pixels.
    MissingExtraError
        If PyAV is not installed.
    """
    called, found = str(path), list[Scene]()
    begun: tuple[float, np.ndarray, Any] | None = None
    end = 0.0
    for start, shown, frame in _looked_at(Path(path), most_seconds):
        end = start + shown
        thumbnail = frame.to_ndarray(width=THUMBNAIL, height=THUMBNAIL, format="gray").astype(np.float32)
        if begun is not None and float(np.abs(thumbnail - begun[1]).mean()) < CUT:
            continue
        if begun is not None:
            found.append(Scene(begun[0], start, begun[2]))
        if len(found) >= MOST_SCENES:
            raise VideoTooLongError(called, f"more than {MOST_SCENES:,} scenes", f"{MOST_SCENES:,} scenes")
        begun = start, thumbnail, _kept(frame, called, start)
    if begun is None:
        raise VideoError(called, "it has no frames", "Record it again, or give another file.")
    found.append(Scene(begun[0], end, begun[2]))
    return found


def _looked_at(path: Path, most_seconds: float) -> Iterator[tuple[float, float, Any]]:
    """Give frames some time apart: the second of each, how long it is shown at least, and the frame."""
    called, following = str(path), 0.0
    with _opened(path) as (media, stream):
        stated = media.duration / 1e6 if media.duration else 0.0
        _check_seconds(stated, called, most_seconds)
        rate = float(stream.average_rate or 0) or 1 / LOOKED_EVERY
        for number, frame in enumerate(media.decode(stream)):
            seconds = number / rate if frame.time is None else max(0.0, float(frame.time))
            _check_seconds(seconds, called, most_seconds)
            if frame.width * frame.height > MOST_PIXELS:
                raise VideoTooLongError(
                    called, f"{frame.width:,} x {frame.height:,} pixels", f"{MOST_PIXELS:,} pixels"
                )
            if seconds >= following:
                following = seconds + LOOKED_EVERY
                yield seconds, max(1 / rate, min(LOOKED_EVERY, stated - seconds)), frame


def _kept(frame: Any, called: str, seconds: float) -> Picture:
    """Give a frame as a small picture."""
    factor = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
    size = (max(1, round(frame.width * factor)), max(1, round(frame.height * factor)))
    image = frame.to_image(width=size[0], height=size[1])
    written = io.BytesIO()
    image.save(written, "PNG")
    return Picture(written.getvalue(), f"{called} at {seconds:.1f} s", size[0] * size[1])


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a video for the one reader that its content asks for: the file and its first video stream."""
    av, video = _av(), MediaFile.of_file(path)
    with read_faults(VideoError, video, (av.error.FFmpegError, *DAMAGE)), video.open() as file:
        reader = _reader_of(file.read(HEAD_BYTES), video.called)
        file.seek(0)
        with av.open(file, mode="r", format=reader, metadata_errors="ignore") as media:
            stream = next(iter(media.streams.video), None)
            if stream is None:
                raise VideoError(video.called, "it has no frames", "Give a video; sound alone is a recording.")
            yield media, stream


def _reader_of(head: bytes, called: str) -> str:
    """Give FFmpeg's name of the reader for a file that begins with these bytes."""
    if not head:
        raise VideoError(called, "it is empty (0 bytes)", AGAIN)
    if head[4:8] == b"ftyp":
        return "mov"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    raise VideoError(called, f"its content is not {KNOWN}", "Save it as one of these, or leave it out.")


def _av() -> Any:
    """Give PyAV, which is loaded with the first video."""
    try:
        av = importlib.import_module("av")
    except ModuleNotFoundError:
        raise MissingExtraError("Reading videos", extra="speech") from None
    av.logging.set_level(None)  # What FFmpeg prints about damaged files is said in our errors.
    return av


def _check_seconds(found: float, called: str, most: float) -> None:
    if found > most:
        raise VideoTooLongError(called, f"{found:,.0f} seconds or more", f"{most:,.0f} seconds")
