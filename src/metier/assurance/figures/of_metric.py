"""The figure of a metric of the task on some rows, with an interval that is measured again at each level."""

from collections.abc import Callable, Sequence
from typing import Any

from metier.evaluation import higher_is_better
from metier.evaluation.figure import LEVEL, Figure
from metier.evaluation.intervals import Interval
from metier.evaluation.row_measures import is_fraction
from metier.selection.scores import Scores, measure_of

ACCURACY = "accuracy"  # Its interval is exact for any number of rows.
FEWEST_DRAWN = 10  # Rows whose interval is drawn from them.


def metric_figure(scores: Scores, metric: str, predicted: Sequence[Any], *, random_state: int) -> Figure:
    """Measure a metric of answers."""

    def measured(level: float) -> Interval:
        return scores.interval(metric, predicted, random_state=random_state, level=level)

    higher = higher_is_better(metric)
    is_exact = metric == ACCURACY and scores.groups is None
    return drawn_figure(
        measured,
        len(predicted),
        is_share=is_share(scores, metric),
        higher_is_better=higher,
        is_exact=is_exact,
    )


def is_share(scores: Scores, metric: str) -> bool:
    """Whether a metric lies between 0 and 1."""
    return is_fraction(measure_of(metric, scores.task.negative_label))


def drawn_figure(
    measured: Callable[[float], Interval],
    rows: int,
    *,
    is_share: bool,
    higher_is_better: bool | None,
    is_exact: bool = False,
) -> Figure:
    """Give the figure of what is measured by a function of the level; of a few rows without an interval.

    The rows that are drawn again from a few are nearly the same each time, so that the interval would be far too narrow.
    """
    found = measured(LEVEL)
    if rows < FEWEST_DRAWN and not is_exact:
        return Figure(found.value, None, None, rows, is_share=is_share, higher_is_better=higher_is_better)
    return Figure(
        found.value,
        found.low,
        found.high,
        rows,
        is_share=is_share,
        higher_is_better=higher_is_better,
        measured=measured,
    )
