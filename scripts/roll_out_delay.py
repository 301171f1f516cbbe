"""How soon a roll-out sees a real regression: the answers of a good and of worse models to the test rows of banking77.

    python scripts/roll_out_delay.py [--streams 100] [--requests 30000]

The good model is the linear one, trained on all rows; the others are the same trained on fewer rows: each regression is the
nearest to the points asked for. Requests are test rows drawn with replacement. Errors, by feedback on every answer, may
grow by `BOUND`; without feedback, a shadow may disagree with the champion on `DISAGREE` of the requests. Looked at after
every hundred requests. Printed: what became of the streams, and the requests until half of them were decided.
"""

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from roll_out import until_decided

from metier.classical import TfidfLinear
from metier.registry.roll_out import Criterion, Verdict, canary_numbers

BANKING77 = Path(__file__).parents[1] / "examples" / "banking77"
BOUND, DISAGREE, SHARE = 0.005, 0.05, 0.1
PARTS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True)
class Answered:
    """The answers of a model to the test rows.

    Parameters
    ----------
    predicted : ndarray of shape (n_rows,)
    wrong : ndarray of shape (n_rows,)
    """

    predicted: np.ndarray
    wrong: np.ndarray


def rows_of(split: str) -> tuple[list[str], np.ndarray]:
    """Give texts and labels."""
    with (BANKING77 / f"{split}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([row["label"] for row in rows])


def answered(part: float, seed: int) -> Answered:
    """Give the answers of the linear model trained on a part of the rows."""
    texts, labels = rows_of("train")
    asked, gold = rows_of("test")
    picked = np.random.default_rng(seed).permutation(len(texts))[: int(part * len(texts))]
    model = TfidfLinear(model="svc", C=1.0, temperature=0.2).fit([texts[i] for i in picked], labels[picked])
    predicted = model.classes_[model.predict_proba(asked).argmax(axis=1)]
    return Answered(predicted, (predicted != gold).astype(float))


def shadow_errors(good: Answered, other: Answered, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Give how much more each request errs under the other model."""
    return (other.wrong - good.wrong)[rows]


def canary_errors(good: Answered, other: Answered, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Give the weighted errors, where a share of the requests goes to the other model."""
    is_new = random.random(len(rows)) < SHARE
    return canary_numbers(is_new, np.where(is_new, other.wrong[rows], good.wrong[rows]), share=SHARE)


def shadow_disagreement(
    good: Answered, other: Answered, rows: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Give on which requests both answer differently."""
    return (good.predicted != other.predicted)[rows].astype(float)


WAYS: dict[str, tuple[Callable[..., np.ndarray], Criterion]] = {
    "shadow, feedback": (shadow_errors, Criterion("errors", BOUND)),
    "canary of 10 %, feedback": (canary_errors, Criterion("errors", BOUND, -1 / (1 - SHARE), 1 / SHARE)),
    "shadow, disagreement": (shadow_disagreement, Criterion("disagreement", DISAGREE, 0.0, 1.0)),
}


def main() -> None:
    """Train, draw the streams, and print a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--requests", type=int, default=30_000)
    asked = parser.parse_args()
    good = answered(1.0, 0)
    others = [answered(part, seed) for part in PARTS[1:] for seed in (1, 2)]
    print(
        f"The good model errs on {100 * good.wrong.mean():.1f} % of {len(good.wrong):,} test rows.\n",
        flush=True,
    )
    print("| seen by | worse by, points | disagree % | promoted | rolled back | open | median requests |")
    print("|---|---|---|---|---|---|---|")
    for points in (0.0, 0.01, 0.03):
        other = min(
            [good, *others] if points == 0 else others,
            key=lambda one: abs(one.wrong.mean() - good.wrong.mean() - points),
        )
        for name, (draw, criterion) in WAYS.items():
            print(line(name, good, other, draw, criterion, asked.streams, asked.requests), flush=True)


def line(
    name: str,
    good: Answered,
    other: Answered,
    draw: Callable[..., np.ndarray],
    criterion: Criterion,
    streams: int,
    requests: int,
) -> str:
    """Give the line of the table for one model and one way to see it."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(streams):
        rows = random.integers(0, len(good.wrong), requests)
        found.append(until_decided(draw(good, other, rows, random), criterion))
    n = {one: sum(verdict is one for verdict, _ in found) for one in Verdict}
    decided = sorted(count for verdict, count in found if verdict is not Verdict.WAIT)
    half = f"{decided[streams // 2]:,}" if len(decided) > streams // 2 else "–"
    worse, differ = other.wrong.mean() - good.wrong.mean(), np.mean(good.predicted != other.predicted)
    shown = f"| {name} | {100 * worse:+.1f} | {100 * differ:.1f} | "
    return (
        shown
        + " | ".join(str(n[one]) for one in (Verdict.PROMOTE, Verdict.ROLL_BACK, Verdict.WAIT))
        + f" | {half} |"
    )


if __name__ == "__main__":
    main()
