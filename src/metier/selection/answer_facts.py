"""Error analysis of the recommended candidate: confusions, and its weakest labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metier.evaluation import calibration_error, confusions, higher_is_better, per_label, reliability
from metier.runs.stored_answers import StoredAnswers
from metier.selection.scores import Scores

CONFUSED_LABELS = 12
MISTAKES = 20


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
    if not is_one_label(scores, tested.answers):
        return facts | {
            "kind": "answers",
            "worst": _worst(scores, items, tested),
            "by_type": task.answer.by_type(scores.targets, tested.answers.predicted),
        }
    truth, labels = scores.codes, task.labels
    probabilities = tested.answers.probabilities
    predicted = probabilities.argmax(axis=1)
    return facts | {
        "kind": "labels",
        "reliability": reliability(probabilities, truth),
        "calibration_error": float(calibration_error(probabilities, truth)),
        "confusions": confusions(truth, predicted, labels, most=20),
        "confusion_matrix": _confusion_matrix(truth, predicted, labels),
        "per_label": per_label(truth, predicted, labels),
        "mistakes": _mistakes(items, truth, tested, labels),
    }


def words_of(item: Any) -> str:
    """An item of any task on one line, its parts named."""
    if isinstance(item, Mapping):
        return " · ".join(f"{key}: {value}" for key, value in item.items() if isinstance(value, str))
    return str(item)


def _worst(scores: Scores, items: Sequence[Any], tested: Any) -> list[dict[str, Any]]:
    """The rows with the lowest figure, the first of them first."""
    metric = scores.task.primary_metric
    sign = 1.0 if higher_is_better(metric) else -1.0
    answers = tested.answers
    each = scores.of_rows(metric, answers.predicted)
    pairs = zip(scores.targets, answers.predicted, strict=True)
    # Nothing marked where nothing is to be marked scores 0, and is right.
    wrong = [row for row, pair in enumerate(pairs) if not scores.task.answer.is_right(*pair)]
    order = sorted(wrong, key=lambda row: sign * each[row])[:MISTAKES]
    return [
        {
            "row": row + 1,
            "item": items[row],
            "target": scores.targets[row],
            "target_text": scores.task.shown(scores.targets[row]),
            "predicted": answers.predicted[row],
            "record": answers.records[row] if answers.records else None,
            "figure": float(each[row]),
            "answered_by": tested.answered_by[row],
        }
        for row in order
    ]


def _confusion_matrix(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    wrong = truth != predicted
    blame = np.bincount(truth[wrong], minlength=len(labels)) + np.bincount(
        predicted[wrong], minlength=len(labels)
    )
    shown = np.sort(np.argsort(-blame, kind="stable")[:CONFUSED_LABELS])
    counts = [[int(np.sum((truth == row) & (predicted == column))) for column in shown] for row in shown]
    return {"labels": [labels[index] for index in shown], "counts": counts}


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
