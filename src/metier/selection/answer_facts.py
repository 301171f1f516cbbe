"""Error analysis of the recommended candidate: confusions, and its weakest labels."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metier.evaluation import (
    calibration_error,
    calibration_error_by_chance,
    confusions,
    higher_is_better,
    per_label,
    reliability,
)
from metier.image.picture import Picture
from metier.runs.stored_answers import StoredAnswers
from metier.selection.scores import Scores
from metier.text.claims import unsupported_claims

CONFUSED_LABELS = 12
CONFUSIONS = 20
MISTAKES = 20
MOST_THRESHOLDS = 60  # Points of the curve; between two of them nothing could be seen.


def is_one_label(scores: Scores, answers: StoredAnswers) -> bool:
    """Whether each answer is one label with its probability."""
    return answers.probabilities is not None and scores.task.answer.is_one_label


def detail_of(name: str, scores: Scores, items: Sequence[Any], tested: Any) -> dict[str, Any]:
    """Give what the report states of one candidate's answers to the test rows.

    Parameters
    ----------
    items : sequence
        What the rows asked.
    tested : Tested
    """
    task = scores.task
    facts: dict[str, Any] = {
        "name": name,
        "split": "test",
        "answer": task.answer.name,
        "input": task.input.name,
    }
    facts["coverage"] = _coverage(scores, tested.answers)
    if not is_one_label(scores, tested.answers):
        return facts | {
            "kind": "answers",
            "worst": _worst(scores, items, tested),
            "by_type": task.answer.by_type(scores.targets, tested.answers.predicted),
            "claims": _claims(scores, tested.answers.predicted),
        }
    truth, labels = scores.codes, task.labels
    probabilities = tested.answers.probabilities
    predicted = probabilities.argmax(axis=1)
    pairs = confusions(truth, predicted, labels, most=CONFUSIONS)
    return facts | {
        "kind": "labels",
        "reliability": reliability(probabilities, truth),
        "calibration_error": float(calibration_error(probabilities, truth)),
        "calibration_error_by_chance": calibration_error_by_chance(probabilities),
        "confusions": pairs,
        "confusion_matrix": _confusion_matrix(truth, predicted, labels, pairs),
        "per_label": per_label(truth, predicted, labels),
        "mistakes": _mistakes(items, truth, tested, labels),
    }


def words_of(item: Any) -> str:
    """An item of any task on one line, its parts named."""
    if isinstance(item, Mapping):
        parts = {key: plain_part(value) for key, value in item.items()}
        return " · ".join(f"{key}: {value}" for key, value in parts.items() if isinstance(value, str))
    return str(item)


def plain_part(value: Any) -> Any:
    """Give a part of a question as JSON holds it: images by what they are called."""
    if isinstance(value, Picture):
        return ", ".join(one.called for one in value.each)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value


def _plain_item(item: Any) -> Any:
    return {key: plain_part(value) for key, value in item.items()} if isinstance(item, Mapping) else item


def _worst(scores: Scores, items: Sequence[Any], tested: Any) -> list[dict[str, Any]]:
    """The rows with the worst figure, the worst first."""
    metric = scores.task.primary_metric
    # An error has a minus in the figures of rows, which are higher where better.
    sign = 1.0 if higher_is_better(metric) else -1.0
    answers = tested.answers
    each = scores.of_rows(metric, answers.predicted)
    pairs = zip(scores.targets, answers.predicted, strict=True)
    # Nothing marked where nothing is to be marked scores 0, and is right.
    wrong = [row for row, pair in enumerate(pairs) if not scores.task.answer.is_right(*pair)]
    order = sorted(wrong, key=lambda row: each[row])[:MISTAKES]
    return [
        {
            "row": row + 1,
            "item": _plain_item(items[row]),
            "target": scores.targets[row],
            "target_text": scores.task.shown(scores.targets[row]),
            "predicted": answers.predicted[row],
            "record": answers.records[row] if answers.records else None,
            "figure": float(sign * each[row]),
            "answered_by": tested.answered_by[row],
        }
        for row in order
    ]


def _claims(scores: Scores, predicted: Sequence[Any]) -> dict[str, Any] | None:
    """Give which answers say what their source does not, and of how many rows the true text does; None: not looked up."""
    if scores.sources is None:
        return None
    find = functools.partial(unsupported_claims, checks=scores.task.checks)
    rows = zip(scores.sources, predicted, strict=True)
    found = [(row, find(source, str(answer))) for row, (source, answer) in enumerate(rows, start=1)]
    flagged = [(row, claims) for row, claims in found if claims]
    shown = (scores.task.shown(target) or str(target) for target in scores.targets)
    true = sum(bool(find(source, text)) for source, text in zip(scores.sources, shown, strict=True))
    return {
        "rows": len(found),
        "flagged": len(flagged),
        "true_flagged": true,
        "examples": [
            {"row": row, "said": [claim.as_dict() for claim in claims], "text": str(predicted[row - 1])}
            for row, claims in flagged[:MISTAKES]
        ],
    }


def _confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str], pairs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Count the answers of the labels of the most frequent confusions, so that each pair has its cell."""
    index, shown = {label: place for place, label in enumerate(labels)}, set[int]()
    for pair in pairs:
        both = shown | {index[pair["truth"]], index[pair["predicted"]]}
        if len(both) > CONFUSED_LABELS:
            break
        shown = both
    order = sorted(shown)
    counts = [[int(np.sum((truth == row) & (predicted == column))) for column in order] for row in order]
    return {"labels": [labels[place] for place in order], "counts": counts}


def confidence_of(scores: Scores, answers: StoredAnswers) -> np.ndarray | None:
    """Give how confident each answer is, 0 to 1, of shape (n_rows,); None where answers have no probability."""
    if answers.probabilities is not None and is_one_label(scores, answers):
        return np.asarray(answers.probabilities.max(axis=1), dtype=np.float64)
    # A model from elsewhere may answer without saying how sure it is.
    if answers.records and "probability" in answers.records[0]:
        return np.array([record["probability"] for record in answers.records], dtype=np.float64)
    return None


def _coverage(scores: Scores, answers: StoredAnswers) -> list[dict[str, Any]] | None:
    """Give the share of rows at or above each threshold, and how many of them are answered right (El-Yaniv and
    Wiener, 2010)."""
    confidence = confidence_of(scores, answers)
    if confidence is None or not len(confidence):
        return None
    pairs = zip(scores.targets, answers.predicted, strict=True)
    right = np.array([scores.task.answer.is_right(*pair) for pair in pairs])
    order = np.argsort(-confidence, kind="stable")
    sure, hits = confidence[order], np.cumsum(right[order])
    # Rows of the same confidence are above a threshold together.
    ends = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)
    kept = ends[np.unique(np.linspace(0, len(ends) - 1, MOST_THRESHOLDS).round().astype(int))]
    return [
        {
            "threshold": float(sure[end]),
            "rows": int(end) + 1,
            "coverage": float((end + 1) / len(sure)),
            "accuracy": float(hits[end] / (end + 1)),
        }
        for end in kept
    ]


def _mistakes(
    items: Sequence[Any], truth: np.ndarray, tested: Any, labels: Sequence[str]
) -> list[dict[str, Any]]:
    probabilities = tested.answers.probabilities
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    return [
        {
            "row": int(index) + 1,
            "text": words_of(items[int(index)]),
            "truth": labels[truth[index]],
            "predicted": labels[predicted[index]],
            "probability": float(confidence[index]),
            "answered_by": tested.answered_by[index],
        }
        for index in wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    ]
