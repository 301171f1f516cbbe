"""The figure of a metric of the task on some rows, with an interval that is measured again at each level."""

from collections.abc import Callable, Sequence
from typing import Any

from metier.evaluation import higher_is_better
from metier.evaluation.figure import LEVEL, Figure
from metier.evaluation.intervals import Interval
from metier.evaluation.row_measures import is_fraction
from metier.selection.scores import Scores, measure_of


def metric_figure(scores: Scores, metric: str, predicted: Sequence[Any], *, random_state: int) -> Figure:
    """Measure a metric of answers."""

    def measured(level: float) -> Interval:
        return scores.interval(metric, predicted, random_state=random_state, level=level)

    higher = higher_is_better(metric)
    return drawn_figure(measured, len(predicted), is_share=is_share(scores, metric), higher_is_better=higher)


def is_share(scores: Scores, metric: str) -> bool:
    """Whether a metric lies between 0 and 1."""
    return is_fraction(measure_of(metric, scores.task.negative_label))


def drawn_figure(
    measured: Callable[[float], Interval], rows: int, *, is_share: bool, higher_is_better: bool | None
) -> Figure:
    """Give the figure of what is measured by a function of the level."""
    found = measured(LEVEL)
    return Figure(
        found.value,
        found.low,
        found.high,
        rows,
        is_share=is_share,
        higher_is_better=higher_is_better,
        measured=measured,
    )
