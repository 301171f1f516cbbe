"""How far the probabilities of one label can be trusted: scores with intervals, the risk of answers, a threshold."""

from dataclasses import asdict
from typing import Any

import numpy as np

from metier.errors import CallError
from metier.evaluation.calibration import calibration_error_by_chance
from metier.evaluation.probability_scores import SCORES, bootstrapped
from metier.evaluation.selective import Abstention, area_under_risk_coverage, choose_threshold, label_thresholds
from metier.runs.stored_answers import StoredAnswers
from metier.selection.scores import Scores


def confidence_facts(scores: Scores, answered: StoredAnswers, *, random_state: int) -> dict[str, Any] | None:
    """Give the scores of probabilities; None where answers are not one label, or have none.

    Returns
    -------
    dict or None
        `scores`, each with value, low and high; `calibration_error_by_chance`, what a perfectly calibrated model would
        show on so many rows; `aurc`, the area under the curve of risk and coverage.
    """
    probabilities = answered.probabilities
    if probabilities is None or not scores.task.answer.is_one_label:
        return None
    codes = scores.codes
    measured = {
        name: asdict(bootstrapped(name, probabilities, codes, groups=scores.groups, random_state=random_state))
        for name in SCORES
    }
    return {
        "scores": measured,
        "calibration_error_by_chance": calibration_error_by_chance(probabilities, random_state=random_state),
        "aurc": area_under_risk_coverage(*_sure_and_right(probabilities, codes)),
    }


def threshold_for(scores: Scores, answered: StoredAnswers, *, target: float) -> Abstention | None:
    """Choose the threshold whose answers are as accurate as wanted; None where none is shown to be.

    Raises
    ------
    CallError
        If answers are not one label with probabilities.
    DataError
        If so few rows could not show it.
    """
    if answered.probabilities is None or not scores.task.answer.is_one_label:
        raise CallError(
            "A wanted accuracy needs answers of one label with probabilities, and these are others. Leave "
            "--target-accuracy out."
        )
    return choose_threshold(*_sure_and_right(answered.probabilities, scores.codes), target=target)


def thresholds_of_labels(scores: Scores, answered: StoredAnswers, *, target: float) -> dict[str, float | None]:
    """Choose a threshold for each label that is answered often enough; None: no confidence in it is shown to suffice."""
    assert answered.probabilities is not None
    sure, right = _sure_and_right(answered.probabilities, scores.codes)
    found = label_thresholds(sure, answered.predicted, right, target=target)
    return {label: None if one is None else one.threshold for label, one in found.items()}


def _sure_and_right(probabilities: np.ndarray, codes: np.ndarray) -> tuple[Any, Any]:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == codes
