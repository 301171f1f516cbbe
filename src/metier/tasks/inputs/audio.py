"""Input: one recording, as the path of a file or as its bytes."""

import io
import wave
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from metier.errors import AudioError, AudioTooLongError
from metier.speech.decoding import RATE, format_of
from metier.speech.recording import Recording
from metier.tasks.inputs.media_kind import MediaKind

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from metier.data.rows import Rows

KEY = "audio"
MOST_SECONDS_SENT = 600.0  # Of a recording in a request.


def _silence() -> bytes:
    """A tenth of a second in which nothing is heard, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(2 * (RATE // 10)))
    return file.getvalue()


SILENCE = _silence()


@dataclass(frozen=True)
class Audio(MediaKind):
    """One recording; an item is `{"audio": path or bytes}`, read it is a `Recording`."""

    name: ClassVar[str] = "audio"
    key: ClassVar[str] = KEY
    keys: ClassVar[tuple[str, ...]] = (KEY,)
    noun: ClassVar[str] = "a recording"
    roles: ClassVar[tuple[str, ...]] = (KEY,)
    parts: ClassVar[tuple[str, ...]] = (KEY,)
    file: ClassVar[type[Recording]] = Recording
    error: ClassVar[type[AudioError]] = AudioError
    limit: ClassVar[type[AudioTooLongError]] = AudioTooLongError

    @property
    def example(self) -> dict[str, str]:
        """A question with the path of a file."""
        return {KEY: "call.wav"}

    @property
    def trial(self) -> dict[str, bytes]:
        """A recording of silence, which needs no file."""
        return {KEY: SILENCE}

    def received(self, item: Any, *, field: str, most_bytes: int) -> Recording:
        """Give the recording of a request, which its base64 holds; it is not decoded yet.

        Raises
        ------
        AudioError, AudioTooLongError
            If it is not base64, is no recording by its content, or has too many bytes or seconds.
        """
        recording: Recording = self.sent(item[KEY], field=field, most_bytes=most_bytes)
        seconds = format_of(recording, most_seconds=MOST_SECONDS_SENT).seconds
        return replace(recording, seconds=seconds or 0.0)

    def row_faults(self, rows: "Rows") -> dict[int, str]:
        """Give why rows cannot be asked, in a clause, by their positions: no recording, or none that can be used."""
        return rows.audio_faults

    def from_rows(self, rows: "Rows") -> list[dict[str, str]]:
        """Give the recording of each row, by its path."""
        rows.values(KEY)  # Raises where a row has none.
        return [{KEY: path} for path in rows.audio_files]


AUDIO = Audio()
