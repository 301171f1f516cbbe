"""What poisoned feedback does to a model that learns from it, with and without the tests that hold it back.

    python scripts/poisoned_feedback.py --data FOLDER [--draws 3] [--first 0] [--sets banking77 ...] [--json FILE]

FOLDER holds `banking77` (Casanueva et al., 2020), `csl_category_zh` (Li et al., 2022: Chinese titles) and
`uci_sentiment_sentences` (Kotzias et al., 2015), each with train.csv and test.csv. Of each draw a model is fitted on some
rows, answers others, and gets a correction or a confirmation for each from one of fifty keys, 3 % of them wrong by mistake.
An attack turns 5 % of this feedback:

- random flips or pair flips (all to one label that is confused with the right one, from the labels with the most rows)
- sent by one key, or by as many keys as there are pairs of flips

The model is then fitted anew on its rows and the feedback: all of it, or what `metier.continual.poisoning` lets through.
Accuracy is on all test rows, and `attacked` on those of the labels that pair flips move.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from metier.bases.known_bases import resolve_base
from metier.continual.poisoning import Corrections, Screened, Trusted, screen
from metier.transformer.frozen.frozen_vectors import frozen_vectors

# Rows that the model is fitted on, that are trusted beside them, and that get feedback; the base of the vectors.
SETS = {
    "banking77": (2_000, 800, 4_000, "minilm"),
    "csl_category_zh": (1_000, 400, 4_000, "e5-multilingual"),
    "uci_sentiment_sentences": (600, 300, 1_200, "minilm"),
}
POISONED, BY_MISTAKE, KEYS = 0.05, 0.03, 50
ATTACKS = ("random flips, one key", "random flips, many keys", "pair flips, one key", "pair flips, many keys")


@dataclass(frozen=True)
class Rows:
    """Vectors of texts with their labels."""

    features: np.ndarray
    labels: np.ndarray

    def take(self, picked: np.ndarray) -> "Rows":
        """Give some of them."""
        return Rows(self.features[picked], self.labels[picked])


@dataclass(frozen=True)
class Draw:
    """One draw of a set."""

    fitted: Rows
    trusted: Rows
    asked: Rows
    test: Rows
    rng: np.random.Generator


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="Number of the first draw.")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = [
        one
        for name in given.sets
        for one in measured(given.data, name, range(given.first, given.first + given.draws))
    ]
    if given.json:
        given.json.write_text(json.dumps(found, indent=1, ensure_ascii=False))
    states = "no attack → undefended → defended"
    print(
        f"| set | attack | accuracy: {states} | attacked labels: {states} | poison held back | true corrections held back |"
    )
    print("|---|---|---|---|---|---|")
    for name in given.sets:
        for attack in ("none", *ATTACKS):
            some = [one for one in found if (one["set"], one["attack"]) == (name, attack)]
            print(f"| {name} | {attack} | {' | '.join(cells(some))} |")


def measured(data: Path, name: str, draws: range) -> Iterator[dict[str, Any]]:
    """Give the figures of each draw and attack."""
    n_fitted, n_trusted, n_asked, base = SETS[name]
    train, test = (read(data / name / f"{part}.csv", base) for part in ("train", "test"))
    for draw in draws:
        rng = np.random.default_rng(draw)
        order = rng.permutation(len(train.labels))
        ends = np.cumsum([n_fitted, n_trusted, n_asked])
        fitted, trusted, asked = (train.take(part) for part in np.split(order[: ends[-1]], ends[:-1]))
        for attack in ("none", *ATTACKS):
            made = Draw(fitted, trusted, asked, test, np.random.default_rng(1_000 + draw))
            yield {"set": name, "draw": draw, "attack": attack, **figures_of(made, attack)}


def figures_of(draw: Draw, attack: str) -> dict[str, Any]:
    """Attack the feedback, learn it, and measure."""
    model = fit(draw.fitted)
    answered = model.predict(draw.asked.features)
    corrections = feedback(draw, answered)
    moved = confused_labels(model, draw)
    poisoned, is_poison = attacked(corrections, draw, attack, moved)
    trusted = Trusted(
        draw.fitted.features,
        draw.fitted.labels.tolist(),
        draw.trusted.features,
        draw.trusted.labels.tolist(),
        model.predict(draw.trusted.features).tolist(),
    )
    found = screen(poisoned, trusted)
    said = np.asarray(poisoned.said)
    learned = {
        "clean": taught(draw, np.asarray(corrections.said), np.ones(len(said), dtype=bool)),
        "undefended": taught(draw, said, np.ones(len(said), dtype=bool)),
        "defended": taught(draw, said, found.accepted),
    }
    own = np.isin(draw.test.labels, list(moved))
    facts: dict[str, Any] = {"before": accuracy(model, draw.test)}
    for state, one in learned.items():
        facts[state] = accuracy(one, draw.test)
        facts[f"{state}, attacked"] = accuracy(one, draw.test.take(own))
    return facts | shares(found, poisoned, is_poison, said == draw.asked.labels)


def shares(
    found: Screened, poisoned: Corrections, is_poison: np.ndarray, is_true: np.ndarray
) -> dict[str, Any]:
    """Give what is held back of poison, of true corrections and of all honest feedback."""
    honest = ~is_poison
    corrects = honest & is_true & poisoned.changed
    return {
        "poison_held": float(np.mean(~found.accepted[is_poison])) if is_poison.any() else None,
        "true_corrections_held": float(np.mean(~found.accepted[corrects])),
        "honest_held": float(np.mean(~found.accepted[honest])),
        "reasons": dict(found.counts),
    }


def feedback(draw: Draw, answered: np.ndarray) -> Corrections:
    """Give honest feedback: the true label of every answer, by mistake another one."""
    rng, n = draw.rng, len(answered)
    labels = sorted(set(draw.fitted.labels.tolist()))
    said = draw.asked.labels.copy()
    for row in np.flatnonzero(rng.random(n) < BY_MISTAKE):
        said[row] = other_label(said[row], labels, rng)
    keys = [f"key-{one}" for one in rng.integers(0, KEYS, n)]
    seconds = np.sort(rng.uniform(0, 30 * 86_400, n))
    ids = [str(row) for row in range(n)]
    return Corrections(ids, keys, seconds, answered.tolist(), said.tolist(), draw.asked.features)


def confused_labels(model: LogisticRegression, draw: Draw) -> Mapping[str, str]:
    """Give the labels that pair flips move and where to: those that a model gives the next highest probability."""
    labels, counts = np.unique(draw.asked.labels, return_counts=True)
    room, moved = POISONED * len(draw.asked.labels), {}
    for place in np.argsort(-counts):
        if room <= 0:
            break
        own = draw.asked.features[draw.asked.labels == labels[place]]
        mean = model.predict_proba(own).mean(axis=0)
        mean[list(model.classes_).index(labels[place])] = 0
        moved[str(labels[place])] = str(model.classes_[mean.argmax()])
        room -= counts[place]
    return moved


def attacked(
    corrections: Corrections, draw: Draw, attack: str, moved: Mapping[str, str]
) -> tuple[Corrections, np.ndarray]:
    """Give feedback of which 5 % are turned, and which those are."""
    rng, n = draw.rng, len(corrections)
    is_poison = np.zeros(n, dtype=bool)
    if attack == "none":
        return corrections, is_poison
    flips, keys_of = attack.split(", ")
    among = np.flatnonzero(np.isin(draw.asked.labels, list(moved))) if flips == "pair flips" else np.arange(n)
    picked = np.sort(rng.choice(among, min(int(POISONED * n), len(among)), replace=False))
    is_poison[picked] = True
    labels = sorted(set(draw.fitted.labels.tolist()))
    said, keys = list(corrections.said), list(corrections.keys)
    for place, row in enumerate(picked):
        true = str(draw.asked.labels[row])
        said[row] = moved[true] if flips == "pair flips" else other_label(true, labels, rng)
        keys[row] = "attacker" if keys_of == "one key" else f"attacker-{place // 2}"
    return replace(corrections, said=said, keys=keys), is_poison


def other_label(label: str, labels: list[str], rng: np.random.Generator) -> str:
    """Give another label, each as likely."""
    return str(rng.choice([one for one in labels if one != label]))


def taught(draw: Draw, said: np.ndarray, learned: np.ndarray) -> LogisticRegression:
    """Fit on the rows and on the feedback that is learned."""
    features = np.concatenate([draw.fitted.features, draw.asked.features[learned]])
    return fit(Rows(features, np.concatenate([draw.fitted.labels, said[learned]])))


def fit(rows: Rows) -> LogisticRegression:
    """Fit logistic regression on frozen vectors."""
    return LogisticRegression(C=10.0, max_iter=1_000).fit(rows.features, rows.labels)


def accuracy(model: LogisticRegression, rows: Rows) -> float:
    """Give the share of right answers."""
    return float(np.mean(model.predict(rows.features) == rows.labels))


def read(path: Path, base: str) -> Rows:
    """Read rows and embed their texts."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    return Rows(
        frozen_vectors(resolve_base(base), [row[0] for row in rows]), np.asarray([row[1] for row in rows])
    )


def cells(some: list[dict[str, Any]]) -> Iterator[str]:
    """Give the cells of one row of the table."""
    for suffix in ("", ", attacked"):
        yield " → ".join(
            spread([one[state + suffix] for one in some]) for state in ("clean", "undefended", "defended")
        )
    yield spread([one["poison_held"] for one in some]) if some[0]["poison_held"] is not None else "–"
    yield spread([one["true_corrections_held"] for one in some])


def spread(values: list[float]) -> str:
    """Give the mean and the range of some shares, in per cent."""
    low, high = 100 * min(values), 100 * max(values)
    return f"{100 * float(np.mean(values)):.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
