"""The facts of a run as one dictionary: `report.json` for programs, and what `report.html` is drawn from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import Any

import numpy as np

from metier.audit import Audit
from metier.data.rows import Rows
from metier.evaluation import (
    bootstrap_interval,
    calibration_error,
    compare,
    confusions,
    log_loss,
    per_label,
    reliability,
)
from metier.machine import describe_machine
from metier.selection.race import Race
from metier.selection.recommendation import Recommendation
from metier.selection.run_folder import Entry
from metier.tasks import classification

FORMAT = "metier.report.v1"
PACKAGES = (
    "metier",
    "numpy",
    "scikit-learn",
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "model2vec",
    "rjieba",
)
CONFUSED_LABELS = 12
MISTAKES = 20


@dataclass(frozen=True)
class Tested:
    """What a candidate answered to the test rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_test, n_classes)
    answered_by : tuple of str
        For each row, the method that had the last word.
    """

    probabilities: np.ndarray
    answered_by: tuple[str, ...]


def build_report(
    race: Race,
    recommendation: Recommendation,
    *,
    test: Rows,
    tested: dict[str, Tested],
    audit: Audit,
    language: str,
) -> dict[str, Any]:
    """Gather every fact of a finished run.

    Parameters
    ----------
    race : Race
        After `train_all`, `fuse` and, where wanted, `refit`.
    recommendation : Recommendation
        What was decided on validation.
    test : Rows
        The rows that every candidate answered once.
    tested : dict of str to Tested
        Those answers, by candidate.
    audit : Audit
        What is wrong with the rows.
    language : str
        The rows' main language.

    Returns
    -------
    dict
        Plain values only, ready for JSON.
    """
    truth = {"validation": race.task.encode(race.validation.labels), "test": race.task.encode(test.labels)}
    metric = race.task.primary_metric
    candidates = [_candidate(entry, race, truth, tested) for entry in race.entries]
    candidates.sort(key=lambda one: -one["test"][metric]["value"] if one["test"] else 1.0)
    return {
        "format": FORMAT,
        "run": str(race.run.path),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": classification.NAME,
        "primary_metric": metric,
        "recommended": recommendation.name,
        "recommendation": recommendation.sentence,
        "reasons": list(recommendation.reasons),
        "data": _data(race, test, language),
        "audit": audit.as_dict()["findings"],
        "candidates": candidates,
        "comparisons": _comparisons(
            [one["name"] for one in candidates if one["test"]],
            recommendation.name,
            truth["test"],
            tested,
            metric,
        ),
        "cascade": _cascade(race, tested),
        "detail": _detail(recommendation.name, race, test, truth["test"], tested[recommendation.name]),
        "settings": race.settings.model_dump(mode="json"),
        "versions": versions(),
        "machine": describe_machine().as_dict(),
        "seconds": race.clock.elapsed_seconds,
        "budget_seconds": race.clock.budget_seconds,
    }


def versions() -> dict[str, str]:
    """Versions of the packages that made the answers; those that are not installed are left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def scores_of(truth: np.ndarray, probabilities: np.ndarray, *, random_state: int) -> dict[str, Any]:
    """Quality of answers: each metric with its 95 % interval, log-loss and calibration error."""
    predicted = probabilities.argmax(axis=1)
    intervals: dict[str, Any] = {
        metric: asdict(bootstrap_interval(metric, truth, predicted, random_state=random_state))
        for metric in classification.METRICS
    }
    return intervals | {
        "log_loss": float(log_loss(probabilities, truth)),
        "calibration_error": float(calibration_error(probabilities, truth)),
    }


def _candidate(
    entry: Entry, race: Race, truth: dict[str, np.ndarray], tested: dict[str, Tested]
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": entry.name,
        "status": entry.status,
        "why": entry.why,
        "trained_on": entry.trained_on,
        "validation": None,
        "test": None,
        "train_seconds": entry.train_seconds,
        "latency_ms": None,
        "rows_per_second": None,
        "size_bytes": None,
        "params": entry.params,
        "facts": entry.facts,
        "members": entry.members,
    }
    if entry.status != "trained":
        return facts
    seed = race.settings.random_state
    validation = race.run.answers(entry.name, "validation")
    facts["validation"] = scores_of(truth["validation"], validation, random_state=seed)
    facts["test"] = scores_of(truth["test"], tested[entry.name].probabilities, random_state=seed)
    return facts | entry.cost


def _comparisons(
    names: Sequence[str], recommended: str, truth: np.ndarray, tested: dict[str, Tested], metric: str
) -> list[dict[str, Any]]:
    """Neighbours of the leaderboard, then the recommended one against the first."""
    predicted = {name: tested[name].probabilities.argmax(axis=1) for name in names}
    pairs = list(pairwise(names))
    if names and recommended != names[0] and (names[0], recommended) not in pairs:
        pairs.append((names[0], recommended))
    return [
        {"a": a, "b": b, "metric": metric, **asdict(compare(truth, predicted[a], predicted[b], metric=metric))}
        for a, b in pairs
    ]


def _cascade(race: Race, tested: dict[str, Tested]) -> dict[str, Any] | None:
    if race.certificate is None or race.stages is None:
        return None
    facts: dict[str, Any] = {
        "stages": list(race.stages),
        "threshold": race.certificate.threshold,
        "kept_fraction": race.certificate.kept_fraction,
        "certificate": plain(asdict(race.certificate)),
    }
    if race.certificate.threshold is not None and "cascade.v1" in tested:
        answered = Counter(tested["cascade.v1"].answered_by)
        facts["kept_fraction_test"] = answered[race.stages[0]] / max(1, sum(answered.values()))
    return facts


def _data(race: Race, test: Rows, language: str) -> dict[str, Any]:
    return {
        "origin": race.train.origin,
        "language": language,
        "rows": {"train": len(race.train), "validation": len(race.validation), "test": len(test)},
        "labels": list(race.task.labels),
        "label_counts": dict(Counter(race.train.labels).most_common()),
        "text_column": race.train.roles.text,
        "label_column": race.train.roles.label,
        "notes": list(race.train.notes),
        "fingerprint": race.train.fingerprint,
    }


def _detail(name: str, race: Race, test: Rows, truth: np.ndarray, answers: Tested) -> dict[str, Any]:
    predicted = answers.probabilities.argmax(axis=1)
    labels = race.task.labels
    return {
        "name": name,
        "split": "test",
        "reliability": reliability(answers.probabilities, truth),
        "calibration_error": float(calibration_error(answers.probabilities, truth)),
        "confusions": confusions(truth, predicted, labels, most=20),
        "confusion_matrix": _confusion_matrix(truth, predicted, labels),
        "per_label": per_label(truth, predicted, labels),
        "mistakes": _mistakes(test, truth, answers, labels),
    }


def _confusion_matrix(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    wrong = truth != predicted
    blame = np.bincount(truth[wrong], minlength=len(labels)) + np.bincount(
        predicted[wrong], minlength=len(labels)
    )
    shown = np.sort(np.argsort(-blame, kind="stable")[:CONFUSED_LABELS])
    counts = [[int(np.sum((truth == row) & (predicted == column))) for column in shown] for row in shown]
    return {"labels": [labels[index] for index in shown], "counts": counts}


def _mistakes(test: Rows, truth: np.ndarray, answers: Tested, labels: Sequence[str]) -> list[dict[str, Any]]:
    predicted, confidence = answers.probabilities.argmax(axis=1), answers.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    texts = test.texts
    return [
        {
            "row": int(index) + 1,
            "text": texts[int(index)],
            "truth": labels[truth[index]],
            "predicted": labels[predicted[index]],
            "probability": float(confidence[index]),
            "answered_by": answers.answered_by[index],
        }
        for index in wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    ]


def plain(value: Any) -> Any:
    """Turn numpy values inside nested facts into JSON's own; a float that is no number becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
