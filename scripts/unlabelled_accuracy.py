"""How good estimates of accuracy without labels are: their error, and how often the interval holds the truth.

    python scripts/unlabelled_accuracy.py --data FOLDER [--method frozen_linear] [--draws 40] [--sets A,B]

FOLDER holds `uci_sentiment_sentences` (Kotzias et al., 2015: sentences from three sites), `banking77` (Casanueva et al.,
2020) and `csl_category_zh` (titles of Chinese papers; Li et al., 2022, Apache 2.0), each with train.csv and test.csv. A
model is fitted on half of the training rows and measured on the other half; the estimate is then asked for 300 rows that
it never saw:

- the same: rows like those it was measured on
- another site: fitted and measured on two sites, asked about the third (covariate shift)
- other shares of labels: each label of banking77 weighs by chance between 1/8 and 8 (label shift)
- another meaning: a third of the labels of banking77 has changed places (the assumption is broken)
- short titles: fitted and measured on Chinese titles of more than 16 characters, asked about the others

The dummy says what was measured, with the interval of as many rows. Beside the estimate stands the same one with the
labelled rows drawn by importance weights: the odds that a logistic regression on TF-IDF, fitted on the other half of the
rows, gives a labelled row of being one of those asked about, 20 at most (a domain classifier).
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from metier import catalogue
from metier.monitoring.signals.unlabelled_accuracy import estimate_accuracy
from metier.text.segmentation import segment

ASKED = 300
MOST_WEIGHT = 20.0
SHORT = 16  # Characters of a Chinese title.
Row = tuple[str, str]


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--method", default="tfidf_linear")
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--sets", default="sentences,banking,chinese")
    given = parser.parse_args()
    print("| shift | accuracy before → true | estimate: mean error, interval holds | weighted | dummy |")
    print("|---|---|---|---|---|")
    sets = {"sentences": domains, "banking": shares, "chinese": titles}
    for asked in given.sets.split(","):
        for name, cases in sets[asked](given):
            print(f"| {name} | {' | '.join(cells(cases))} |", flush=True)


def domains(given: argparse.Namespace) -> Iterator[tuple[str, list[tuple]]]:
    """Give the cases of each site left out, and of all together."""
    rows = [
        *read(given.data / "uci_sentiment_sentences" / "train.csv"),
        *read(given.data / "uci_sentiment_sentences" / "test.csv"),
    ]
    sites = sorted({row[2] for row in rows})
    for site in sites:
        own = [row[:2] for row in rows if row[2] != site]
        yield (
            f"another site: {site}",
            list(measured(given, own, [row[:2] for row in rows if row[2] == site], None)),
        )
    yield "the same: sentences", list(measured(given, [row[:2] for row in rows], None, None))


def shares(given: argparse.Namespace) -> Iterator[tuple[str, list[tuple]]]:
    """Give the cases of banking77."""
    train, test = (
        [row[:2] for row in read(given.data / "banking77" / f"{part}.csv")] for part in ("train", "test")
    )
    yield "the same: banking77", list(measured(given, train, test, None))
    yield "other shares of labels", list(measured(given, train, test, "shares"))
    yield "another meaning", list(measured(given, train, test, "meaning"))


def titles(given: argparse.Namespace) -> Iterator[tuple[str, list[tuple]]]:
    """Give the cases of Chinese titles."""
    train, test = (
        [row[:2] for row in read(given.data / "csl_category_zh" / f"{part}.csv")] for part in ("train", "test")
    )
    yield "the same: Chinese titles", list(measured(given, train, test, None))
    yield "Chinese titles, other shares of labels", list(measured(given, train, test, "shares"))
    long = [row for row in train if len(row[0]) > SHORT]
    short = [row for row in [*train, *test] if len(row[0]) <= SHORT]
    yield "Chinese titles: short ones", list(measured(given, long, short, None))


def read(path: Path) -> list[tuple[str, str, str]]:
    """Read texts, labels and where they are from."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"], row.get("source", "")) for row in csv.DictReader(file)]


def measured(
    given: argparse.Namespace, rows: Sequence[Row], asked: Sequence[Row] | None, shift: str | None
) -> Iterator[tuple]:
    """Fit once, and ask about draws of rows; give what was measured, the estimate and the truth of each."""
    random = np.random.default_rng(0)
    order = random.permutation(len(rows))
    parts = np.array_split(order, 2 if asked is not None else 3)
    fitted, known = ([rows[place] for place in part] for part in parts[:2])
    asked = [rows[place] for place in parts[2]] if asked is None else asked
    model = catalogue.resolve(catalogue.full_name(given.method))().fit(
        [text for text, _ in fitted], [label for _, label in fitted]
    )
    labels = np.array(model.classes_)
    known_sure, known_right = answered(model, labels, known)
    sure, right = answered(model, labels, asked)
    chances = weights(asked, shift, random)
    if shift == "meaning":
        right = right & (random.random(len(right)) > 1 / 3)
    for draw in range(given.draws):
        picked = random.choice(len(asked), size=ASKED, p=chances)
        found = estimate_accuracy(known_sure, known_right, sure[picked], random_state=draw)
        odds = importance([text for text, _ in known], [asked[place][0] for place in picked])
        own = np.random.default_rng(draw).choice(len(known), size=len(known), p=odds / odds.sum())
        weighted = estimate_accuracy(known_sure[own], known_right[own], sure[picked], random_state=draw)
        yield known_right.mean(), found, weighted, right[picked].mean()


def importance(known: Sequence[str], asked: Sequence[str]) -> np.ndarray:
    """Give how much more each labelled text is like those asked about, by a domain classifier of the other half."""
    target = np.repeat([0, 1], [len(known), len(asked)])
    model = make_pipeline(
        TfidfVectorizer(analyzer=segment, sublinear_tf=True),
        LogisticRegression(class_weight="balanced", max_iter=300),
    )
    chances = cross_val_predict(model, np.array([*known, *asked]), target, cv=2, method="predict_proba")[:, 1]
    own = chances[: len(known)]
    return np.minimum(own / (1 - own), MOST_WEIGHT)


def answered(model, labels: np.ndarray, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Give how sure the answers are, and which are right."""
    probabilities = model.predict_proba([text for text, _ in rows])
    return probabilities.max(axis=1), labels[probabilities.argmax(axis=1)] == np.array(
        [label for _, label in rows]
    )


def weights(rows: Sequence[Row], shift: str | None, random: np.random.Generator) -> np.ndarray:
    """Give how likely each row is drawn."""
    names = sorted({label for _, label in rows})
    own = dict(zip(names, 8.0 ** random.uniform(-1, 1, len(names)), strict=True))
    chances = np.array([own[label] if shift == "shares" else 1.0 for _, label in rows])
    return chances / chances.sum()


def cells(cases: list[tuple]) -> list[str]:
    """Give the cells of a line."""
    before, *both, truths = zip(*cases, strict=True)
    truths, before = np.array(truths), np.array(before)
    found = [f"{100 * before.mean():.1f} → {100 * truths.mean():.1f}"]
    for estimates in both:
        values = np.array([one.value for one in estimates])
        holds = np.mean([one.low <= true <= one.high for one, true in zip(estimates, truths, strict=True)])
        found.append(f"{100 * np.abs(values - truths).mean():.1f} points, {100 * holds:.0f} %")
    reach = 1.96 * np.sqrt(before * (1 - before) / ASKED)
    dummy = np.mean(np.abs(truths - before) <= reach)
    return [*found, f"{100 * np.abs(before - truths).mean():.1f} points, {100 * dummy:.0f} %"]


if __name__ == "__main__":
    main()
