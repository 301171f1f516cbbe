"""The one place where audio is decoded: what comes out is one channel of 16,000 samples a second, -1 to 1.

Audio is decoded by PyAV, which brings the libraries of FFmpeg, a packet at a time: a recording of hours takes no more
memory than one of seconds, and its length is counted while it is decoded, as a small file can hold days of silence.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.errors import AudioError, AudioTooLongError, MissingExtraError
from metier.media_file import AGAIN, DAMAGE, read_faults
from metier.speech.containers import HEAD_BYTES, KNOWN, Container, container_of, missing_bytes
from metier.speech.recording import Recording

RATE = 16_000  # Samples a second, what speech models take.
MOST_BYTES = 2_500_000_000  # Of a file: more than three hours of stereo of a studio.
MOST_SECONDS = 4 * 3600.0
BLOCK_SECONDS = 30.0
# A file of which so much less comes out than its header states was cut short; what is missing below is padding.
MISSING_SECONDS, MISSING_FRACTION = 0.5, 0.02
MISSING_BYTES = 1_000  # Of a WAV file, whose last words some recorders forget to count.
BROKEN_FRACTION = 0.05  # Of the packets: fewer are a scratch, and are skipped.


@dataclass(frozen=True)
class Format:
    """What the header of a recording states.

    Parameters
    ----------
    container, codec : str
        Kind of the file, and of the sound in it.
    rate : int
        Samples a second.
    channels : int
    seconds : float or None
        None: it is not stated.
    """

    container: str
    codec: str
    rate: int
    channels: int
    seconds: float | None


def format_of(recording: Recording, *, most_seconds: float = MOST_SECONDS) -> Format:
    """Give what the header states; no sound is decoded.

    Raises
    ------
    AudioError, AudioTooLongError
        As `blocks` does.
    """
    with _opened(recording) as (_, stream, container):
        found = _format(stream, container)
    _check_seconds(found.seconds or 0, recording.called, most_seconds)
    return found


def samples(recording: Recording, *, most_seconds: float = MOST_SECONDS) -> np.ndarray:
    """Decode the whole of a recording.

    Returns
    -------
    ndarray of float32 of shape (n_samples,)
        4 bytes a sample: 3.8 MB a minute.

    Raises
    ------
    AudioError, AudioTooLongError
        As `blocks` does.
    """
    return np.concatenate(list(blocks(recording, most_seconds=most_seconds)))


def blocks(
    recording: Recording, *, seconds: float = BLOCK_SECONDS, most_seconds: float = MOST_SECONDS
) -> Iterator[np.ndarray]:
    """Decode a recording in blocks of some seconds, the last one shorter.

    Parameters
    ----------
    seconds : float
        Of one block.
    most_seconds : float
        A longer recording is refused: by its header, or once so much of it is decoded.

    Yields
    ------
    ndarray of float32 of shape (n_samples,)

    Raises
    ------
    AudioError
        If it is missing, is no audio by its content, has no sound, or is cut short or damaged.
    AudioTooLongError
        If it has too many seconds or bytes.
    """
    size, held, n_held, n_all = int(seconds * RATE), list[np.ndarray](), 0, 0
    with _opened(recording) as (media, stream, container):
        stated = _format(stream, container).seconds
        _check_seconds(stated or 0, recording.called, most_seconds)
        for part in _decoded(media, stream, recording.called):
            held.append(part)
            n_held, n_all = n_held + len(part), n_all + len(part)
            _check_seconds(n_all / RATE, recording.called, most_seconds)
            while n_held >= size:
                whole = np.concatenate(held)
                yield whole[:size]
                held, n_held = [whole[size:]], n_held - size
        _check_whole(n_all / RATE, stated if container.states_length else None, recording.called)
    if n_held:
        yield np.concatenate(held)


def _av() -> Any:
    """Give PyAV, which is loaded with the first recording: texts need none of it."""
    try:
        av = importlib.import_module("av")
    except ModuleNotFoundError:
        raise MissingExtraError("Reading audio", extra="speech") from None
    av.logging.set_level(None)  # What FFmpeg prints about damaged files is said in our errors.
    return av


@contextmanager
def _opened(recording: Recording) -> Iterator[tuple[Any, Any, Container]]:
    """Open a recording for the one reader that its content asks for: the file, its audio stream, its kind."""
    av, called = _av(), recording.called
    with read_faults(AudioError, recording, (av.error.FFmpegError, *DAMAGE)), recording.open() as file:
        container = _checked_kind(file, called)
        with av.open(file, mode="r", format=container.reader, metadata_errors="ignore") as media:
            stream = media.streams.best("audio")
            if stream is None:
                raise AudioError(called, "it has no audio track", "Give a recording, or leave it out.")
            yield media, stream, container


def _checked_kind(file: Any, called: str) -> Container:
    n_bytes = file.seek(0, 2)
    file.seek(0)
    if n_bytes == 0:
        raise AudioError(called, "it is empty (0 bytes)", AGAIN)
    if n_bytes > MOST_BYTES:
        raise AudioTooLongError(called, f"{n_bytes:,} bytes", f"{MOST_BYTES:,} bytes")
    head = file.read(HEAD_BYTES)
    file.seek(0)
    container = container_of(head)
    if container is None:
        raise AudioError(called, f"its content is not {KNOWN}", "Save it as one of these, or leave it out.")
    missing = missing_bytes(head, n_bytes)
    if missing > max(n_bytes * MISSING_FRACTION, MISSING_BYTES):
        fault = f"it is cut short: {missing:,} of the bytes that its header states are not there"
        raise AudioError(called, fault, AGAIN)
    return container


def _format(stream: Any, container: Container) -> Format:
    context = stream.codec_context
    seconds = None
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif stream.container.duration is not None:
        seconds = stream.container.duration / 1e6
    return Format(container.name, context.name, context.sample_rate or 0, context.channels or 0, seconds)


def _decoded(media: Any, stream: Any, called: str) -> Iterator[np.ndarray]:
    """Decode packet by packet, and give what the resampler has ready; the last piece of it comes at the end."""
    av = _av()
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    n_packets = n_broken = 0
    for packet in media.demux(stream):
        n_packets += 1
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            n_broken += 1
            continue
        for frame in frames:
            frame.pts = None  # Gaps in the time stamps of a damaged file would stop the resampler.
            yield from _arrays(resampler.resample(frame))
    if n_broken > max(1, BROKEN_FRACTION * n_packets):
        fault = f"it is damaged ({n_broken:,} of its {n_packets:,} packets cannot be decoded)"
        raise AudioError(called, fault, AGAIN)
    if n_packets > n_broken:
        yield from _arrays(resampler.resample(None))


def _arrays(frames: Any) -> Iterator[np.ndarray]:
    for frame in frames:
        if frame.samples:
            # A copy: the frame's own memory is used again.
            yield np.array(frame.to_ndarray()[0], dtype=np.float32)


def _check_seconds(found: float, called: str, most: float) -> None:
    if found > most:
        raise AudioTooLongError(called, f"{found:,.0f} seconds or more", f"{most:,.0f} seconds")


def _check_whole(decoded: float, stated: float | None, called: str) -> None:
    if decoded == 0:
        raise AudioError(called, "it holds no sound (0 samples)", "Record it again, or leave it out.")
    if stated is not None and decoded < stated * (1 - MISSING_FRACTION) - MISSING_SECONDS:
        fault = f"it is cut short: {decoded:.1f} of the {stated:.1f} seconds that its header states are there"
        raise AudioError(called, fault, AGAIN)
