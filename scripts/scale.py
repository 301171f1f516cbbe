"""How far the program goes: seconds and memory over rows, labels, columns, and over files that were made to hurt.

    python scripts/scale.py [--only NAME,...] [--list] [--rows 1000000] [--labels 5000] [--model RUN] [--keep FOLDER]

Each line is one command in a process of its own: wall seconds, seconds of the processor (user and system; on a busy machine
these alone can be compared), peak gigabytes, and how it ended. Of what could grow faster than its input a line of half the
size comes first. The rows are mixed from those of banking77: the first words of one text, the last words of another of
the same label, and a word of a third. The exit code is 1 if a command ends otherwise than it should.
"""

import argparse
import csv
import gzip
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SYLLABLES = [first + second for first in "bdfklmnprstvz" for second in "aeiou"]
ROWS_OF_EACH = 4  # Of each of thousands of labels.
COLUMNS, NESTED = 10_000, 40_000
BOMB_BYTES, BOMB_PART = 16 << 30, 64 << 20


@dataclass(frozen=True)
class Case:
    """One command over one file.

    Parameters
    ----------
    write : callable taking a path
        Writes the file.
    command : tuple of str
        What `metier` is given; `FILE` and `OUT` stand for the file and for a name in a fresh folder.
    refused : str
        What the message says where the command should end with an error; empty where it should succeed.
    """

    name: str
    write: Callable[[Path], None]
    ending: str
    command: tuple[str, ...]
    refused: str = ""


def cases(n_rows: int, n_labels: int, budget: str) -> list[Case]:
    """Give all commands."""

    def rows(path: Path) -> None:
        _write(path, ["text", "label"], islice(mixed_rows(), n_rows))

    def labels(path: Path) -> None:
        _write(path, ["text", "label"], coded_rows(n_labels))

    train = ("train", "FILE", "--run", "OUT", "--threads", "1")
    linear = ("--candidates", "majority,tfidf_linear")
    return [
        Case("rows-check", rows, "csv", ("check", "FILE")),
        Case("rows-train", rows, "csv", (*train, *linear, "--budget", budget)),
        *(
            Case(
                f"rows-predict-{ending}",
                rows,
                "csv",
                ("predict", "MODEL", "--input", "FILE", "--output", f"OUT.{ending}", "--threads", "1"),
            )
            for ending in ("jsonl", "csv", "parquet")
        ),
        Case("labels-check", labels, "csv", ("check", "FILE")),
        Case("labels-train", labels, "csv", (*train, *linear, "--budget", "60s")),
        *_grown("columns", columns, COLUMNS, "csv", ("check", "FILE", "--text", "c0", "--label", "c1")),
        *_grown("rasa", rasa, NESTED, "yml", ("import", "FILE", "--output", "OUT.jsonl")),
        Case("bomb", bomb, "csv.gz", ("check", "FILE"), refused="unpacks to more than"),
    ]


def _grown(
    name: str, write: Callable[[Path, int], None], size: int, ending: str, command: tuple[str, ...]
) -> Iterator[Case]:
    """Give a command over half the size and over the whole."""
    for part in (size // 2, size):
        yield Case(f"{name}-{part}", lambda path, part=part: write(path, part), ending, command)  # type: ignore[misc]


def mixed_rows() -> Iterator[tuple[str, str]]:
    """Give rows without end, mixed from those of banking77."""
    draw, of_label = random.Random(0), defaultdict(list)  # noqa: S311  # Not for secrets.
    with (PROJECT / "examples" / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            of_label[row["label"]].append(row["text"].split())
    names = sorted(of_label)
    while True:
        label = draw.choice(names)
        first, second, third = draw.choices(of_label[label], k=3)
        words = [*first[: draw.randint(1, len(first))], *second[draw.randrange(len(second)) :]]
        words.insert(draw.randrange(len(words)), draw.choice(third))
        yield " ".join(words), label


def coded_rows(n_labels: int) -> Iterator[tuple[str, str]]:
    """Give some rows of each of thousands of labels, as product codes have them."""
    draw = random.Random(51)  # noqa: S311  # Not for secrets.
    names: set[str] = set()
    while len(names) < n_labels:
        names.add("".join(draw.choices(SYLLABLES, k=3)))
    for _ in range(ROWS_OF_EACH):
        for number, name in enumerate(sorted(names)):
            yield f"{name} {''.join(draw.choices(SYLLABLES, k=4))}", f"code {number:05d}"


def columns(path: Path, n_columns: int) -> None:
    """Write twenty rows of so many columns."""
    body = (
        [f"text {row} of it", f"label {row % 2}", *(str(row * column) for column in range(2, n_columns))]
        for row in range(20)
    )
    _write(path, [f"c{number}" for number in range(n_columns)], body)


def rasa(path: Path, n_brackets: int) -> None:
    """Write an example of brackets that are never closed."""
    path.write_text(
        f'version: "3.1"\nnlu:\n- intent: ask\n  examples: |\n    - {"[" * n_brackets}\n', encoding="utf-8"
    )


def bomb(path: Path) -> None:
    """Write a file of some megabytes that unpacks to many gigabytes of rows that are the same."""
    part = gzip.compress(b"a,b\n" * (BOMB_PART >> 2))
    with path.open("wb") as file:
        file.write(gzip.compress(b"text,label\n"))
        for _ in range(BOMB_BYTES // BOMB_PART):
            file.write(part)


def _write(path: Path, names: list[str], rows: Iterator[object]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)  # type: ignore[arg-type]


def measure(case: Case, place: Path, model: Path | None) -> bool:
    """Run one command, print its line, and say whether it ended as it should."""
    kind = case.name.partition("-")[0] if case.name.startswith(("rows", "labels")) else case.name
    path = place / f"{kind}.{case.ending}"
    if not path.exists():
        case.write(path)
    named = {"FILE": str(path), "OUT": str(place / case.name), "MODEL": str(model or place / "rows-train")}
    named |= {f"OUT.{ending}": str(place / f"{case.name}.{ending}") for ending in ("jsonl", "csv", "parquet")}
    command = [sys.executable, "-m", "metier", *(named.get(word, word) for word in case.command)]
    said, begun = place / f"{case.name}.said", time.monotonic()
    with said.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=place)  # noqa: S603
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    wall, cpu = time.monotonic() - begun, usage.ru_utime + usage.ru_stime
    message = said.read_text(encoding="utf-8", errors="replace")
    is_right = bool(re.search(case.refused, message)) and code == 1 if case.refused else code == 0
    size = path.stat().st_size / 1e6
    print(
        f"{case.name:14} {size:8.1f} MB {wall:7.1f} s {cpu:7.1f} s {usage.ru_maxrss / 1e6:6.2f} GB  "
        f"{'as it should' if is_right else f'WRONG: exit {code}, see {said}'}",
        flush=True,
    )
    for line in message.splitlines() if case.command[0] == "train" else ():
        if line.startswith(("time ", "ship ", "plan ")):
            print(f"               {line[:300]}", flush=True)
    return is_right


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="names, or how they begin")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=5_000)
    parser.add_argument("--budget", default="5m", help="of the training of so many rows")
    parser.add_argument("--model", type=Path, help="what predicts; default: what rows-train trained")
    parser.add_argument("--keep", type=Path, help="where files and output stay")
    asked = parser.parse_args()
    wanted = tuple(asked.only.split(","))
    chosen = [one for one in cases(asked.rows, asked.labels, asked.budget) if one.name.startswith(wanted)]
    if asked.list:
        print("\n".join(one.name for one in chosen))
        return
    print(f"{'':14} {'file':>11} {'wall':>9} {'processor':>9} {'peak':>9}")
    with tempfile.TemporaryDirectory(prefix="scale-") as fresh:
        place = asked.keep or Path(fresh)
        place.mkdir(parents=True, exist_ok=True)
        ended = [measure(one, place, asked.model) for one in chosen]
    sys.exit(0 if all(ended) else 1)


if __name__ == "__main__":
    main()
