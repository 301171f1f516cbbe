"""How often drift is told where there is none, and how late where there is: real texts, answered by a real model.

    python scripts/drift.py --data FOLDER [--years 30] [--draws 20] [--messages 40]

FOLDER holds `banking77` (Casanueva et al., 2020; CC BY 4.0) and `clinc150` (Larson et al., 2019; CC BY 3.0), each with
train.csv and test.csv. The model is `tfidf_linear`, fitted on a quarter of the training rows. Its answers to all other rows
are the messages: so many a day, drawn with replacement. Each stream has its own four weeks of reference. In place of an
encoder stands a random projection of the words of a text, weighted by how rare they are, to 64 dimensions.

- without drift: streams of a year, looked at every day. False alarms a year, one allowed over all measures together.
- other texts: from a day on, so large a share of the messages is drawn from clinc150, which the model knows nothing of.
- another label: from a day on, so large a share of the messages has the same label.

Shifts begin after eight weeks and are looked for in the eight weeks after that. The dummy raises by chance, as often as is
allowed.
"""

import argparse
import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import gammaincinv

from metier import catalogue
from metier.evaluation.figure import Figure
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.judges.answered import PeriodAnswers
from metier.monitoring.judges.drift_watch import DriftWatch
from metier.monitoring.series import DAY

YEAR, BEGINS, LOOKED = 365, 56, 56
PARTS = ("confidence", "label", "new words", "embeddings")
SHARES = (0.05, 0.1, 0.2, 0.4)
SIZE = 64  # Of vectors.
ALLOWED = FalseAlarms.of("1/year")


@dataclass(frozen=True)
class Answered:
    """Texts with the answers of the model, each array of shape (n_texts, ...)."""

    texts: list[str]
    labels: list[str]
    confidence: np.ndarray

    def drawn(self, places: np.ndarray) -> PeriodAnswers:
        """Give some as the messages of a day."""
        n = len(places)
        return PeriodAnswers(
            "v1",
            tuple(("stream", str(place)) for place in places),
            tuple(self.texts[place] for place in places),
            tuple(self.labels[place] for place in places),
            self.confidence[places],
            np.zeros(n, dtype=bool),
            np.zeros(n, dtype=bool),
        )


def main() -> None:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--years", type=int, default=30)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--messages", type=int, default=40, help="A day.")
    given = parser.parse_args()
    known, others, encode = answered(given.data)
    print_false_alarms(known, encode, given)
    print(f"\n| shift | {' | '.join(PARTS)} | any | dummy |")
    print("|---|" + "---|" * (len(PARTS) + 2), flush=True)
    for title, shift in (("other texts", "texts"), ("one label", "label")):
        for share in SHARES:
            found = [
                delays(known, others, encode, given.messages, shift, share, seed) for seed in range(given.draws)
            ]
            cells = [cell([one.get(part) for one in found]) for part in (*PARTS, "any", "dummy")]
            print(f"| {title}: {100 * share:.0f} % | {' | '.join(cells)} |", flush=True)


def answered(folder: Path):
    """Fit the model; give its answers to texts that it knows nothing of, and what gives vectors."""
    train, test = read(folder / "banking77" / "train.csv"), read(folder / "banking77" / "test.csv")
    model = catalogue.resolve(catalogue.full_name("tfidf_linear"))().fit(
        [text for text, _ in train[::4]], [label for _, label in train[::4]]
    )
    rest = [one for place, one in enumerate(train) if place % 4]
    sides = []
    for rows in ([*rest, *test], read(folder / "clinc150" / "test.csv")):
        texts = [text for text, _ in rows]
        probabilities = model.predict_proba(texts)
        labels = [str(model.classes_[place]) for place in probabilities.argmax(axis=1)]
        sides.append(Answered(texts, labels, probabilities.max(axis=1)))
    return *sides, vectors_of([*sides[0].texts, *sides[1].texts])


def vectors_of(texts: list[str]):
    """Give what gives vectors of these texts: hashed words in few dimensions, of length 1."""
    random = np.random.default_rng(0)
    words = Counter(word for text in texts for word in text.lower().split())
    rare = {word: np.log(len(texts) / count) for word, count in words.items()}
    basis = {word: random.normal(size=SIZE) * rare[word] for word in sorted(words)}
    known = {
        text: np.sum([basis[word] for word in text.lower().split()] or [np.zeros(SIZE)], axis=0)
        for text in texts
    }
    unit = {text: one / max(float(np.linalg.norm(one)), 1e-9) for text, one in known.items()}
    return lambda some: np.array([unit[text] for text in some])


def print_false_alarms(known: Answered, encode, given: argparse.Namespace) -> None:
    """Print the alarms of streams without drift."""
    counts = {part: [] for part in (*PARTS, "all", "dummy")}
    for seed in range(given.years):
        random = np.random.default_rng(seed)
        watch = DriftWatch(period=DAY, budget=ALLOWED.of_a_test(1, period=DAY), encode=encode)
        own = Counter()
        for day in range(28 + YEAR):
            answers = known.drawn(random.integers(len(known.texts), size=given.messages))
            own.update(one.name for one in watch.step(day, answers) if not one.is_over)
        own["all"] = sum(own.values())
        own["dummy"] = int((random.random(YEAR) < ALLOWED.of_a_test(1, period=DAY)).sum())
        for part, found in counts.items():
            found.append(own[part])
    print(
        f"{given.years} streams of a year without drift, {given.messages} messages a day, one false alarm a year allowed\n"
    )
    print("| measure | false alarms a year |")
    print("|---|---|")
    for part, found in counts.items():
        low, high = poisson_interval(sum(found))
        print(
            f"| {part} | {np.mean(found):.2f} [{low / given.years:.2f}, {high / given.years:.2f}] |", flush=True
        )


def poisson_interval(count: int) -> tuple[float, float]:
    """Give the 95 % interval of the mean of a count (Garwood, 1936)."""
    return (float(gammaincinv(count, 0.025)) if count else 0.0), float(gammaincinv(count + 1, 0.975))


def delays(
    known: Answered, others: Answered, encode, messages: int, shift: str, share: float, seed: int
) -> dict[str, int]:
    """Give the days until each part finds a shift; those that do not are left out."""
    random = np.random.default_rng(1_000 + seed)
    watch = DriftWatch(period=DAY, budget=ALLOWED.of_a_test(1, period=DAY), encode=encode)
    label = str(random.choice(known.labels))
    of_label = np.flatnonzero(np.array(known.labels) == label)
    found: dict[str, int] = {}
    for day in range(BEGINS + LOOKED):
        is_shifted = (random.random(messages) < share) & (day >= BEGINS)
        places = random.integers(len(known.texts), size=messages)
        if shift == "label":
            places[is_shifted] = random.choice(of_label, int(is_shifted.sum()))
            answers = known.drawn(places)
        else:
            answers = mixed(known.drawn(places[~is_shifted]), others, int(is_shifted.sum()), random)
        for one in watch.step(day, answers):
            if not one.is_over and day >= BEGINS:
                found.setdefault(one.name, day - BEGINS)
    if found:
        found["any"] = min(found.values())
    chance = np.flatnonzero(random.random(LOOKED) < ALLOWED.of_a_test(1, period=DAY))
    return found | ({"dummy": int(chance[0])} if len(chance) else {})


def mixed(own: PeriodAnswers, others: Answered, n: int, random: np.random.Generator) -> PeriodAnswers:
    """Add messages of other texts to those of a day."""
    if not n:
        return own
    more = others.drawn(random.integers(len(others.texts), size=n))
    both = {}
    for name in ("ids", "texts", "labels"):
        both[name] = getattr(own, name) + getattr(more, name)
    for name in ("confidence", "is_outside", "is_audit"):
        both[name] = np.concatenate([getattr(own, name), getattr(more, name)])
    return PeriodAnswers(version="v1", **both)


def read(path: Path) -> list[tuple[str, str]]:
    """Read texts and labels."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def cell(days: list[int | None]) -> str:
    """Give the share of shifts that were found, with its interval, and the median of the days until then."""
    hits = [one for one in days if one is not None]
    share = Figure.of_share(len(hits), len(days))
    late = f"{np.median(hits):.0f}" if hits else "–"
    return f"{share.value:.2f} [{share.low or 0.0:.2f}, {share.high or 0.0:.2f}], {late}"


if __name__ == "__main__":
    main()
