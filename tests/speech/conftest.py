import csv
import io
from pathlib import Path

import pytest

pytest.importorskip("av", reason="needs metier[speech]")
EXAMPLES = Path(__file__).parents[2] / "examples"
TOPICS = EXAMPLES / "spoken_topics"
SPOKEN = TOPICS / "audio" / "LJ001-0008.flac"  # "has never been surpassed", 1.5 s


def hear_topics():
    """Put what is said in the recordings of the example into the cache, so that no test waits for hearing."""
    from metier.speech import Recording, Segment, Transcript, Word, models, transcript_cache

    model = models.find_speech_model("whisper-tiny-en")
    with (TOPICS / "data.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            content = Recording.of_file(TOPICS / row["audio"]).digest()
            words = tuple(Word(f" {word}", 0.0, 1.0, 0.9) for word in row["said"].split())
            said = Transcript((Segment(0.0, 1.0, f" {row['said']}", words),), "en", 1.0, model.name)
            transcript_cache.write(transcript_cache.key_of(content, model.sha256, "en"), said)


def encoded(form, codec, *, rate, layout="mono", source=SPOKEN):
    """Give a recording as a file of another kind."""
    import av

    written = io.BytesIO()
    with av.open(str(source)) as read, av.open(written, "w", format=form) as media:
        stream = media.add_stream(codec, rate=rate)
        stream.layout = layout
        for frame in read.decode(audio=0):
            for packet in stream.encode(frame):
                media.mux(packet)
        for packet in stream.encode(None):
            media.mux(packet)
    return written.getvalue()
