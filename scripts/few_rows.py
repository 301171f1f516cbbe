"""What is shipped where rows are few: eight public sets, some hundred rows of each, the shipped candidate on all test rows.

    python scripts/few_rows.py --data FOLDER --out few_rows.jsonl [--rows 100,300] [--draws 2]
    python scripts/few_rows.py --print few_rows.jsonl [OTHER.jsonl …]

Training rows are drawn at random among those of the set's most frequent labels, so labels have the shares that they have
in the set. Everything else is left to `metier.train`: what is held out, what is compared, what is shipped. The regret is
how much less accurate the shipped candidate is on the test rows than the best one. Runs that the file has already are not
repeated. Files of several versions of the program are printed side by side.
"""

import argparse
import csv
import json
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.selection.api import train

CANDIDATES = ("majority", "tfidf_linear", "static", "frozen_linear", "average")
MOST_TEST_ROWS = 2_000


@dataclass(frozen=True)
class Set:
    """A set of labelled rows.

    Parameters
    ----------
    name : str
    train, test : str
        Paths below the folder of the sets.
    n_labels : int
        The most frequent labels, of which rows are drawn.
    """

    name: str
    train: str
    test: str
    n_labels: int = 20


SETS = (
    Set("banking77", "banking77/train.csv", "banking77/test.csv"),
    Set("clinc150", "clinc150/train.csv", "clinc150/test.csv"),
    Set("csl_category_zh", "csl_category_zh/train.csv", "csl_category_zh/test.csv"),
    Set("twitter_financial_news", "twitter_financial_news/train.csv", "twitter_financial_news/test.csv"),
    Set("uci_sentiment", "uci_sentiment_sentences/train.csv", "uci_sentiment_sentences/test.csv"),
    Set("law_zh", "law_zh/consult.train.csv", "law_zh/consult.test.csv", 8),
    Set("pricerunner", "pricerunner_products/train.csv", "pricerunner_products/test.csv"),
    Set(
        "scientsbank",
        "short_answers_scientsbank/train.csv",
        "short_answers_scientsbank/test_unseen_answers.csv",
    ),
)


def drawn(path: Path, labels: list[str], n_rows: int, seed: int) -> list[dict[str, str]]:
    """Draw rows of some labels at random."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in labels]
    return [rows[at] for at in np.random.default_rng(seed).permutation(len(rows))[:n_rows]]


def most_frequent(path: Path, n_labels: int) -> list[str]:
    """Give the most frequent labels of a file."""
    counts: dict[str, int] = defaultdict(int)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts[row["label"]] += 1
    return sorted(counts, key=lambda label: (-counts[label], label))[:n_labels]


def one_run(data: Path, one: Set, n_rows: int, draw: int) -> dict[str, Any]:
    """Train on some rows, and give what was shipped and how each candidate does on the test rows."""
    labels = most_frequent(data / one.train, one.n_labels)
    rows = drawn(data / one.train, labels, n_rows, draw)
    with (data / one.test).open(encoding="utf-8", newline="") as file:
        drawn_labels = {row["label"] for row in rows}
        test = [row for row in csv.DictReader(file) if row["label"] in drawn_labels][:MOST_TEST_ROWS]
    rows, test = ([{key: row[key] for key in ("text", "label")} for row in part] for part in (rows, test))
    settings = {"data": {"keep_rare": True, "drop_leaks": True}, "threads": 1, "random_state": draw}
    with tempfile.TemporaryDirectory() as folder:
        run = train(
            rows, test=test, budget="6m", candidates=CANDIDATES, settings=settings, run=Path(folder) / "run"
        )  # fmt: skip
    scores = {
        found["name"]: {
            "accuracy": found["test"]["accuracy"]["value"],
            "log_loss": found["test"].get("log_loss"),
        }
        for found in run.report["candidates"]
        if found["test"]
    }
    return {
        "set": one.name, "rows": n_rows, "draw": draw, "shipped": run.recommendation.name, "scores": scores,
        "seconds": run.report["seconds"],
    }  # fmt: skip


def measure(data: Path, out: Path, sizes: list[int], draws: int) -> None:
    """Make the runs that the file does not have."""
    done = {tuple(one[key] for key in ("set", "rows", "draw")) for one in read(out)} if out.exists() else set()
    for n_rows in sizes:
        for one in SETS:
            for draw in range(draws):
                if (one.name, n_rows, draw) in done:
                    continue
                found = one_run(data, one, n_rows, draw)
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
                print(one.name, n_rows, draw, found["shipped"], f"{found['seconds']:.0f} s", flush=True)


def read(path: Path) -> list[dict[str, Any]]:
    """Read a file of runs."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def show(paths: list[Path]) -> None:
    """Print a table of each file's runs that all files have."""
    files = [{(one["set"], one["rows"], one["draw"]): one for one in read(path)} for path in paths]
    shared = sorted(set.intersection(*(set(file) for file in files)))
    print(
        "| file | rows | runs | shipped accuracy | best accuracy | regret, points | log-loss of the shipped |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for n_rows in sorted({key[1] for key in shared}):
        for path, file in zip(paths, files, strict=True):
            runs = [file[key] for key in shared if key[1] == n_rows]
            shipped = [one["scores"][one["shipped"]] for one in runs]
            best = [max(score["accuracy"] for score in one["scores"].values()) for one in runs]
            accuracy = np.array([one["accuracy"] for one in shipped])
            regret = 100 * (np.array(best) - accuracy)
            loss = np.mean([one["log_loss"] for one in shipped])
            print(
                f"| {path.stem} | {n_rows} | {len(runs)} | {100 * accuracy.mean():.1f} | {100 * np.mean(best):.1f} | "
                f"{regret.mean():.2f} ({regret.std(ddof=1) / np.sqrt(len(runs)):.2f}) | {loss:.3f} |"
            )


def main() -> None:
    """Measure, or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--out", type=Path, default=Path("few_rows.jsonl"), help="file of the runs")
    parser.add_argument("--rows", default="100,300", help="numbers of rows")
    parser.add_argument("--draws", type=int, default=2, help="draws of each number")
    parser.add_argument("--print", dest="files", type=Path, nargs="+", help="files of runs to print")
    given = parser.parse_args()
    if given.files is None:
        measure(given.data, given.out, [int(size) for size in given.rows.split(",")], given.draws)
    show(given.files or [given.out])


if __name__ == "__main__":
    main()
