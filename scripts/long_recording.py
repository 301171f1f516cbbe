"""Transcribe hours of speech: peak memory, processor time and whether all of it was heard.

The recording is made of those of a set (a folder with `data.csv`, columns `audio` and `text`), one after another with a
pause, again and again until it is long enough. It is heard in a process of its own, by `metier transcribe`.

    python scripts/long_recording.py --data FOLDER/ljspeech_sample_en --hours 3
"""

import argparse
import csv
import json
import os
import resource
import sys
import tempfile
import wave
from itertools import cycle
from pathlib import Path

import numpy as np

from metier.evaluation.speech_measures import word_error_rate
from metier.speech import Recording, samples

RATE = 16_000


def main() -> None:
    """Make the recording, hear it, and print one line."""
    asked = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    asked.add_argument("--data", type=Path, required=True, help="Folder of a set.")
    asked.add_argument("--hours", type=float, default=3.0)
    asked.add_argument("--pause", type=float, default=0.6, help="Seconds of silence after each recording.")
    asked.add_argument("--base", default="whisper-tiny-en")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        said = _write(path, given.data, seconds=given.hours * 3600, pause=given.pause)
        out = path.with_suffix(".json")
        command = ["transcribe", str(path), "--base", given.base, "--threads", "1", "--out", str(out)]
        if status := os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-m", "metier", *command]):  # noqa: S606
            raise SystemExit(status)
        heard = json.loads(out.read_text("utf-8"))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    hours = heard["duration"] / 3600
    print(
        f"{hours:.2f} h by {given.base}: {used.ru_maxrss / 1e6:.2f} GB at most, "
        f"{(used.ru_utime + used.ru_stime) / hours:.0f} processor seconds an hour, "
        f"word error rate {word_error_rate([said], [heard['text']]):.3f}, "
        f"{len(heard.get('left_out', []))} segments left out"
    )


def _write(path: Path, data: Path, *, seconds: float, pause: float) -> str:
    """Write the recording, and give what is said in it."""
    with (data / "data.csv").open(encoding="utf-8", newline="") as file:
        rows = [(samples(Recording.of_file(data / row["audio"])), row["text"]) for row in csv.DictReader(file)]
    silence, said, written = np.zeros(int(pause * RATE), dtype=np.float32), list[str](), 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for sound, text in cycle(rows):
            if written >= seconds * RATE:
                return " ".join(said)
            whole = np.concatenate([sound, silence])
            file.writeframes((np.clip(whole, -1, 1) * 32_767).astype("<i2").tobytes())
            said.append(text)
            written += len(whole)
    return " ".join(said)


if __name__ == "__main__":
    main()
