"""How many false alarms detectors of surges raise, what they find and how late, on real posts that were resampled.

    python scripts/surges.py --data FOLDER [--series 240] [--seed 0] [--rate 1/year] [--river PYTHON] [--only past|names]

FOLDER holds `airbnb_reviews_sg/en.csv` (date, text, region; Inside Airbnb, CC BY 4.0). A series is made of whole weeks of
the daily counts of one region, or of all, drawn with replacement from 2016 to 2019: weekdays and bursts within a week stay,
and no real surge lasts. Each is two years: what comes in the first is learned from. Into a copy of each a surge is put at a
random day of the second year: for seven days the posts of a Poisson distribution come on top, so that there are 1.5, 2 or 4
times as many as that series has on average. Alarms within the seven days, and the three after them, have found it.

PYTHON is one with the package river: its detectors of change then get the same series, and of several settings of each the
most sensitive one that keeps the budget on these rows.

A second table is of names without a past: 300 that come up one by one in a year, with rates that differ (a gamma
distribution), and of which one comes with so many times as many in its first week, or is as usual.
"""

import argparse
import csv
import json
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from metier.evaluation.figure import Figure
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.judges.surge_watch import WINDOWS, SurgeWatch
from metier.monitoring.series import DAY, series_of
from metier.monitoring.signals import DETECTORS
from metier.monitoring.signals.detectors import Detector, raised
from metier.monitoring.signals.expected_counts import Expected, expected_counts

YEAR, WEEK = 364, 7
SIZES = (1.5, 2.0, 4.0)
LATE = 3  # Days after the surge in which an alarm still counts.
FIRST, LAST = date(2016, 1, 4), date(2019, 12, 29)
SEEDS = 3  # Years of names.
FIRST_TIMES = (2.0, 5.0, 10.0)  # Of two posts a day, in the first week of a name.
# The first setting is the default; the others are the more sensitive the later they stand, or the less where it breaks the
# budget.
RIVER = {
    "ADWIN": ("delta=0.002", "delta=0.1", "delta=0.6"),
    "PageHinkley": ("threshold=50.0, mode='up'", "threshold=20.0, mode='up'", "threshold=10.0, mode='up'"),
}
ASK = """
import json, sys
from river import drift
given = json.load(sys.stdin)
answer = []
for row in given["rows"]:
    detector = eval("drift." + given["name"] + "(" + given["setting"] + ")")
    found = []
    for count in row:
        detector.update(count)
        found.append(bool(detector.drift_detected))
    answer.append(found)
print(json.dumps(answer))
"""
LOOSER = 0.25 ** np.arange(1, 25)  # Probabilities that are tried for a detector that keeps no budget.


def main() -> None:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--series", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0, help="Of the series and surges that are drawn.")
    parser.add_argument("--detectors", default=",".join(DETECTORS), help="Of ours, A,B,C.")
    parser.add_argument("--rate", default="1/year", help="False alarms allowed in each series.")
    parser.add_argument("--river", help="A Python with the package river.")
    parser.add_argument("--only", choices=("past", "names"))
    given = parser.parse_args()
    if given.only != "names":
        with_a_past(given)
    if given.only != "past":
        without_a_past()


def with_a_past(given: argparse.Namespace) -> None:
    """Print the table of series with a past."""
    alpha = FalseAlarms.of(given.rate).of_a_test(1, period=DAY)
    random = np.random.default_rng(given.seed)
    plain = np.array(list(drawn(given.data / "airbnb_reviews_sg" / "en.csv", given.series, random)))
    surges = {times: [with_surge(one, times, random) for one in plain] for times in SIZES}
    rows = {0.0: plain} | {times: np.array([one for one, _ in own]) for times, own in surges.items()}
    begins = {times: [begin for _, begin in own] for times, own in surges.items()}
    expected = {times: all_expected(own) for times, own in rows.items()}
    means = plain[:, YEAR:].mean(axis=1)
    print(
        f"{len(plain)} series-years, {means.min():.1f} to {means.max():.1f} posts a day; allowed: {given.rate} each\n"
    )
    titles = " | ".join(f"{times:g} times: found, days late" for times in SIZES)
    print(f"| detector | false alarms a series-year | {titles} |")
    print("|---|---|" + "---|" * len(SIZES), flush=True)
    for name in given.detectors.split(","):
        find = DETECTORS[name]
        for title, chance in rows_of(name, find, plain, expected[0.0], alpha):
            alarms = {times: raised(find, own, expected[times], chance) for times, own in rows.items()}
            print_row(title, alarms, begins)
    if given.river:
        for title, alarms in of_river(given.river, rows, alpha * YEAR):
            print_row(title, alarms, begins)


def print_row(title: str, alarms: dict[float, np.ndarray], begins: dict[float, list[int]]) -> None:
    """Print what a detector raised: in the second year without a surge, and in those with one."""
    false = alarms[0.0][:, YEAR:].sum(axis=1).astype(float)
    cells = [found_cell(alarms[times], begins[times]) for times in SIZES]
    print(f"| {title} | {mean_cell(false)} | {' | '.join(cells)} |", flush=True)


def all_expected(rows: np.ndarray) -> Expected:
    """Give what was expected of each series."""
    found = [expected_counts(one, WINDOWS[DAY]) for one in rows]
    return Expected(np.array([one.mean for one in found]), np.array([one.dispersion for one in found]))


def rows_of(
    name: str, find: Detector, plain: np.ndarray, known: Expected, alpha: float
) -> Iterator[tuple[str, float]]:
    """Give the detector at the probability that is allowed, and where it breaks the budget at one that keeps it here."""
    yield f"`{name}`", alpha

    def rate(chance: float) -> float:
        return float(raised(find, plain, known, chance)[:, YEAR:].sum(axis=1).mean())

    if rate(alpha) <= 1.25 * alpha * YEAR:
        return
    for chance in alpha * LOOSER:
        if rate(float(chance)) <= alpha * YEAR:
            yield f"`{name}`, its cut moved until the budget holds on these rows", float(chance)
            return


def of_river(
    python: str, rows: dict[float, np.ndarray], most: float
) -> Iterator[tuple[str, dict[float, np.ndarray]]]:
    """Give what the detectors of river raise: each as it comes, and the most sensitive one that keeps the budget."""
    for name, settings in RIVER.items():
        by_setting = {}
        for setting in settings:
            by_setting[setting] = {0.0: asked(python, name, setting, rows[0.0])}
        kept = [one for one, own in by_setting.items() if own[0.0][:, YEAR:].sum(axis=1).mean() <= most]
        for setting in dict.fromkeys([settings[0], *kept[-1:]]):
            title = f"river {name}({setting})" + (", as it comes" if setting == settings[0] else "")
            yield title, {times: asked(python, name, setting, own) for times, own in rows.items()}


def asked(python: str, name: str, setting: str, rows: np.ndarray) -> np.ndarray:
    """Ask a detector of river about each series, and give where it says that counts have changed."""
    sent = json.dumps({"name": name, "setting": setting, "rows": rows.tolist()})
    answered = subprocess.run([python, "-c", ASK], input=sent, capture_output=True, text=True, check=True)  # noqa: S603
    return np.array(json.loads(answered.stdout), dtype=bool)


def without_a_past() -> None:
    """Print the table of names that come up."""
    print(
        "\n| detector | false alarms a year (12 allowed) | "
        + " | ".join(f"{t:g} times: found" for t in FIRST_TIMES)
        + " |"
    )
    print("|---|---|" + "---|" * len(FIRST_TIMES), flush=True)
    for name in ("quasi_cusum", "negative_binomial", "dummy"):
        quiet = [names_raised(name, 1.0, seed)[0] for seed in range(SEEDS)]
        shares = []
        for times in FIRST_TIMES:
            hits = [hit for seed in range(SEEDS) for hit in names_raised(name, times, seed)[1]]
            shares.append(Figure.of_share(sum(hits), len(hits)))
        cells = [f"{one.value:.2f} [{one.low or 0:.2f}, {one.high or 0:.2f}]" for one in shares]
        print(f"| `{name}` | {mean_cell(np.array(quiet, dtype=float))} | {' | '.join(cells)} |", flush=True)


def names_raised(name: str, times: float, seed: int) -> tuple[int, list[bool]]:
    """Give how many false alarms there are in a year, and which of the names with a loud first week are raised in it."""
    random = np.random.default_rng(seed)
    rates, born = random.gamma(0.7, 1.0, 300), random.integers(0, YEAR, 300)
    born[:60] = 0  # They are what is known of such names.
    is_loud = (np.arange(300) % 10 == 0) & (born >= 120)
    watch = SurgeWatch(period=DAY, false_alarms=FalseAlarms.of("1/month"), find=DETECTORS[name])
    false, hit = 0, set()
    for day in range(YEAR):
        is_first_week = is_loud & (born <= day) & (day < born + WEEK)
        counts = random.poisson(
            np.where(is_first_week, times, 1.0) * np.where(is_first_week, 2.0, rates) * (born <= day)
        )
        row = {series_of({"name": str(place)}): int(counts[place]) for place in np.flatnonzero(counts)}
        for one in watch.step(day, row):
            place = int(one.series[0][1])
            if is_loud[place] and born[place] <= day < born[place] + WEEK + LATE:
                hit.add(place)
            elif not one.is_over:
                false += 1
    return false, [place in hit for place in np.flatnonzero(is_loud).tolist()]


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


def found_cell(alarms: np.ndarray, begins: list[int]) -> str:
    """Give the share of surges that were found, with its interval, and the median delay in days."""
    late = []
    for own, begin in zip(alarms, begins, strict=True):
        places = np.flatnonzero(own[begin : begin + WEEK + LATE])
        late.append(int(places[0]) if len(places) else -1)
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
