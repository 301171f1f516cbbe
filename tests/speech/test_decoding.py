"""Decoding: every kind of file gives the same sound, and what is none gives a sentence."""

import subprocess
import sys
import tracemalloc
import wave

import numpy as np
import pytest

from metier.errors import AudioError, AudioTooLongError
from metier.speech import Recording, blocks, decoding, format_of, samples
from metier.speech.pieces import pieces, quietest
from tests.speech.conftest import EXAMPLES, SPOKEN, encoded

KINDS = {
    "WAV": ("wav", "pcm_s16le", 8_000, "stereo"),
    "FLAC": ("flac", "flac", 44_100, "stereo"),
    "MP3": ("mp3", "libmp3lame", 44_100, "mono"),
    "Ogg": ("ogg", "libopus", 48_000, "mono"),
    "M4A/MP4": ("ipod", "aac", 44_100, "stereo"),
    "WebM": ("webm", "libopus", 48_000, "stereo"),
    "AIFF": ("aiff", "pcm_s16be", 22_050, "mono"),
}


@pytest.fixture(scope="module")
def original():
    return samples(Recording.of_file(SPOKEN))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_sound(kind, original):
    form, codec, rate, layout = KINDS[kind]
    recording = Recording(encoded(form, codec, rate=rate, layout=layout), "what was sent")
    found, stated = samples(recording), format_of(recording)
    assert (stated.container, stated.rate, stated.channels) == (kind, rate, 1 if layout == "mono" else 2)
    assert found.dtype == np.float32
    assert abs(len(found) - len(original)) < 0.1 * decoding.RATE
    shared = min(len(found), len(original))
    assert np.corrcoef(found[:shared], original[:shared])[0, 1] > 0.95


def test_blocks_are_the_whole(original):
    found = list(blocks(Recording.of_file(SPOKEN), seconds=0.5))
    assert {len(one) for one in found[:-1]} == {8_000}
    assert np.array_equal(np.concatenate(found), original)


def test_the_content_decides_and_not_the_name(tmp_path, original):
    misnamed = tmp_path / "talk.mp3"
    misnamed.write_bytes(SPOKEN.read_bytes())
    assert np.array_equal(samples(Recording.of_file(misnamed)), original)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty (0 bytes)"),
        (b"hello, this is a text " * 10, "its content is not WAV, FLAC, MP3"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "its content is not WAV"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "its content is not WAV"),
        (SPOKEN.read_bytes()[:60], "it is cut short or damaged"),
        (SPOKEN.read_bytes()[:20_000], "it is cut short"),
        (b"fLaC" + bytes(range(256)) * 20, "it is cut short or damaged"),
    ],
)
def test_what_is_no_recording_is_refused_with_what_to_do(content, fault):
    with pytest.raises(AudioError, match="The recording x cannot be used") as raised:
        samples(Recording(content, "x"))
    assert fault in raised.value.fault
    assert raised.value.cure.endswith(".")


def silent_wav(seconds, *, rate=8_000):
    import io

    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * int(seconds * rate)))
    return written.getvalue()


def test_a_file_without_samples_and_a_cut_one_are_faults():
    with pytest.raises(AudioError, match="it holds no sound"):
        samples(Recording(silent_wav(0), "x"))
    with pytest.raises(AudioError, match=r"it is cut short: 8,0\d\d of the bytes"):
        samples(Recording(silent_wav(1)[:8_000], "x"))


def test_missing_files_and_folders_are_faults(tmp_path):
    for path, fault in ((tmp_path / "no.wav", "there is no such file"), (tmp_path, "it is a folder")):
        with pytest.raises(AudioError, match=fault):
            samples(Recording.of_file(path))


def test_too_long_is_refused_by_the_header_and_by_counting(monkeypatch):
    with pytest.raises(AudioTooLongError, match="it has 60 seconds or more; 10 seconds are allowed"):
        format_of(Recording(silent_wav(60), "x"), most_seconds=10)
    monkeypatch.setattr(decoding, "_format", lambda *_: decoding.Format("WAV", "x", 8_000, 1, None))
    with pytest.raises(AudioTooLongError, match="10 seconds are allowed"):
        list(blocks(Recording(silent_wav(60), "x"), most_seconds=10, seconds=1))
    monkeypatch.setattr(decoding, "MOST_BYTES", 1_000)
    with pytest.raises(AudioTooLongError, match="bytes; 1,000 bytes are allowed"):
        samples(Recording(silent_wav(60), "x"))


def test_minutes_are_decoded_in_the_memory_of_a_block(tmp_path):
    path = tmp_path / "minutes.wav"
    path.write_bytes(silent_wav(240, rate=1_000))
    tracemalloc.start()
    total = sum(len(block) for block in blocks(Recording.of_file(path), seconds=5))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 240 * decoding.RATE
    assert peak < 3_000_000  # The whole would be 15 MB.


def test_pieces_are_cut_where_it_is_quiet():
    noise = np.random.default_rng(0).normal(0, 0.1, 40 * decoding.RATE).astype(np.float32)
    noise[25 * decoding.RATE : 26 * decoding.RATE] = 0
    assert 25 <= quietest(noise) / decoding.RATE <= 26
    found = list(pieces(Recording.of_file(SPOKEN), seconds=1.0))
    assert len(found) > 1
    assert sum(len(piece) for _, piece in found) == len(samples(Recording.of_file(SPOKEN)))
    assert found[1][0] == pytest.approx(len(found[0][1]) / decoding.RATE)


def test_nothing_of_it_is_loaded_with_the_package():
    code = "import sys, metier, metier.speech; print(sorted({'av', 'faster_whisper', 'ctranslate2'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_digits_of_the_examples_are_read():
    found = samples(Recording.of_file(EXAMPLES / "spoken_digits" / "7" / "7_theo_0.wav"))
    assert 0.1 < len(found) / decoding.RATE < 1
