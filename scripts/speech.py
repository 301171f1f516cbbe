"""Measure speech models on recordings whose words are known: WER and CER with intervals, and the time of a minute of sound.

Each set is a folder with `data.csv`, whose columns `audio` and `text` name a recording and what is said in it. Nothing is
taken from the cache, so that times are those of hearing; processor time is reported, which other programs do not change.
Rates are compared with those of jiwer on the same normalised texts.

    python scripts/speech.py --data FOLDER --base whisper-tiny-en --out docs/measurements/speech.json
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import jiwer

from metier.data import Rows, read
from metier.evaluation import interval_of
from metier.speech import Recording, Transcriber
from metier.text.spoken_forms import spoken_characters, spoken_words

SETS = ("ljspeech_sample_en", "speech_utterances_en", "free_spoken_digits", "aishell_sample_zh")


def main() -> None:
    """Measure each model on each set, print the table and write the figures."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, required=True, help="Folder that holds the sets.")
    asked.add_argument("--sets", nargs="*", default=SETS)
    asked.add_argument("--base", nargs="*", default=["whisper-tiny-en"], help="Speech models.")
    asked.add_argument(
        "--most", type=int, help="Measure every n-th test recording so that at most so many are heard."
    )
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--out", type=Path, help="JSON file for the figures.")
    given = asked.parse_args()
    found = []
    print("| set | model | recordings | minutes | WER % | CER % | unsure words % | CPU s a minute |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name in given.sets:
        for base in given.base:
            transcriber = Transcriber(base, threads=given.threads, caches=False)
            facts = measured(_rows(given.data / name / "data.csv", given.most), transcriber)
            found.append({"set": name, "model": base, **facts})
            print(_line(found[-1]), flush=True)
            if given.out is not None:
                given.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _rows(path: Path, most: int | None) -> Rows:
    rows = read(path, text="text", audio="audio", label="none", target="none")
    at = list(range(len(rows)))
    if "split" in rows.table.column_names:
        at = [
            position for position, split in enumerate(rows.table.column("split").to_pylist()) if split == "test"
        ]
    step = 1 if most is None else -(-len(at) // most)
    return rows.take(at[::step])


def measured(rows: Rows, transcriber: Transcriber) -> dict[str, Any]:
    """Give the error rates with intervals over utterances, how sure the model is, and the time it takes."""
    files, said = rows.audio_files, list(rows.texts)
    transcriber.transcribe(Recording.of_file(files[0]))  # Loads the model, which is not hearing.
    begun = time.process_time()
    heard = [transcriber.transcribe(Recording.of_file(path)) for path in files]
    spent = time.process_time() - begun
    texts, minutes = [one.text for one in heard], sum(one.seconds for one in heard) / 60
    words = [word for one in heard for word in one.words]
    rates = {name: interval_of(name, said, texts) for name in ("wer", "cer")}
    _check(said, texts, wer=rates["wer"].value, cer=rates["cer"].value)
    return {
        "recordings": len(rows),
        "minutes": round(minutes, 2),
        **{name: [one.value, one.low, one.high] for name, one in rates.items()},
        "unsure": sum(not word.is_sure for word in words) / max(1, len(words)),
        "confidence": sum(word.probability for word in words) / max(1, len(words)),
        "without_words": sum(not text for text in texts),
        "cpu_seconds_a_minute": round(spent / minutes, 2),
        "heard": texts,
    }


def _check(said: list[str], texts: list[str], *, wer: float, cer: float) -> None:
    """Compare the rates with those of jiwer on the same normalised texts; raises where they differ."""
    words = [[" ".join(spoken_words(text)) for text in each] for each in (said, texts)]
    characters = [["".join(spoken_characters(text)) for text in each] for each in (said, texts)]
    if not (math.isclose(jiwer.wer(*words), wer) and math.isclose(jiwer.cer(*characters), cer)):
        raise SystemExit(f"jiwer says {jiwer.wer(*words):.4f} and {jiwer.cer(*characters):.4f}")


def _line(facts: dict[str, Any]) -> str:
    rates = ["{:.1f} [{:.1f}, {:.1f}]".format(*(100 * end for end in facts[name])) for name in ("wer", "cer")]
    return (
        f"| {facts['set']} | {facts['model']} | {facts['recordings']} | {facts['minutes']:.1f} | {rates[0]} | {rates[1]} | "
        f"{100 * facts['unsure']:.0f} | {facts['cpu_seconds_a_minute']:.1f} |"
    )


if __name__ == "__main__":
    main()
