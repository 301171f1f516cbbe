"""Gain from unlabelled texts: a few labelled rows of banking77, the rest of its training rows without labels.

    python -m benchmarks.unlabelled --methods self_training --draws 3
    python -m benchmarks.unlabelled --methods pretrained_encoder,consistency_encoder --draws 1

Each method is compared with its supervised counterpart on the 3,080 test rows, with the same labelled and validation
rows (two per label). Choices are made on validation only; the test rows are answered once per method.
"""

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from metier import catalogue
from metier.evaluation.comparison import compare

ROOT = Path(__file__).resolve().parents[1] / "examples" / "banking77"
VALIDATION_PER_LABEL = 2


def read(name: str) -> list[tuple[str, str]]:
    """Texts and labels of a split."""
    with (ROOT / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def draw(rows: list[tuple[str, str]], per_label: int, seed: int) -> tuple[list[Any], list[Any], list[str]]:
    """Labelled rows, validation rows, and the texts of all others."""
    seen: dict[str, int] = {}
    known, held, others = [], [], []
    for position in np.random.default_rng(seed).permutation(len(rows)):
        text, label = rows[position]
        seen[label] = seen.get(label, 0) + 1
        part = (
            known
            if seen[label] <= per_label
            else held
            if seen[label] <= per_label + VALIDATION_PER_LABEL
            else None
        )
        if part is None:
            others.append(text)
        else:
            part.append((text, label))
    return known, held, others


def fit(name: str, known: list[Any], held: list[Any], **settings: Any) -> tuple[Any, float]:
    """Give a fitted method and its seconds."""
    method = catalogue.resolve(catalogue.full_name(name))(base="minilm", **settings)
    start = time.perf_counter()
    texts, labels = zip(*known, strict=True)
    method.fit(list(texts), list(labels), validation=tuple(map(list, zip(*held, strict=True))))
    return method, time.perf_counter() - start


def main() -> None:
    """Print one line per draw and method."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--methods", default="self_training")
    parser.add_argument("--per-label", type=int, default=8)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--most-unlabelled", type=int, default=9_000)
    parser.add_argument("--epochs", type=int, default=None, help="Of the encoders.")
    arguments = parser.parse_args()
    rows, test = read("train"), read("test")
    texts, truth = [text for text, _ in test], np.array([label for _, label in test])
    codes = {label: number for number, label in enumerate(sorted(set(truth)))}
    numbers = np.array([codes[label] for label in truth])
    for seed in range(arguments.draws):
        known, held, others = draw(rows, arguments.per_label, seed)
        plain: dict[str, np.ndarray] = {}
        for name in arguments.methods.split(","):
            counterpart = catalogue.capabilities(catalogue.full_name(name)).baseline
            if counterpart is None:
                raise SystemExit(f"{name} has no supervised counterpart to compare with.")
            settings = {"epochs": arguments.epochs} if arguments.epochs and "encoder" in name else {}
            if counterpart not in plain:
                method, seconds = fit(counterpart, known, held, **settings)
                plain[counterpart] = np.array([codes[label] for label in method.predict(texts)])
                print(
                    f"draw {seed}  {counterpart}: {np.mean(plain[counterpart] == numbers):.4f} in {seconds:.0f} s",
                    flush=True,
                )
            unlabelled = others[: arguments.most_unlabelled]
            method, seconds = fit(name, known, held, unlabelled=unlabelled, **settings)
            own = np.array([codes[label] for label in method.predict(texts)])
            found = compare(numbers, own, plain[counterpart])
            interval = f"{100 * found.difference:+.2f} [{100 * found.low:+.2f}, {100 * found.high:+.2f}]"
            pseudo_labelled = (
                f", pseudo-labelled {method.facts_['pseudo_labelled']}"
                if "pseudo_labelled" in method.facts_
                else ""
            )
            print(
                f"draw {seed}  {method.name}: {np.mean(own == numbers):.4f} in {seconds:.0f} s, "
                f"against its supervised counterpart {interval}, p = {found.p_value:.2g}{pseudo_labelled}",
                flush=True,
            )


if __name__ == "__main__":
    main()
