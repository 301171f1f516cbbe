"""Scores of a task's answers on some rows: one way for label tasks and for all others."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from metier.data.rows import Rows
from metier.errors import UnknownLabelError
from metier.evaluation import calibration_error, log_loss
from metier.evaluation.comparison import Comparison
from metier.evaluation.intervals import Interval
from metier.evaluation.many_comparisons import Against, compare_pairs, compare_with_best, compare_with_each
from metier.evaluation.metrics import METRICS as LABEL_METRICS
from metier.evaluation.relation_measures import relation_f1
from metier.evaluation.row_measures import (
    RowMeasure,
    comparison_of,
    find_measure,
    interval_of,
    measure,
    rows_correct,
)
from metier.evaluation.row_resampling import paired_samples
from metier.figures import count_of
from metier.runs.stored_answers import StoredAnswers
from metier.tasks.task import Task

RELATION_AVERAGES = {"relation_micro_f1": "micro", "relation_macro_f1": "macro"}


@dataclass(frozen=True)
class Scores:
    """What answers to some rows are compared with.

    Parameters
    ----------
    task : Task
    targets : sequence
        What the rows should be answered with.
    origin : str
        Which rows these are, for messages.
    further : tuple of str
        Metrics that are reported besides those of the task.
    groups : ndarray of int of shape (n_rows,), default=None
        Rows of one group resemble one another and are drawn together; None: every row is its own.
    sources : sequence of str, default=None
        What the rows ask, each as one text, where a metric looks answers up in it; see `sources_of`.
    """

    task: Task
    targets: Sequence[Any]
    origin: str = "these rows"
    further: tuple[str, ...] = ()
    groups: np.ndarray | None = field(default=None, compare=False)
    sources: Sequence[str] | None = field(default=None, compare=False)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics that are reported, the task's first; without sources none that needs them."""
        named = tuple(dict.fromkeys((*self.task.metrics, *self.further)))
        return tuple(name for name in named if self.sources is not None or not _takes_source(name))

    @cached_property
    def codes(self) -> np.ndarray:
        """The label of each row as its place in the task's labels, an ndarray of int64 of shape (n_rows,).

        Raises
        ------
        UnknownLabelError
            If a row has a label that the task does not know.
        """
        return self._encode(self.targets)

    def measure(self, metric: str, predicted: Sequence[Any]) -> float:
        """Give one figure of answers."""
        return float(measure(self._measure(metric), *self._comparable(metric, predicted)))

    def of_rows(self, metric: str, predicted: Sequence[Any]) -> np.ndarray:
        """Give the figure of each row alone, an ndarray of shape (n_rows,)."""
        truth, answers = self._comparable(metric, predicted)
        if metric in LABEL_METRICS:
            return np.asarray(truth == answers, dtype=np.float64)
        found = find_measure(self._measure(metric))
        return found.of_rows(found.statistics(truth, answers))

    def correct(self, metric: str, predicted: Sequence[Any]) -> np.ndarray | None:
        """Give which rows are answered correctly, bool of shape (n_rows,); None: rows are not correct or wrong in it."""
        found = self._measure(metric)
        if metric not in LABEL_METRICS and find_measure(found).is_correct is None:
            return None
        return rows_correct(found, *self._comparable(metric, predicted))

    def interval(
        self, metric: str, predicted: Sequence[Any], *, random_state: int = 0, level: float = 0.95
    ) -> Interval:
        """Give a figure with its bootstrap interval."""
        return interval_of(
            self._measure(metric),
            *self._comparable(metric, predicted),
            random_state=random_state,
            level=level,
            groups=self.groups,
        )

    def part(self, rows: np.ndarray) -> "Scores":
        """Give how answers to some of the rows are judged, by the positions of these rows."""
        groups = None if self.groups is None else self.groups[rows]
        sources = None if self.sources is None else [self.sources[int(row)] for row in rows]
        return replace(self, targets=[self.targets[int(row)] for row in rows], groups=groups, sources=sources)

    def compare(self, metric: str, a: Sequence[Any], b: Sequence[Any], **options: Any) -> Comparison:
        """Compare two sets of answers to the same rows; options are those of `row_comparison`."""
        truth, first = self._comparable(metric, a)
        second = self._comparable(metric, b)[1]
        return comparison_of(self._measure(metric), truth, first, second, groups=self.groups, **options)

    def against_best(
        self, metric: str, predicted: Mapping[str, Sequence[Any]], best: str, tolerance: float
    ) -> dict[str, Against]:
        """Compare every other candidate with the best, adjusted for how many there are.

        Parameters
        ----------
        predicted : mapping of str to sequence
            What each candidate answered.
        best : str
            The candidate with the best score.
        tolerance : float
            How much worse still counts as the same, in the unit of the metric.
        """
        truth = self._comparable(metric, [])[0]
        answers = {name: self._comparable(metric, one)[1] for name, one in predicted.items()}
        return compare_with_best(
            self._measure(metric), truth, answers, best, tolerance=tolerance, groups=self.groups
        )

    def against_each(
        self, metric: str, predicted: Mapping[str, Sequence[Any]], chosen: str, tolerance: float
    ) -> dict[str, Against]:
        """Compare one candidate with each other one, adjusted for how many there are; see `compare_with_each`."""
        truth = self._comparable(metric, [])[0]
        answers = {name: self._comparable(metric, one)[1] for name, one in predicted.items()}
        return compare_with_each(
            self._measure(metric), truth, answers, chosen, tolerance=tolerance, groups=self.groups
        )

    def compare_pairs(
        self, metric: str, predicted: Mapping[str, Sequence[Any]], pairs: Sequence[tuple[str, str]]
    ) -> list[Comparison]:
        """Compare pairs of candidates, adjusted for all pairs that could have been chosen."""
        truth = self._comparable(metric, [])[0]
        answers = {name: self._comparable(metric, one)[1] for name, one in predicted.items()}
        return compare_pairs(self._measure(metric), truth, answers, pairs, groups=self.groups)

    def samples(self, metric: str, answers: Sequence[Sequence[Any]], *, resamples: int) -> np.ndarray:
        """Give a figure of several sets of answers on the same bootstrap samples of the rows.

        Returns
        -------
        ndarray of shape (n_sets, resamples)
        """
        truth = self._comparable(metric, [])[0]
        sets = [self._comparable(metric, one)[1] for one in answers]
        return paired_samples(self._measure(metric), truth, sets, resamples=resamples, groups=self.groups)

    def joined(self, other: "Scores") -> "Scores":
        """Give how answers to these rows and others are judged together; a group lies in one of both."""
        groups = None
        if self.groups is not None or other.groups is not None:
            mine, others = (
                np.arange(len(one.targets)) if one.groups is None else one.groups for one in (self, other)
            )
            groups = np.concatenate([mine, others + mine.max(initial=-1) + 1])
        both = self.sources, other.sources
        sources = None if both[0] is None or both[1] is None else [*both[0], *both[1]]
        return replace(self, targets=[*self.targets, *other.targets], groups=groups, sources=sources)

    def _comparable(self, metric: str, predicted: Sequence[Any]) -> tuple[Any, Any]:
        if metric in LABEL_METRICS or self.task.is_ordered:
            return self.codes, self._encode(predicted)
        if self.sources is not None and _takes_source(metric):
            return self.sources, predicted
        return self.targets, predicted

    def _measure(self, metric: str) -> str | RowMeasure:
        return measure_of(metric, self.task.negative_label)

    def _encode(self, labels: Sequence[str]) -> np.ndarray:
        index = {label: place for place, label in enumerate(self.task.labels)}
        unknown = sorted({label for label in labels if label not in index})
        if unknown:
            raise UnknownLabelError(
                f"{self.origin} use {count_of(len(unknown), 'label')} that the training rows do not have: "
                f"{', '.join(map(repr, unknown[:5]))}. Add training rows with these labels, or fix the spelling."
            )
        return np.fromiter((index[label] for label in labels), dtype=np.int64, count=len(labels))


def sources_of(task: Task, rows: Rows) -> list[str] | None:
    """Give what rows ask, each as one text, where a metric of the task looks answers up in it; else None."""
    if not task.checks:
        return None
    return ["\n".join(task.input.shown(item)) for item in task.items(rows)]


def _takes_source(metric: str) -> bool:
    return metric not in LABEL_METRICS and find_measure(metric).takes_source


def measure_of(metric: str, negative_label: str | None) -> str | RowMeasure:
    """Give a metric as it is measured here: which label says "no relation" the task knows, not the metric's name."""
    average = RELATION_AVERAGES.get(metric)
    return (
        metric if negative_label is None or average is None else relation_f1(average, negative=negative_label)
    )


def scores_of(judge: Scores, answers: StoredAnswers, *, random_state: int) -> dict[str, Any]:
    """Quality of answers: each metric with its 95 % interval, and for labels log-loss and calibration error."""
    scores: dict[str, Any] = {
        metric: asdict(judge.interval(metric, answers.predicted, random_state=random_state))
        for metric in judge.metrics
    }
    if answers.probabilities is not None and judge.task.answer.is_one_label:
        scores["log_loss"] = float(log_loss(answers.probabilities, judge.codes))
        scores["calibration_error"] = float(calibration_error(answers.probabilities, judge.codes))
    return scores | ranking_scores(judge, answers, random_state=random_state)


def ranking_scores(scores: Scores, answers: StoredAnswers, *, random_state: int) -> dict[str, Any]:
    """Give the score of some answers' probabilities with its interval, by its name; empty where they rank nothing."""
    task, probabilities = scores.task, answers.probabilities
    metric = task.answer.ranking_metric(task.match_label)
    if metric is None or probabilities is None:
        return {}
    truth, given = task.answer.ranked(
        scores.targets, probabilities, labels=task.labels, match_label=task.match_label
    )
    found = interval_of(metric, truth, given, random_state=random_state, groups=scores.groups)
    return {metric: asdict(found)}
