"""What the recordings are like: silent, very short or long, of few samples a second, and equal under different labels."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.figures import count_of
from metier.speech.models import EVERY, installed_models
from metier.speech.survey import Sound, sound_of

SHORT_SECONDS = 0.3  # A word takes about as long.
LONG_SECONDS = 600.0  # Its transcript is longer than what most models read of a text.
LOW_RATE = 8_000  # Samples a second of a telephone; below that consonants are lost.


def check_recordings(rows: Rows) -> Iterator[Finding]:
    """Find recordings in which nothing or little can be heard, and those that are too long for one text."""
    if rows.roles.audio is None:
        return
    if not rows.has_texts:
        yield from _speech_model(rows)
    positions, sounds = sounds_of(rows)
    for check, severity, is_so, sentence, remedy in _FAULTS:
        found = [(at, sound) for at, sound in zip(positions, sounds, strict=True) if is_so(sound)]
        if found:
            at = [position for position, _ in found]
            yield Finding(
                check,
                severity,
                sentence.format(recordings=count_of(len(found), "recording")),
                positions_of(at),
                rows.origin,
                examples_of(rows, at, seconds=[round(sound.seconds, 2) for _, sound in found]),
                remedy,
            )


def _speech_model(rows: Rows) -> Iterator[Finding]:
    """Say which model would hear them where it is of one language, as nobody notices before the texts are nonsense."""
    found = installed_models()
    if not found:
        yield Finding(
            "no-speech-model",
            "warning",
            "no speech model is installed, so training cannot hear these recordings",
            origin=rows.origin,
            remedy="pip install 'metier[speech]', or train with --base speech=FOLDER",
        )
    elif found[0].languages != EVERY:
        yield Finding(
            "speech-language",
            "note",
            f"{found[0].name} would hear these recordings, and hears {', '.join(found[0].languages)} alone",
            origin=rows.origin,
            remedy="--base speech=FOLDER names a model of another language",
        )


# The name of each finding, how grave it is, what shows it, what is said and what to do.
_FAULTS: tuple[tuple[str, Any, Any, str, str], ...] = (
    (
        "silent-recordings",
        "warning",
        lambda sound: sound.is_silent,
        "{recordings} with nothing to be heard (silence)",
        "record them again, or remove them",
    ),
    (
        "short-recordings",
        "note",
        lambda sound: sound.seconds < SHORT_SECONDS,
        "{recordings} shorter than 0.3 seconds, in which a speech model hears little",
        "record more around them",
    ),
    (
        "long-recordings",
        "warning",
        lambda sound: sound.seconds > LONG_SECONDS,
        "{recordings} longer than 10 minutes: most models read the first part of such a text alone",
        "cut them into parts that have one label each",
    ),
    (
        "low-rate-recordings",
        "note",
        lambda sound: sound.rate < LOW_RATE,
        "{recordings} with fewer than 8,000 samples a second, in which consonants are lost",
        "record with 16,000 samples a second",
    ),
)


def sounds_of(rows: Rows) -> tuple[list[int], list[Sound]]:
    """Give the positions of the rows that have a recording, and what is known of each; it was decoded before."""
    named = rows.column("audio")
    positions = [at for at, name in enumerate(named) if name]
    files = rows.audio_files
    return positions, [sound_of(files[at]) for at in positions]


def sound_facts(rows: Rows) -> dict[str, Any]:
    """Give how long recordings are in all, on average and at most, their rates and their channels."""
    _, sounds = sounds_of(rows)
    seconds = np.array([sound.seconds for sound in sounds])
    return {
        "seconds": round(float(seconds.sum()), 1),
        "median_seconds": round(float(np.median(seconds)), 2),
        "longest_seconds": round(float(seconds.max()), 2),
        "rates": _counted([sound.rate for sound in sounds]),
        "channels": _counted([sound.channels for sound in sounds]),
    }


def _counted(values: Sequence[int]) -> dict[str, int]:
    found, counts = np.unique(values, return_counts=True)
    return {str(value): int(count) for value, count in zip(found, counts, strict=True)}
