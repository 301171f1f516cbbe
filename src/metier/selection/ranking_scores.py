"""Scores of rankings: what probabilities are worth before anything is cut at a threshold."""

from dataclasses import asdict
from typing import Any

from metier.evaluation import interval_of
from metier.evaluation.label_set_measures import as_mappings
from metier.runs.stored_answers import StoredAnswers
from metier.selection.scores import Scores
from metier.tasks.contract import Task


def ranking_metric(task: Task) -> str | None:
    """Give the metric of a task's probabilities: of sets of labels, or of pairs of which a label says they match."""
    if "set_micro_f1" in task.metrics:
        return "label_ranking_precision"
    return None if task.match_label is None else "average_precision"


def ranking_scores(scores: Scores, answers: StoredAnswers, *, random_state: int) -> dict[str, Any]:
    """Give the figure of some answers' probabilities with its interval, by its name; empty where they rank nothing."""
    metric, probabilities = ranking_metric(scores.task), answers.probabilities
    if metric is None or probabilities is None:
        return {}
    truth: Any = scores.targets
    given: Any = as_mappings(probabilities, scores.task.labels)
    if metric == "average_precision":
        match = scores.task.match_label
        assert match is not None  # Only what has one has this metric.
        truth = [target == match for target in scores.targets]
        given = probabilities[:, scores.task.labels.index(match)]
    return {metric: asdict(interval_of(metric, truth, given, random_state=random_state))}
