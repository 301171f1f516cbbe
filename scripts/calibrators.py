"""Does another calibrator than a temperature pay? Log-loss on test rows of what is fitted on validation rows.

    python scripts/calibrators.py --cache FOLDER

The folder is the one of `scripts/out_of_scope.py`: logits of validation and test rows of several models. Compared are the
temperature; a slope and an offset a label on the logits, drawn towards the temperature (vector scaling, Guo et al., 2017);
beta calibration (Kull et al., 2017) and isotonic regression of each label against the others, divided by their sum. The
choice is made as a bundle could make it: by log-loss out of fold on the validation rows; another than the temperature is
chosen where it is better by two standard errors.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from metier.evaluation import calibration_error, fit_temperature

FOLDS = 5
SMALLEST = 1e-6
PENALTY = 10.0  # Of a label's slope and offset, in rows: so many rows a label count as one that says "none".
# Logits to learn from, their labels, logits that are asked: to probabilities.
Calibrator = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def temperature(logits: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Divide by one temperature."""
    return np.asarray(softmax(asked / fit_temperature(logits, truth), axis=1))


def vector(logits: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Give each label a slope and an offset, drawn towards the temperature."""
    scaled, n = logits / fit_temperature(logits, truth), logits.shape[1]
    own = np.eye(n)[truth]

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        slopes, offsets = numbers[:n], numbers[n:]
        given = log_softmax(scaled * slopes + offsets, axis=1)
        wrong = np.exp(given) - own
        value = -(given * own).sum() + PENALTY / 2 * (((slopes - 1) ** 2).sum() + (offsets**2).sum())
        gradient = np.concatenate([(wrong * scaled).sum(axis=0), wrong.sum(axis=0)])
        return float(value), gradient + PENALTY * np.concatenate([slopes - 1, offsets])

    found = minimize(loss, np.concatenate([np.ones(n), np.zeros(n)]), jac=True, method="L-BFGS-B").x
    return np.asarray(softmax(asked / fit_temperature(logits, truth) * found[:n] + found[n:], axis=1))


def beta(logits: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Fit a logistic regression on the two logarithms of each label's probability, against the others."""

    def features(given: np.ndarray) -> np.ndarray:
        return np.stack([np.log(given), -np.log1p(-given)], axis=1)

    def fit(own: np.ndarray, is_it: np.ndarray, new: np.ndarray) -> np.ndarray:
        found = LogisticRegression().fit(features(own), is_it)
        return np.asarray(found.predict_proba(features(new))[:, 1])

    return _each_label(logits, truth, asked, fit)


def isotonic(logits: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Fit a step function that rises with each label's probability, against the others."""
    return _each_label(
        logits, truth, asked, lambda own, is_it, new: IsotonicRegression(out_of_bounds="clip").fit(own, is_it).predict(new)
    )  # fmt: skip


def _each_label(
    logits: np.ndarray,
    truth: np.ndarray,
    asked: np.ndarray,
    fit: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    own, new = (np.clip(temperature(logits, truth, one), SMALLEST, 1 - SMALLEST) for one in (logits, asked))
    found = new.copy()
    for label in np.unique(truth):
        found[:, label] = np.clip(fit(own[:, label], truth == label, new[:, label]), SMALLEST, 1)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


CALIBRATORS: dict[str, Calibrator] = {
    "temperature": temperature,
    "vector": vector,
    "beta": beta,
    "isotonic": isotonic,
}


def losses(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Give the log-loss of each row."""
    return np.asarray(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], SMALLEST)))


def chosen(logits: np.ndarray, truth: np.ndarray) -> str:
    """Give what is better out of fold by two standard errors, else the temperature."""
    fold = np.random.default_rng(0).permutation(len(truth)) % FOLDS
    found = {}
    for name, calibrate in CALIBRATORS.items():
        own = np.empty(len(truth))
        for one in range(FOLDS):
            kept, out = fold != one, fold == one
            own[out] = losses(calibrate(logits[kept], truth[kept], logits[out]), truth[out])
        found[name] = own
    gains = {name: found["temperature"] - own for name, own in found.items() if name != "temperature"}
    surely = {name: gain.mean() - 2 * gain.std() / np.sqrt(len(gain)) for name, gain in gains.items()}
    best = max(surely, key=lambda name: surely[name])
    return best if surely[best] > 0 else "temperature"


def main() -> None:
    """Measure every case of the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    print(
        "| model and rows (labels, validation rows) | log-loss (ECE): temperature | vector | beta | isotonic | chosen |"
    )
    print("|---|---|---|---|---|---|")
    for folder in sorted(
        path for path in parser.parse_args().cache.iterdir() if (path / "labels.json").exists()
    ):
        (held, truth), (asked, wanted) = (_rows(folder, part) for part in ("validation", "test"))
        cells = []
        for calibrate in CALIBRATORS.values():
            given = calibrate(held, truth, asked)
            cells.append(f"{losses(given, wanted).mean():.4f} ({calibration_error(given, wanted):.4f})")
        name = f"{folder.name} ({held.shape[1]}, {len(truth):,})"
        print(f"| {name} | {' | '.join(cells)} | {chosen(held, truth)} |", flush=True)


def _rows(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Give the logits of rows whose label is known, and the positions of their labels."""
    kept = np.load(folder / f"{part}.npz")
    known = kept["truth"] >= 0
    return kept["logits"][known].astype(np.float64), kept["truth"][known]


if __name__ == "__main__":
    main()
