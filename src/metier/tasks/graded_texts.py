"""Old form of checked grades, until its last caller uses `answers.grade`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.tasks.answers.grade import GRADE
from metier.tasks.examples import Examples
from metier.text.given_texts import as_texts


def check_grades(
    X: Any, y: Any, *, order: Sequence[str] | None = None, classes: np.ndarray | None = None
) -> Examples:
    """Check what `fit` was handed, and number its grades from the lowest up."""
    known = None if classes is None else Examples((), (), classes)
    return GRADE.check(as_texts(X), y, known=known, order=order)
