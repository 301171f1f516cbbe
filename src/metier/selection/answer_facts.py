"""What the recommended candidate answered, looked at closely: what it takes for what, and where it is worst."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metier.evaluation import calibration_error, confusions, higher_is_better, per_label, reliability
from metier.evaluation.entity_measures import per_type
from metier.runs.stored_answers import StoredAnswers
from metier.selection.scores import Scores

CONFUSED_LABELS = 12
MISTAKES = 20
# A ranking is right where the answer comes first, whatever stands behind it.
RANKINGS = frozenset({"mean_reciprocal_rank"})


def is_one_label(scores: Scores, answers: StoredAnswers) -> bool:
    """Whether each answer is one label with its probability."""
    return answers.probabilities is not None and all(isinstance(target, str) for target in scores.targets[:1])


def detail_of(name: str, scores: Scores, items: Sequence[Any], tested: Any) -> dict[str, Any]:
    """Give what the report says of one candidate's answers to the test rows.

    Parameters
    ----------
    items : sequence
        What the rows asked.
    tested : Tested
    """
    facts: dict[str, Any] = {"name": name, "split": "test", "kind": "answers"}
    if not is_one_label(scores, tested.answers):
        return facts | {
            "worst": _worst(scores, items, tested),
            "by_type": _by_type(scores, tested.answers.predicted),
        }
    truth, labels = scores.codes, scores.task.labels
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


def _by_type(scores: Scores, predicted: Sequence[Any]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each type of span, or of each label of sets; empty for other answers."""
    if "entity_f1" in scores.task.metrics:
        return per_type(scores.targets, predicted)
    if "set_micro_f1" not in scores.task.metrics:
        return []
    # A label of a set is a span without a place.
    truth, answers = (
        [[[0, 0, label] for label in own] for own in rows] for rows in (scores.targets, predicted)
    )
    return per_type(truth, answers)


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
    # Nothing marked where nothing is to be marked has a figure of 0, and is right.
    wrong = [
        row
        for row, (target, answer) in enumerate(zip(scores.targets, answers.predicted, strict=True))
        if _as_lists(target) != _as_lists(answer) and not (metric in RANKINGS and each[row] == 1)
    ]
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


def _as_lists(answer: Any) -> Any:
    return [_as_lists(part) for part in answer] if isinstance(answer, list | tuple) else answer


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
