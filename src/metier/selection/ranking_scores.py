"""Scores of rankings: what probabilities are worth before anything is cut at a threshold."""

from dataclasses import asdict
from typing import Any

from metier.evaluation import interval_of
from metier.runs.stored_answers import StoredAnswers
from metier.selection.scores import Scores


def ranking_scores(scores: Scores, answers: StoredAnswers, *, random_state: int) -> dict[str, Any]:
    """Give the score of some answers' probabilities with its interval, by its name; empty where they rank nothing."""
    task, probabilities = scores.task, answers.probabilities
    metric = task.answer.ranking_metric(task.match_label)
    if metric is None or probabilities is None:
        return {}
    truth, given = task.answer.ranked(
        scores.targets, probabilities, labels=task.labels, match_label=task.match_label
    )
    return {metric: asdict(interval_of(metric, truth, given, random_state=random_state))}
