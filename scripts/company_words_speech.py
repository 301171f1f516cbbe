"""Speech of company words for `company_words.py`: sentences spoken by voices of espeak-ng, as rows in a folder.

Terms are invented, in the manner of medicines, products and companies. Sentences and voices of the test rows are not those
that are learned from. Nothing of it is human speech.
"""

import csv
import json
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MATERIAL = json.loads(Path(__file__).with_name("company_words.json").read_text(encoding="utf-8"))
TERMS: list[str] = MATERIAL["terms"]
COLUMNS = ("audio", "transcript", "term", "voice", "split")
SPEEDS, PITCHES = (135, 185), (35, 65)  # Words a minute; espeak's own scale of 0 to 99.
PLAIN_SPLIT = "plain"  # Test rows without a term.


@dataclass(frozen=True)
class Sizes:
    """How many sentences there are of each term, and how many without one."""

    train: int = 6
    validation: int = 1
    test: int = 2
    plain: int = 32
    plain_test: int = 16


def write_speech(folder: Path, *, sizes: Sizes, seed: int) -> Path:
    """Speak every row and give the table of them, `rows.csv`: audio, transcript, term, voice, split."""
    chance = random.Random(seed)  # noqa: S311 - for voices, not for secrets.
    (folder / "wav").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (split, term, sentence) in enumerate(_sentences(sizes, chance)):
        voice = chance.choice(MATERIAL["voices"]["test" if split == PLAIN_SPLIT else split])
        audio = f"wav/{number:04d}.wav"
        _speak(
            sentence,
            folder / audio,
            voice=voice,
            speed=chance.randint(*SPEEDS),
            pitch=chance.randint(*PITCHES),
        )
        rows.append(dict(zip(COLUMNS, (audio, sentence, term, voice, split), strict=True)))
    table = folder / "rows.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return table


def _sentences(sizes: Sizes, chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Split, term and sentence of each row; validation has sentences of the training rows in other voices."""
    for split, n_each, known in (
        ("train", sizes.train, MATERIAL["train"]),
        ("validation", sizes.validation, MATERIAL["train"]),
        ("test", sizes.test, MATERIAL["test"]),
    ):
        for term in TERMS:
            yield from ((split, term, form.format(term=term)) for form in chance.sample(known, n_each))
    for split, n_rows, known in (
        ("train", sizes.plain, MATERIAL["plain"]),
        (PLAIN_SPLIT, sizes.plain_test, MATERIAL["plain_test"]),
    ):
        yield from ((split, "", known[number % len(known)]) for number in range(n_rows))


def _speak(sentence: str, audio: Path, *, voice: str, speed: int, pitch: int) -> None:
    command = [
        *("espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(audio), "--"),
        sentence,
    ]
    subprocess.run(command, check=True)  # noqa: S603 - a program by its name, and our own sentences.
