"""A threshold for each group, so that a label is answered equally often in all: post-processing, only where asked for.

After Hardt et al. [1]_, for selection rates. It treats persons by the group that they belong to, which the law may forbid,
and needs the group of everyone who asks; so it is shown what it would do, and no bundle applies it. Thresholds are
chosen on one half of the rows and judged on the other, and the other way round.

References
----------
.. [1] Hardt, Price and Srebro, "Equality of opportunity in supervised learning", 2016, arXiv:1610.02413.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metier.assurance.fairness.groups import ColumnParity, column_parity
from metier.errors import CallError, suggest
from metier.evaluation.comparison import Comparison
from metier.runs.stored_answers import StoredAnswers
from metier.selection.labelled_rows import LabelledRows

FEWEST_ROWS = 40  # Of a group: half of them choose.


@dataclass(frozen=True)
class GroupThresholds:
    """What a threshold for each group would do.

    Parameters
    ----------
    label : str
        What is answered from the threshold on.
    thresholds : mapping of str to float
        By the group, of all rows.
    after : ColumnParity
        The groups with thresholds, on the halves that did not choose them.
    accuracy : Comparison
        With thresholds, less without.
    """

    label: str
    thresholds: Mapping[str, float]
    after: ColumnParity
    accuracy: Comparison

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        return {
            "label": self.label,
            "thresholds": dict(self.thresholds),
            "after": self.after.as_dict(),
            "accuracy": asdict(self.accuracy),
        }


def group_thresholds(
    given: LabelledRows, answered: StoredAnswers, column: str, label: str, *, random_state: int = 0
) -> GroupThresholds:
    """Choose thresholds, and measure what they do on rows that did not choose them.

    Raises
    ------
    CallError
        If answers are not one label with probabilities, there is no such label, or a group has too few rows.
    """
    probabilities, labels = answered.probabilities, given.task.labels
    if probabilities is None or not given.task.answer.is_one_label:
        raise CallError(
            "Thresholds of groups need answers of one label with probabilities, and these are others. Leave "
            "--group-thresholds out."
        )
    if label not in labels:
        raise CallError(f"There is no label {label!r}.{suggest(label, labels)} Known are {', '.join(labels)}.")
    place = labels.index(label)
    own = probabilities[:, place]
    others = np.delete(np.arange(len(labels)), place)
    fallback = others[probabilities[:, others].argmax(axis=1)]
    groups = np.array([str(value) for value in given.rows.table.column(column).to_pylist()])
    names, sizes = np.unique(groups, return_counts=True)
    if sizes.min() < FEWEST_ROWS:
        raise CallError(
            f"The group {str(names[sizes.argmin()])!r} has {sizes.min()} rows, and a threshold of its own needs "
            f"{FEWEST_ROWS}. Leave --group-thresholds out, or give more rows."
        )
    wanted = float((probabilities.argmax(axis=1) == place).mean())
    half = np.random.default_rng(random_state).permutation(len(groups)) % 2
    chosen = np.empty(len(groups), dtype=bool)
    for name in names:
        for side in (0, 1):
            held = (groups == name) & (half == side)
            chosen[held] = own[held] >= _threshold(own[(groups == name) & (half != side)], wanted)
    predicted = [label if yes else labels[int(other)] for yes, other in zip(chosen, fallback, strict=True)]
    return GroupThresholds(
        label,
        {str(name): _threshold(own[groups == name], wanted) for name in names},
        column_parity(given, predicted, column, labels=[label]),
        given.scores.compare("accuracy", predicted, answered.predicted),
    )


def _threshold(probabilities: np.ndarray, wanted: float) -> float:
    """Give the threshold from which on a share of probabilities lies."""
    return float(np.quantile(probabilities, 1 - wanted)) if wanted < 1 else 0.0
