"""Figures of a part of the rows: `slice.language=zh.accuracy`, `slice.channel=phone.macro_f1`."""

from collections.abc import Iterator

from metier.assurance.figures.of_metric import is_share, metric_figure
from metier.assurance.figures.source import FigureSource
from metier.assurance.subject import Subject
from metier.evaluation.figure import Figure

PREFIX = "slice."
FEWEST_ROWS = 2  # Of one row nothing varies.


def names_of(subject: Subject) -> Iterator[str]:
    """Give each part with each metric of the task."""
    for name, part in subject.slices.items():
        if len(part.rows) >= FEWEST_ROWS:
            yield from (f"{PREFIX}{name}.{metric}" for metric in subject.given.scores.metrics)


def figure_of(subject: Subject, name: str) -> Figure:
    """Measure one of them."""
    part_name, _, metric = name.removeprefix(PREFIX).rpartition(".")
    rows = subject.slices[part_name].rows
    predicted = [subject.answered.predicted[int(row)] for row in rows]
    return metric_figure(subject.given.scores.part(rows), metric, predicted, random_state=subject.random_state)


def is_share_of(subject: Subject, name: str) -> bool:
    """Whether the figure lies between 0 and 1."""
    return is_share(subject.given.scores, name.rpartition(".")[2])


SLICES = FigureSource("parts of the rows", names_of, figure_of, is_share_of)
