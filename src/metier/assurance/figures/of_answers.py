"""Figures of the answers to the rows: the metrics of the task, and how far its probabilities can be trusted."""

from collections.abc import Iterator

from metier.assurance.figures.of_metric import drawn_figure, is_share, metric_figure
from metier.assurance.figures.source import FigureSource
from metier.assurance.subject import Subject
from metier.errors import CallError
from metier.evaluation.figure import Figure
from metier.evaluation.intervals import Interval
from metier.evaluation.probability_scores import SCORES, bootstrapped

SHARES = ("calibration_error", "adaptive_calibration_error")
# Names under which policies ask for them.
ALSO_CALLED = {"calibration_error": "ece", "adaptive_calibration_error": "adaptive_ece"}


def names_of(subject: Subject) -> Iterator[str]:
    """Give the metrics of the task, and those of probabilities where its answers are one label."""
    yield from subject.given.scores.metrics
    if subject.given.task.answer.is_one_label:
        yield from (ALSO_CALLED.get(name, name) for name in SCORES)


def figure_of(subject: Subject, name: str) -> Figure:
    """Measure one of them; its interval is measured again at each level."""
    scores = subject.given.scores
    if name in scores.metrics:
        return metric_figure(scores, name, subject.answered.predicted, random_state=subject.random_state)
    score, probabilities = _score_called(name), subject.answered.probabilities
    if probabilities is None:
        raise CallError(
            f"{name} is of probabilities, and the answers of {subject.bundle.name} have none. Leave the condition out."
        )

    def measured(level: float) -> Interval:
        return bootstrapped(
            score,
            probabilities,
            scores.codes,
            level=level,
            groups=scores.groups,
            random_state=subject.random_state,
        )

    return drawn_figure(measured, len(scores.codes), is_share=score in SHARES, higher_is_better=False)


def is_share_of(subject: Subject, name: str) -> bool:
    """Whether the figure lies between 0 and 1."""
    scores = subject.given.scores
    return is_share(scores, name) if name in scores.metrics else _score_called(name) in SHARES


def _score_called(name: str) -> str:
    return next(score for score in SCORES if ALSO_CALLED.get(score, score) == name)


ANSWERS = FigureSource("answers to the rows", names_of, figure_of, is_share_of)
