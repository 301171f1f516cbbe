"""Labels or domains that come one after the other: what every method of `metier update` knows in the end, and forgot.

    python scripts/class_incremental.py --data FOLDER [--sets clinc150,banking77,…] [--methods …] [--orders 3] [--rows N]

Sets: clinc150 in 10 steps of 15 labels, banking77 in 7 of 11, csl_category_zh in 5 (Chinese), all by their label; and
uci_sentiment_sentences in 3 steps by site, with the same two labels in each. Every step brings all training rows of its
labels or site; the replay store keeps 20 rows of each label. Features are those of the frozen base of the language, once
computed. Printed for each method: ACC (mean accuracy over the steps' test rows after the last step) and forgetting (mean
over the steps but the last of the best accuracy before minus that in the end; 0 of joint, which learns once), with 95 %
intervals over test rows, mean of the orders.
"""

import argparse
import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metier.bases.embedding import embed
from metier.bases.known_bases import resolve_base
from metier.continual.update.material import logits_of
from metier.continual.update.methods.method import Lesson, Needs
from metier.continual.update.methods.table import METHODS
from metier.continual.update.replay_choice import chosen_rows

# Set: number of steps, language, column of the steps.
SETS = {
    "banking77": (7, "en", "label"),
    "clinc150": (10, "en", "label"),
    "uci_sentiment_sentences": (3, "en", "source"),
    "csl_category_zh": (5, "zh", "label"),
}
OUT_OF_SCOPE = "oos"
RESAMPLES = 400
PER_LABEL = 20
HERDING = "replay.v1 (herding)"


@dataclass(frozen=True)
class Part:
    """Rows as numbers: features, labels and steps."""

    features: np.ndarray
    y: np.ndarray
    step: np.ndarray

    def take(self, rows: np.ndarray) -> Lesson:
        """Some of them as a lesson."""
        return Lesson(self.features[rows], self.y[rows])


def read(path: Path, n_rows: int | None) -> list[dict[str, str]]:
    """Read rows that have a label in scope."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] != OUT_OF_SCOPE]
    if n_rows is None or len(rows) <= n_rows:
        return rows
    return [rows[one] for one in np.sort(np.random.default_rng(0).permutation(len(rows))[:n_rows])]


def steps_of(values: list[str], n_steps: int, order: int) -> dict[str, int]:
    """Give the step of each label or domain in an order that is drawn."""
    names = sorted(set(values))
    drawn = np.random.default_rng(order).permutation(len(names))
    return {names[one]: place * n_steps // len(names) for place, one in enumerate(drawn)}


def numbered(rows: list[dict[str, str]], features: np.ndarray, steps: dict[str, int], column: str) -> Part:
    """Number labels in the order in which they come."""
    by_label = column == "label"
    names = sorted({row["label"] for row in rows}, key=lambda one: (steps[one] if by_label else 0, one))
    places = {name: place for place, name in enumerate(names)}
    y = np.array([places[row["label"]] for row in rows])
    return Part(features, y, np.array([steps[row[column]] for row in rows]))


def run(name: str, train: Part, test: Part, n_steps: int, *, by_label: bool) -> np.ndarray:
    """Learn step after step; gives which test rows are right after each, bool of shape (n_steps, n_rows)."""
    how = "herding" if name == HERDING else "reservoir"
    method = METHODS[name.partition(" ")[0]]()
    if method.needs == Needs.ALL:  # In the end alone: what it knew in between is no use to anyone.
        method.fit(train.take(np.arange(len(train.y))), n_labels=int(train.y.max()) + 1)
        return np.array([logits_of(method, test.features).argmax(axis=1) == test.y] * n_steps)
    store, known = np.empty(0, dtype=np.int64), 0
    right = np.zeros((n_steps, len(test.y)), dtype=bool)
    for step in range(n_steps):
        rows = np.flatnonzero(train.step == step)
        n_labels = int(train.y[train.step <= step].max()) + 1 if by_label else int(train.y.max()) + 1
        if step == 0:
            method.fit(train.take(rows), n_labels=n_labels)
        else:
            method.relabelled([*((one,) for one in range(known)), *(() for _ in range(n_labels - known))])
            old = None if method.needs == Needs.NOTHING else train.take(store)
            method.update(train.take(rows), old=old)
        known = n_labels
        if method.needs == Needs.SOME:
            seen = np.concatenate([store, rows])
            store = seen[chosen_rows(train.features[seen], train.y[seen], per_label=PER_LABEL, how=how)]
        right[step] = logits_of(method, test.features).argmax(axis=1) == test.y
    return right


def drawn(right: np.ndarray, step: np.ndarray, *, random_state: int) -> np.ndarray:
    """Give ACC and forgetting of one order, the value and then bootstrap samples, of shape (2, 1 + RESAMPLES)."""
    random, n_steps = np.random.default_rng(random_state), len(right)
    by_step = np.empty((n_steps, n_steps, 1 + RESAMPLES))  # After which step, of which step's rows.
    for one in range(n_steps):
        own = right[:, step == one].astype(np.float64)
        n_rows = own.shape[1]
        weights = random.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=RESAMPLES)
        by_step[:, one] = own @ np.vstack([np.ones(n_rows), weights]).T / n_rows
    last = by_step[-1]
    lost = [by_step[one:-1, one].max(axis=0) - last[one] for one in range(n_steps - 1)]
    return np.array([last.mean(axis=0), np.mean(lost, axis=0)])


def told(values: np.ndarray) -> str:
    """Write a figure with its interval in per cent."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{100 * values[0]:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def main() -> None:
    """Run, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--methods", default=",".join([*METHODS, HERDING]))
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--rows", type=int, help="training rows of each set at most")
    parser.add_argument("--output", type=Path, help="JSON lines of all figures")
    asked = parser.parse_args()
    for name in asked.sets.split(","):
        n_steps, language, column = SETS[name]
        parts = [read(asked.data / name / f"{part}.csv", asked.rows) for part in ("train", "test")]
        known = {row[column] for row in parts[0]}
        parts[1] = [row for row in parts[1] if row[column] in known]
        base = resolve_base("auto", language=language)
        vectors = [embed(base, [row["text"] for row in rows], threads=1) for rows in parts]
        print(
            f"{name}: {len(parts[0]):,} rows, {len(parts[1]):,} test rows, {n_steps} steps, {base.name}",
            flush=True,
        )
        for method in asked.methods.split(","):
            begun, found, orders = time.process_time(), [], []
            for order in range(asked.orders):
                steps = steps_of([row[column] for row in parts[0]], n_steps, order)
                train, test = (
                    numbered(rows, one, steps, column) for rows, one in zip(parts, vectors, strict=True)
                )
                right = run(method, train, test, n_steps, by_label=column == "label")
                found.append(drawn(right, test.step, random_state=0))
                orders.append([float(one[0]) for one in found[-1]])
            mean = np.mean(found, axis=0)
            seconds = (time.process_time() - begun) / asked.orders
            spread = max(one[0] for one in orders) - min(one[0] for one in orders)
            print(
                f"| {method} | {told(mean[0])} | {told(mean[1])} | {100 * spread:.1f} | {seconds:.1f} s |",
                flush=True,
            )
            if asked.output is not None:
                facts = {"set": name, "method": method, "orders": orders, "seconds": seconds}
                facts |= {"acc": told(mean[0]), "forgetting": told(mean[1])}
                with asked.output.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
