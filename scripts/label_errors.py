"""Whether a surge of one label raises others that a real model takes it for: plain counts beside corrected ones.

    python scripts/label_errors.py --data FOLDER [--labels 40] [--times 10]

FOLDER holds `banking77` (Casanueva et al., 2020; CC BY 4.0) with train.csv and test.csv. `tfidf_linear` is fitted on a
quarter of the training rows, so that it errs; what it takes for what is measured on half of the test rows, and the messages
of the streams are drawn from the other half, answered by it. Each of 77 labels has 1.5 messages a day; after 120 days one
has so many times as many for a week, a label at a time. A label raised in that week, or the three days after it, whose
messages are no more than before is a false alarm; one false alarm a month is allowed over all.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from metier import catalogue
from metier.evaluation.figure import Figure
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.judges.surge_watch import SurgeWatch
from metier.monitoring.series import DAY, series_of
from metier.monitoring.signals import DETECTORS
from metier.monitoring.signals.confused_counts import Confusion, confusion_of

BEFORE, WEEK, LATE = 120, 7, 3
A_DAY = 1.5


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=int, default=40, help="Labels that surge, one at a time.")
    parser.add_argument("--times", type=float, default=10.0)
    given = parser.parse_args()
    labels, confusion, answers, accuracy = answered(given.data / "banking77")
    print(f"{len(labels)} labels, {100 * accuracy:.1f} % of answers right\n")
    print(
        f"| counts | false alarms a surge | surges with a false alarm | surges of {given.times:g} times found |"
    )
    print("|---|---|---|---|")
    for title, confusions in (("of answers, plain", {}), ("corrected", {"topic": confusion})):
        found = [one_surge(labels, answers, place, given.times, confusions) for place in range(given.labels)]
        false = np.array([number for number, _ in found], dtype=float)
        any_false = Figure.of_share(int((false > 0).sum()), len(false))
        hits = Figure.of_share(sum(hit for _, hit in found), len(found))
        print(f"| {title} | {false.mean():.2f} | {cell(any_false)} | {cell(hits)} |", flush=True)


def answered(folder: Path) -> tuple[tuple[str, ...], Confusion, list[np.ndarray], float]:
    """Fit a model; give labels, what it takes for what, and its answers to the texts of each label."""
    train, test = read(folder / "train.csv"), read(folder / "test.csv")
    model = catalogue.resolve(catalogue.full_name("tfidf_linear"))().fit(
        [text for text, _ in train[::4]], [label for _, label in train[::4]]
    )
    labels = tuple(map(str, model.classes_))
    places = {label: place for place, label in enumerate(labels)}
    found = model.predict_proba([text for text, _ in test]).argmax(axis=1)
    truth = np.array([places[label] for _, label in test])
    is_known = np.arange(len(test)) % 2 == 0
    confusion = confusion_of(truth[is_known], found[is_known], labels)
    answers = [found[~is_known & (truth == place)] for place in range(len(labels))]
    return labels, confusion, answers, float((found == truth).mean())


def read(path: Path) -> list[tuple[str, str]]:
    """Read texts and labels."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def one_surge(
    labels: tuple[str, ...],
    answers: list[np.ndarray],
    surging: int,
    times: float,
    confusions: dict[str, Confusion],
) -> tuple[int, bool]:
    """Give the false alarms in the days of a surge, and whether it is found."""
    random = np.random.default_rng(surging)
    watch = SurgeWatch(
        period=DAY, false_alarms=FalseAlarms.of("1/month"), find=DETECTORS["quasi_cusum"], confusions=confusions
    )
    raised: set[str] = set()
    for day in range(BEFORE + WEEK + LATE):
        is_surge = (np.arange(len(labels)) == surging) & (BEFORE <= day < BEFORE + WEEK)
        counts = random.poisson(A_DAY * np.where(is_surge, times, 1.0))
        said = np.concatenate([random.choice(own, n) for own, n in zip(answers, counts, strict=True)])
        row = {series_of({"topic": labels[one]}): int(n) for one, n in enumerate(np.bincount(said)) if n}
        told = watch.step(day, row)
        if day >= BEFORE:
            raised |= {one.series[0][1] for one in told if not one.is_over}
    return len(raised - {labels[surging]}), labels[surging] in raised


def cell(share: Figure) -> str:
    """Give a share with its interval."""
    return f"{share.value:.2f} [{share.low or 0.0:.2f}, {share.high or 0.0:.2f}]"


if __name__ == "__main__":
    main()
