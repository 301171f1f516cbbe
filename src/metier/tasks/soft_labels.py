"""Soft labels: probabilities from rules or from a teacher."""

from typing import Any

import numpy as np

from metier.errors import SettingsError


def check_soft(soft: Any, *, n_rows: int, classes: np.ndarray) -> np.ndarray:
    """Give soft labels as an ndarray of float64 of shape (n_rows, n_classes).

    Raises
    ------
    SettingsError
        If their shape is another, or a row is no distribution.
    """
    found = np.asarray(soft, dtype=np.float64)
    if found.shape != (n_rows, len(classes)):
        fault = (
            f"their shape is {found.shape}, expected ({n_rows}, {len(classes)}): a row for each text and a column "
            "for each label that occurs in y, sorted"
        )
        raise SettingsError([fault], origin="The soft labels")
    wrong = np.flatnonzero((found < 0).any(axis=1) | ~np.isclose(found.sum(axis=1), 1, atol=1e-3))
    if len(wrong):
        fault = f"row {wrong[0]} holds {found[wrong[0]]}, expected numbers from 0 that sum to 1"
        raise SettingsError([fault], origin="The soft labels")
    return found
