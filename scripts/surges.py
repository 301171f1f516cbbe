"""How many false alarms detectors of surges raise, what they find and how late, on real posts that were resampled.

    python scripts/surges.py --data FOLDER [--series 240] [--rate 1/year]

FOLDER holds `airbnb_reviews_sg/en.csv` (date, text, region; Inside Airbnb, CC BY 4.0). A series is made of whole weeks of
the daily counts of one region, or of all, drawn with replacement from 2016 to 2019: weekdays and bursts within a week stay,
and no real surge lasts. Each is two years: what comes in the first is learned from. Into a copy of each a surge is put at a
random day of the second year: for seven days the posts of a Poisson distribution come on top, so that there are 1.5, 2 or 4
times as many as that series has on average. Alarms within the seven days, and the three after them, have found it.
"""

import argparse
import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from metier.evaluation.figure import Figure
from metier.monitoring.backtest import WINDOWS
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.series import DAY
from metier.monitoring.signals import DETECTORS
from metier.monitoring.signals.detectors import Detector
from metier.monitoring.signals.expected_counts import Expected, expected_counts

YEAR, WEEK = 364, 7
SIZES = (1.5, 2.0, 4.0)
LATE = 3  # Days after the surge in which an alarm still counts.
FIRST, LAST = date(2016, 1, 4), date(2019, 12, 29)
LOOSER = 0.5 ** np.arange(1, 40)  # Probabilities that are tried for a detector that keeps no budget.


def main() -> None:
    """Print one table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--series", type=int, default=240)
    parser.add_argument("--rate", default="1/year", help="False alarms allowed in each series.")
    given = parser.parse_args()
    alpha = FalseAlarms.of(given.rate).of_a_test(1, period=DAY)
    random = np.random.default_rng(0)
    plain = list(drawn(given.data / "airbnb_reviews_sg" / "en.csv", given.series, random))
    known = [expected_counts(one, WINDOWS[DAY]) for one in plain]
    surges = {times: [with_surge(one, times, random) for one in plain] for times in SIZES}
    expected = {
        times: [expected_counts(one, WINDOWS[DAY]) for one, _ in rows] for times, rows in surges.items()
    }
    means = [one[YEAR:].mean() for one in plain]
    print(
        f"{len(plain)} series-years, {min(means):.1f} to {max(means):.1f} posts a day; allowed: {given.rate} each\n"
    )
    print(
        "| detector | false alarms a series-year | "
        + " | ".join(f"{t:g} times: found, days late" for t in SIZES)
        + " |"
    )
    print("|---|---|" + "---|" * len(SIZES))
    for name, find in DETECTORS.items():
        for title, chance in rows_of(name, find, plain, known, alpha):
            false = [find(one, e, chance)[YEAR:].sum() for one, e in zip(plain, known, strict=True)]
            cells = [found_cell(find, surges[t], expected[t], chance) for t in SIZES]
            print(f"| {title} | {mean_cell(np.array(false, dtype=float))} | {' | '.join(cells)} |")


def rows_of(
    name: str, find: Detector, plain: list[np.ndarray], known: list[Expected], alpha: float
) -> Iterator[tuple[str, float]]:
    """Give the detector at the probability that is allowed, and where it breaks the budget at one that keeps it here."""
    yield name, alpha
    if (
        np.mean([find(one, e, alpha)[YEAR:].sum() for one, e in zip(plain, known, strict=True)])
        <= 1.25 * alpha * YEAR
    ):
        return
    for chance in alpha * LOOSER:
        rate = np.mean([find(one, e, chance)[YEAR:].sum() for one, e in zip(plain, known, strict=True)])
        if rate <= alpha * YEAR:
            yield f"{name}, its cut moved until the budget holds on these rows", float(chance)
            return


def drawn(path: Path, n: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Give series of two years."""
    weeks = [one.reshape(-1, WEEK) for one in by_region(path)]
    for number in range(n):
        own = weeks[number % len(weeks)]
        yield own[random.integers(len(own), size=2 * YEAR // WEEK)].ravel()


def by_region(path: Path) -> list[np.ndarray]:
    """Count the posts of each day: of all, and of each region with one a week at least."""
    days = (LAST - FIRST).days + 1
    found: dict[str, np.ndarray] = {"": np.zeros(days, dtype=np.int64)}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            place = (date.fromisoformat(row["date"]) - FIRST).days
            if 0 <= place < days:
                found[""][place] += 1
                found.setdefault(row["region"], np.zeros(days, dtype=np.int64))[place] += 1
    return [one for one in found.values() if one.sum() >= days / WEEK]


def with_surge(counts: np.ndarray, times: float, random: np.random.Generator) -> tuple[np.ndarray, int]:
    """Put a surge into a copy, and say on which day it begins."""
    begin = int(random.integers(YEAR, 2 * YEAR - WEEK - LATE))
    changed = counts.copy()
    changed[begin : begin + WEEK] += random.poisson((times - 1) * counts.mean(), WEEK)
    return changed, begin


def found_cell(
    find: Detector, rows: list[tuple[np.ndarray, int]], expected: list[Expected], chance: float
) -> str:
    """Give the share of surges that were found, with its interval, and the median delay in days."""
    late = []
    for (counts, begin), own in zip(rows, expected, strict=True):
        raised = np.flatnonzero(find(counts, own, chance)[begin : begin + WEEK + LATE])
        late.append(int(raised[0]) if len(raised) else -1)
    hits = [one for one in late if one >= 0]
    share = Figure.of_share(len(hits), len(late))
    delay = f"{np.median(hits):.0f}" if hits else "–"
    low, high = f"{share.low or 0.0:.2f}", f"{share.high or 0.0:.2f}"
    return f"{share.value:.2f} [{low}, {high}], {delay}"


def mean_cell(numbers: np.ndarray) -> str:
    """Give a mean with its interval."""
    reach = 1.96 * numbers.std(ddof=1) / np.sqrt(len(numbers))
    return f"{numbers.mean():.2f} [{max(numbers.mean() - reach, 0):.2f}, {numbers.mean() + reach:.2f}]"


if __name__ == "__main__":
    main()
