"""What a method of grades is handed, checked once: texts, and the place of each text's grade in their order."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.tasks.examples import Examples, check_examples
from metier.tasks.grading import order_of


def check_grades(
    X: Any, y: Any, *, order: Sequence[str] | None = None, classes: np.ndarray | None = None
) -> Examples:
    """Check what `fit` was handed, and number its grades from the lowest up.

    Parameters
    ----------
    X : whatever `metier.data.rows.as_texts` takes
    y : sequence of grades, one a text
    order : sequence of str, optional
        The grades from the lowest to the highest; None: as `tasks.grading.order_of` knows it.
    classes : ndarray, optional
        The grades of the training rows in order, when these are validation rows.

    Returns
    -------
    Examples
        Whose `classes` stand in the order of the grades.

    Raises
    ------
    DataError
        If the order of the grades cannot be known.
    ValueError, MissingLabelError, TooFewLabelsError, UnseenLabelError
        As `tasks.examples.check_examples` does.
    """
    if classes is not None:
        alphabetic = np.sort(classes)
        found = check_examples(X, y, classes=alphabetic)
    else:
        found = check_examples(X, y)
        alphabetic = found.classes
        classes = np.array(order_of([str(label) for label in alphabetic], order=order))
    place = {str(label): number for number, label in enumerate(classes)}
    number_of = np.array([place[str(label)] for label in alphabetic], dtype=np.int64)
    return Examples(found.texts, number_of[found.truth], classes)
