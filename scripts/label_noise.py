"""Find labels that were flipped on purpose: our finder, ranking by loss, by margin, and cleanlab, on the same
probabilities.

    python scripts/label_noise.py --data banking77                     # naive Bayes, as `metier check` without a base
    python scripts/label_noise.py --data banking77 --probe encoder     # vectors of the packaged encoder, `--thorough`

5 % of the labels of FOLDER/train.csv are flipped in three ways: to any other label (random), to the one that the
model confuses most with the given one (confusable), and, as people err, on the rows where the model is least sure, to
the other of its two most probable labels (human-like). `human-like (other)` lets the other of the two probes err, so
that the finder cannot share its errors. AUPRC is the average precision of the ranking of all rows; `precision at k`
that of its first k rows, where k labels were flipped; `cut` counts what a finder reports by its own cut: rows, of
them flipped, and false alarms in a thousand clean rows. The line `no flips` shows what is reported where nothing was
planted, true errors of the data set among it.

cleanlab is measured where it is importable (`pip install cleanlab`); the probabilities are kept with --keep FOLDER as
.npz.
"""

import argparse
import importlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from metier.audit.label_errors import find_suspicious, suspicion, word_features
from metier.audit.out_of_fold import LinearProbe, OutOfFold, SparseBayes, out_of_fold
from metier.bases.embedding import embed
from metier.bases.known_bases import resolve_base
from metier.data import read
from metier.data.rows import Rows
from metier.text.language import detect_language

KINDS = ("random", "confusable", "human-like", "human-like (other)")
OTHER = {"bayes": "encoder", "encoder": "bayes"}
Ranking = Callable[[np.ndarray, np.ndarray], np.ndarray]


def by_loss(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Give the out-of-fold loss of each row; cleanlab calls the order self-confidence."""
    return np.asarray(-np.log(np.maximum(_own(probabilities, codes), 1e-300)))


def by_margin(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Give by how much the most probable other label is above the given one."""
    others = probabilities.copy()
    others[np.arange(len(codes)), codes] = -1
    return np.asarray(others.max(axis=1) - _own(probabilities, codes))


def by_our_finder(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Rank as `metier check` does: by loss times the probability of the best other label."""
    return suspicion(_gathered(probabilities, codes))


def our_cut(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Give the rows that `metier check` reports, the most suspicious first."""
    return find_suspicious(_gathered(probabilities, codes))[0]


def _gathered(probabilities: np.ndarray, codes: np.ndarray) -> OutOfFold:
    return OutOfFold.of(iter([(np.arange(len(codes)), probabilities.copy())]), codes)


def cleanlab_rankings() -> dict[str, Ranking]:
    """Give the rankings of cleanlab; none where it is not installed."""
    if importlib.util.find_spec("cleanlab") is None:
        return {}
    quality = importlib.import_module("cleanlab.rank").get_label_quality_scores

    def ranking(method: str) -> Ranking:
        return lambda probabilities, codes: -quality(codes, probabilities, method=method)

    methods = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
    return {f"cleanlab {method.replace('_', ' ')}": ranking(method) for method in methods}


def cleanlab_cut(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray | None:
    """Give the rows that cleanlab reports with its defaults; None where it is not installed."""
    if importlib.util.find_spec("cleanlab") is None:
        return None
    find = importlib.import_module("cleanlab.filter").find_label_issues
    return np.asarray(find(codes, probabilities, return_indices_ranked_by="self_confidence"))


def _own(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.asarray(probabilities[np.arange(len(codes)), codes])


class Probes:
    """The out-of-fold probabilities of both probes for any labels of the same rows."""

    def __init__(self, rows: Rows):
        self._rows, self._features = rows, dict[str, Any]()

    def probabilities(self, probe: str, codes: np.ndarray, *, seed: int) -> np.ndarray:
        """Give the probabilities of the labels for each row, of shape (n_rows, n_classes)."""
        if probe not in self._features:
            self._features[probe] = word_features(self._rows.texts) if probe == "bayes" else self._vectors()
        build = SparseBayes if probe == "bayes" else LinearProbe
        whole = np.empty((len(codes), int(codes.max()) + 1))
        for rows, some in out_of_fold(self._features[probe], codes, random_state=seed, build=build):
            whole[rows] = some
        return whole

    def _vectors(self) -> np.ndarray:
        language = detect_language(self._rows.texts).main_language
        return embed(resolve_base("auto", language=language), list(self._rows.texts))


def flipped(
    kind: str, codes: np.ndarray, probabilities: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Flip labels in one way; gives the labels, and which rows were flipped."""
    random = np.random.default_rng(seed)
    wrong, n_classes = codes.copy(), probabilities.shape[1]
    if kind.startswith("human-like"):
        ordered = np.sort(probabilities, axis=1)
        # Twice as many rows as are flipped, so that seeds differ.
        unsure = np.argsort(ordered[:, -1] - ordered[:, -2], kind="stable")[: 2 * count]
        chosen = random.choice(unsure, count, replace=False)
        others = probabilities[chosen].copy()
        others[np.arange(count), codes[chosen]] = -1
        wrong[chosen] = others.argmax(axis=1)
    else:
        chosen = random.choice(len(codes), count, replace=False)
        if kind == "random":
            wrong[chosen] = (codes[chosen] + random.integers(1, n_classes, size=count)) % n_classes
        else:
            wrong[chosen] = _confused_with(codes, probabilities)[codes[chosen]]
    is_planted = np.zeros(len(codes), dtype=bool)
    is_planted[chosen] = True
    return wrong, is_planted


def _confused_with(codes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Give for each label the one that its rows are taken for most often."""
    mean = np.stack([probabilities[codes == code].mean(axis=0) for code in range(probabilities.shape[1])])
    np.fill_diagonal(mean, -1)
    return np.asarray(mean.argmax(axis=1))


def measured(
    probabilities: np.ndarray, codes: np.ndarray, is_planted: np.ndarray
) -> dict[str, dict[str, float]]:
    """Give AUPRC and precision at k of each ranking, and what the cuts report."""
    rankings = {"our finder": by_our_finder, "loss": by_loss, "margin": by_margin}
    cuts = {
        "our finder": our_cut(probabilities, codes),
        "cleanlab self confidence": cleanlab_cut(probabilities, codes),
    }
    found: dict[str, dict[str, float]] = {}
    for name, ranking in (rankings | cleanlab_rankings()).items():
        found[name] = {}
        if is_planted.any():
            scores, k = ranking(probabilities, codes), int(is_planted.sum())
            first = np.argsort(-scores, kind="stable")[:k]
            found[name] = {
                "auprc": float(average_precision_score(is_planted, scores)),
                "precision_at_k": float(is_planted[first].mean()),
            }
        if (cut := cuts.get(name)) is not None:
            alarms = int((~is_planted[cut]).sum())
            found[name] |= {"reported": len(cut), "flipped": len(cut) - alarms}
            found[name]["alarms_per_1000"] = 1000 * alarms / int((~is_planted).sum())
    return {name: values for name, values in found.items() if values}


def runs(probes: Probes, codes: np.ndarray, given: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give what was measured for each kind of flips and each seed."""
    clean = {probe: probes.probabilities(probe, codes, seed=0) for probe in (given.probe, OTHER[given.probe])}
    accuracy = float((clean[given.probe].argmax(axis=1) == codes).mean())
    print(f"out-of-fold accuracy on the labels as they are: {accuracy:.3f}")
    yield "no flips", measured(clean[given.probe], codes, np.zeros(len(codes), dtype=bool))
    for kind in KINDS:
        erring = clean[OTHER[given.probe] if kind.endswith("(other)") else given.probe]
        for seed in range(given.seeds):
            labels, is_planted = flipped(kind, codes, erring, round(given.fraction * len(codes)), seed)
            own = probes.probabilities(given.probe, labels, seed=seed)
            if given.keep is not None:
                given.keep.mkdir(parents=True, exist_ok=True)
                name = f"{given.probe}-{kind}-{seed}.npz".replace(" ", "-")
                np.savez_compressed(given.keep / name, probabilities=own, labels=labels, is_planted=is_planted)
            yield kind, measured(own, labels, is_planted)


def main() -> None:
    """Measure, and print one line a finder and kind of flips, the mean of the seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv")
    parser.add_argument("--probe", choices=list(OTHER), default="bayes")
    parser.add_argument("--fraction", type=float, default=0.05, help="share of the labels that are flipped")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder for the probabilities")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    rows = read(given.data / "train.csv")
    codes = np.unique(rows.labels, return_inverse=True)[1]
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, values in runs(Probes(rows), codes, given):
        found.setdefault(kind, []).append(values)
    means = {
        kind: {
            name: {key: float(np.mean([one[name][key] for one in each])) for key in values}
            for name, values in each[0].items()
        }
        for kind, each in found.items()
    }
    for kind, names in means.items():
        print(f"\n{kind}")
        for name, values in names.items():
            print(f"  {name:38}", "  ".join(f"{key} {value:.3f}" for key, value in values.items()))
    if given.json is not None:
        given.json.write_text(json.dumps(means, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
