"""What tuning a speech model on a company's words gains and costs, written to docs/speech_tuning.md.

    python scripts/company_words.py [--data FOLDER] [--runs FOLDER] [--epochs N] [--sizes TRAIN,TEST] [--digits N]
                                   [--seed N]

Terms are invented and spoken by espeak-ng (it has to be installed); voices and sentences of the test rows are others. What
it costs elsewhere is measured on plain sentences of the test voices, and on human speech: `--data` names a folder with
ljspeech_sample_en, speech_utterances_en and free_spoken_digits, each with a `data.csv`. Speech, models and answers are kept
in `--runs`, so an interrupted measurement goes on.
"""

import argparse
import csv
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from company_words_speech import PLAIN_SPLIT, TERMS, Sizes, write_speech

from metier.evaluation.row_measures import comparison_of, interval_of
from metier.multimodal.frozen_speech import FrozenSpeech
from metier.multimodal.listening import LONGEST_SECONDS, Listening
from metier.multimodal.speech_lora import SpeechLora
from metier.multimodal.speech_model import SpeechModel
from metier.multimodal.speech_rows import padded
from metier.predictors.loading import load_predictor
from metier.speech import Recording, samples
from metier.text.spoken_forms import spoken_words

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "speech_tuning.md"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
REAL = {
    "LJSpeech, one reader": "ljspeech_sample_en",
    "LibriVox and commands": "speech_utterances_en",
    "single digits, six speakers": "free_spoken_digits",
}
TIMED_ROWS = 6


@dataclass(frozen=True)
class Spoken:
    """Recordings, what is said in them, and which of them belong together."""

    files: list[str]
    said: list[str]
    groups: list[str]


def main() -> None:
    """Speak, tune, answer, and write the page."""
    asked = parse()
    train, test = map(int, asked.sizes.split(","))
    folder = Path(asked.runs)
    table = folder / "rows.csv"
    if not table.is_file():
        table = write_speech(folder, sizes=Sizes(train=train, test=test), seed=asked.seed)
    rows = read_rows(table)
    facts = tune(folder, rows, epochs=asked.epochs, seed=asked.seed)
    sets = {"company words, other voices": of_split(rows, folder, "test")}
    sets["plain sentences, other voices"] = of_split(rows, folder, PLAIN_SPLIT)
    if asked.data:
        sets |= {title: real(Path(asked.data) / name, most=asked.digits) for title, name in REAL.items()}
    answers = {
        name: {title: answered(folder, name, title, spoken) for title, spoken in sets.items()}
        for name in ("frozen", "tuned")
    }
    lines = [*results(sets, answers), "", *recall(rows, answers), "", *costs(facts, trimming(sets))]
    # Where the data and the runs lie here says nothing elsewhere.
    places = [asked.data, asked.runs]
    words = ["FOLDER" if word in places else word for word in sys.argv[1:]]
    command = f"python scripts/company_words.py {shlex.join(words)}".rstrip()
    PAGE.write_text(page(lines, command, rows), encoding="utf-8")
    print("\n".join(lines))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--data", help="folder with sets of human speech")
    parser.add_argument("--runs", default=str(PROJECT / "runs" / "company_words"))
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--sizes", default="6,2", help="sentences of each term to learn from, and to test")
    parser.add_argument("--digits", type=int, default=30, help="most recordings of a set of human speech")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_rows(table: Path) -> list[dict[str, str]]:
    """Give the rows of a CSV file."""
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def of_split(rows: Sequence[dict[str, str]], folder: Path, split: str) -> Spoken:
    """Give the recordings of a split; rows of one term, or of one sentence, belong together."""
    taken = [row for row in rows if row["split"] == split]
    return Spoken(
        [str(folder / row["audio"]) for row in taken],
        [row["transcript"] for row in taken],
        [row["term"] or row["transcript"] for row in taken],
    )


def real(folder: Path, *, most: int) -> Spoken:
    """Give human speech: evenly taken rows of a set; a label that is a digit is said as its word."""
    rows = [row for row in read_rows(folder / "data.csv") if row.get("split", "test") == "test"]
    taken = [rows[at] for at in np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
    said = [row.get("text") or DIGITS[int(row["label"])] for row in taken]
    return Spoken([str(folder / row["audio"]) for row in taken], said, [str(at) for at in range(len(taken))])


def tune(folder: Path, rows: Sequence[dict[str, str]], *, epochs: int, seed: int) -> dict[str, Any]:
    """Export the base as it is, and tuned; give how the tuning went."""
    kept = folder / "facts.json"
    if kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    train, validation = of_split(rows, folder, "train"), of_split(rows, folder, "validation")
    FrozenSpeech().fit(train.files, train.said).export(folder / "frozen")
    method = SpeechLora(epochs=epochs, random_state=seed, checkpoint_folder=folder / "checkpoints")
    began, processor = time.perf_counter(), time.process_time()
    method.fit(train.files, train.said, validation=(validation.files, validation.said))
    facts = method.facts_ | {
        "rows": len(train.files),
        "fit_seconds": time.perf_counter() - began,
        "fit_processor_seconds": time.process_time() - processor,
    }
    method.export(folder / "tuned")
    kept.write_text(json.dumps(facts), encoding="utf-8")
    return facts


def answered(folder: Path, name: str, title: str, spoken: Spoken) -> list[str]:
    """Give the transcripts of one model, those that are kept and the rest of them."""
    kept = folder / f"answers-{name}-{'-'.join(spoken_words(title))}.json"
    known: list[str] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else []
    if len(known) == len(spoken.files):
        return known
    predictor = load_predictor(folder / name)
    for file in spoken.files[len(known) :]:
        known += [str(text) for text in predictor.predict([{"audio": file}]).predicted]  # type: ignore[attr-defined]
        kept.write_text(json.dumps(known), encoding="utf-8")
    return known


def results(sets: dict[str, Spoken], answers: dict[str, dict[str, list[str]]]) -> Iterator[str]:
    """The word error rates before and after, and how far the difference is known."""
    yield "| speech | rows | WER before | WER after | difference (95 %) | p |"
    yield "|---|---|---|---|---|---|"
    for title, spoken in sets.items():
        before, after = (answers[name][title] for name in ("frozen", "tuned"))
        groups = codes_of(spoken.groups)
        rates = [interval_of("wer", spoken.said, one, groups=groups) for one in (before, after)]
        found = comparison_of("wer", spoken.said, after, before, groups=groups)
        shown = " | ".join(f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in rates)
        difference = f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
        p_value = "< 0.001" if found.p_value < 0.0005 else f"{found.p_value:.3f}"
        yield f"| {title} | {len(spoken.said)} | {shown} | {difference} | {p_value} |"


def recall(rows: Sequence[dict[str, str]], answers: dict[str, dict[str, list[str]]]) -> Iterator[str]:
    """In how many test sentences the term itself was written as it is spelled."""
    terms = [row["term"] for row in rows if row["split"] == "test"]
    for name, word in (("frozen", "before"), ("tuned", "after")):
        written = answers[name]["company words, other voices"]
        hits = np.array(
            [spoken_words(term)[0] in spoken_words(text) for term, text in zip(terms, written, strict=True)]
        )
        found = interval_of("accuracy", np.ones(len(hits), dtype=int), hits.astype(int), groups=codes_of(terms))
        yield (
            f"- Terms written right {word} tuning: {hits.sum()} of {len(hits)}, "
            f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]."
        )


def codes_of(groups: Sequence[str]) -> np.ndarray:
    """Numbers of groups, for the cluster bootstrap."""
    codes: np.ndarray = np.unique(np.asarray(groups), return_inverse=True)[1]
    return codes


def trimming(sets: dict[str, Spoken]) -> dict[str, float]:
    """Seconds of one processor for a pass of the encoder over what is spoken, and over the 30 s it is padded to."""
    method = FrozenSpeech().fit(["x.wav"], ["x"])
    listening, model = Listening(method.base_), SpeechModel(method.whisper_)
    files = next(iter(sets.values())).files[:TIMED_ROWS]
    spoken = [listening.features(samples(Recording.of_file(file))) for file in files]
    n_whole = int(100 * LONGEST_SECONDS)
    found = {}
    for name, length in (("trimmed", 0), ("padded", n_whole)):
        began = time.process_time()
        for one in spoken:
            features = np.full((one.shape[0], max(length, one.shape[1])), one.min(), dtype=np.float16)
            features[:, : one.shape[1]] = one
            with torch.inference_mode():
                model.encode(torch.from_numpy(padded([features])))
        found[name] = (time.process_time() - began) / len(spoken)
    return found | {"seconds_of_speech": sum(one.shape[1] for one in spoken) / 100 / len(spoken)}


def costs(facts: dict[str, Any], trimmed: dict[str, float]) -> Iterator[str]:
    """How long tuning took, and what leaving silence out saves."""
    yield (
        f"- {facts['rows']} recordings ({facts['speech_seconds'] / 60:.1f} minutes) were learned from in "
        f"{facts['steps']} steps, best after epoch {facts['best_epoch']}; {facts['weights_trained']:,} weights trained. "
        f"It took {facts['fit_processor_seconds'] / 60:.1f} minutes of one core."
    )
    yield (
        f"- Encoding a recording of {trimmed['seconds_of_speech']:.1f} s takes {1000 * trimmed['trimmed']:.0f} ms where "
        f"silence up to 30 s is left out, and {1000 * trimmed['padded']:.0f} ms where it is encoded too."
    )


def page(lines: Sequence[str], command: str, rows: Sequence[dict[str, str]]) -> str:
    """The document, with what was found."""
    counts = {split: sum(row["split"] == split for row in rows) for split in ("train", "validation", "test")}
    explained = Path(__file__).with_name("company_words_page.txt").read_text(encoding="utf-8")
    return explained.format(
        terms=len(TERMS), some=", ".join(TERMS[:6]), command=command, results="\n".join(lines), **counts
    )


if __name__ == "__main__":
    main()
