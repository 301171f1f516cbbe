"""Temperature scaling of the probabilities of grades (ordinal labels)."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from metier.errors import EmptyDataError
from metier.evaluation.calibration import COLDEST, HOTTEST, log_loss


def fit_grade_temperature(
    logits: np.ndarray, truth: np.ndarray, *, probabilities: Callable[[np.ndarray], np.ndarray]
) -> float:
    """Find the temperature that makes `probabilities(logits / temperature)` most likely.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_grades - 1)
    truth : ndarray of int of shape (n_rows,)
    probabilities : callable
        `tasks.grading.from_cumulative` or `from_conditional`.
    """
    if len(truth) == 0:
        raise EmptyDataError("There are no rows to calibrate on. Give at least one row with its true grade.")

    def loss(log_temperature: float) -> float:
        return log_loss(probabilities(logits / np.exp(log_temperature)), truth)

    found = minimize_scalar(
        loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-5}
    )
    return float(np.exp(found.x))
