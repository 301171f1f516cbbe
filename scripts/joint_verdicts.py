"""Images that tell nothing: how often a verdict says that they add something to the text.

    python scripts/joint_verdicts.py --data FOLDER --out verdicts.json [--sets healthicons] [--rows 300]

The rows are those of `joint.py`. Their images are brought into another order so many times, in each part by itself; for
every order what reads both is fitted again, and its answers to the test rows, as they are and drawn anew with replacement,
are compared with those of the best that reads the text alone, as the report of a run does it: 20 orders, and of each order
five samples of the test rows.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from joint import JOINT, LATE, Fitted, Split, fit, labels_of, pools, read_rows, scores_of, split_rows

from metier.selection.modality_gain import gain_facts
from metier.selection.scores import Scores

RESAMPLINGS = 5  # Of the test rows, for each order.
TEXTS = ("tfidf_linear.v1", "frozen_linear.v1")
IMAGE = "frozen_image.v1"


def shuffled(splits: dict[str, Split], random: np.random.Generator) -> dict[str, Split]:
    """Give the same rows with the images of each part in another order: they tell nothing."""
    found = {}
    for name, split in splits.items():
        order = random.permutation(len(split.items))
        images = [split.items[int(other)]["image"] for other in order]
        items = [{**item, "image": image} for item, image in zip(split.items, images, strict=True)]
        found[name] = replace(split, items=items)
    return found


def average_of(members: Sequence[Fitted], held: Scores, scores: Scores) -> Fitted:
    """Give what the average of some candidates answers."""
    pool = pools(members, held)["average"]
    test = pool([one.test for one in members])
    return Fitted({}, labels_of(test, scores), pool([one.validation for one in members]), test)


def drawn_again(scores: Scores, random: np.random.Generator) -> np.ndarray:
    """Give the positions of test rows whose groups were drawn with replacement."""
    groups: Any = scores.groups
    drawn = random.integers(0, groups.max() + 1, groups.max() + 1)
    return np.concatenate([np.flatnonzero(groups == one) for one in drawn])


def verdict(scores: Scores, text: Fitted, joint: Fitted, rows: np.ndarray) -> str:
    """Say what the images add on some test rows."""
    predicted = {
        reads: [one.predicted[int(row)] for row in rows] for reads, one in (("text", text), ("joint", joint))
    }
    # A row that was drawn twice is one group with itself: no test takes it for two pieces of evidence.
    gain: str = gain_facts(scores.part(rows), "accuracy", predicted)[0]["gain"]
    return gain


def measure(folder: Path, name: str, most: int, n_shuffles: int) -> dict[str, Any]:
    """Count the verdicts on one set."""
    splits = split_rows(read_rows(folder, name), most, np.random.default_rng(0))
    scores, held = scores_of(splits), scores_of(splits, "validation")
    fitted = {text: fit(text, splits, scores, ships=False) for text in TEXTS}
    best = max(TEXTS, key=lambda one: held.measure("accuracy", labels_of(fitted[one].validation, held)))
    n_rows = {part: len(split.labels) for part, split in splits.items()}
    print(f"\n{name}: {n_rows}; {best}: {fitted[best].facts['accuracy']}", flush=True)
    said: dict[str, Counter[str]] = {}
    every = np.arange(len(scores.targets))
    accuracies: dict[str, list[float]] = {}
    for number in range(n_shuffles):
        began, random = time.process_time(), np.random.default_rng(number)
        told_nothing = shuffled(splits, random)
        image = fit(IMAGE, told_nothing, scores, ships=False)
        joint = {
            JOINT: fit(JOINT, told_nothing, scores, ships=False),
            "average": average_of([{**fitted, IMAGE: image}[one] for one in LATE], held, scores),
            "average of texts": average_of([fitted[one] for one in TEXTS], held, scores),
        }
        again = [drawn_again(scores, random) for _ in range(RESAMPLINGS)]
        for called, one in joint.items():
            for on, sets in (("as they are", [every]), ("drawn anew", again)):
                of_this = said.setdefault(f"{called}, test rows {on}", Counter())
                of_this.update(verdict(scores, fitted[best], one, rows) for rows in sets)
            accuracies.setdefault(called, []).append(scores.measure("accuracy", one.predicted))
        if number % 10 == 9:
            lines = {called: dict(counts) for called, counts in said.items()}
            print(f"  {number + 1}: {lines}  {time.process_time() - began:.1f} s an order", flush=True)
    return {
        "rows": n_rows,
        "text": {"name": best, "accuracy": fitted[best].facts["accuracy"]},
        "said": {called: dict(counts) for called, counts in said.items()},
        "accuracy": {
            called: {"mean": float(np.mean(some)), "least": min(some), "most": max(some)}
            for called, some in accuracies.items()
        },
    }


def main() -> None:
    """Count the verdicts on the sets that are named, and keep them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder with healthicons/ and grocery_store/"
    )
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    parser.add_argument("--sets", default="healthicons,grocery_store")
    parser.add_argument("--rows", type=int, default=300, help="most rows of each part")
    parser.add_argument("--shuffles", type=int, default=20, help="orders of the images")
    given = parser.parse_args()
    found = {}
    for name in given.sets.split(","):
        found[name] = measure(given.data, name, given.rows, given.shuffles)
        print(f"  {found[name]}", flush=True)
        if given.out:
            given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
