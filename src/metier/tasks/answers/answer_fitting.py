"""From which margin on a reader answers, and how likely an answer is correct: fitted on validation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from metier.evaluation.answer_measures import answer_f1, exact_match
from metier.tasks.answers.passage_answer import AnswerThreshold, Reading
from metier.tasks.inputs.question import Question

# Fewer rows of either kind (correct and wrong, with an answer and without) say nothing about chances.
FEWEST = 10


def fit_answer_threshold(
    readings: Sequence[Reading], questions: Sequence[Question], targets: Sequence[Sequence[Any]]
) -> AnswerThreshold:
    """Tune the threshold where some questions have no answer, and calibrate probabilities by logistic regression [1]_.

    Parameters
    ----------
    readings : sequence of Reading
        Of validation rows, in the order of the questions.

    References
    ----------
    .. [1] Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    margins = np.array([reading.margin for reading in readings])
    odds = np.array([reading.log_odds for reading in readings])
    texts = [question.passage[r.start : r.end] for r, question in zip(readings, questions, strict=True)]
    has_answer = np.array([len(answers) > 0 for answers in targets])
    correct = np.array([exact_match(true, text) == 1 for true, text in zip(targets, texts, strict=True)])
    threshold = None
    if not has_answer.all():
        f1 = np.array([answer_f1(true, text) for true, text in zip(targets, texts, strict=True)])
        threshold = best_threshold(margins, f1, (~has_answer).astype(float))
    plain = AnswerThreshold()
    of_span = _logistic(np.column_stack([margins, odds])[has_answer], correct[has_answer]) or plain.of_span
    of_none = _logistic(margins[:, None], has_answer) or plain.of_none
    return AnswerThreshold(threshold, of_span, of_none)  # type: ignore[arg-type]


def best_threshold(margins: np.ndarray, if_answered: np.ndarray, if_not: np.ndarray) -> float:
    """Find the margin from which on answering scores most over these rows.

    Parameters
    ----------
    margins, if_answered, if_not : ndarray of shape (n_rows,)
        The margin of each row's best span, what answering with it scores, and what no answer scores.
    """
    order = np.argsort(-margins, kind="stable")
    gains = np.concatenate([[0.0], np.cumsum((if_answered - if_not)[order])])
    answered = int(gains.argmax())
    ranked = margins[order]
    above = ranked[answered - 1] if answered else ranked[0] + 2.0
    below = ranked[answered] if answered < len(ranked) else ranked[-1] - 2.0
    return float((above + below) / 2)


def _logistic(features: np.ndarray, outcome: np.ndarray) -> tuple[float, ...] | None:
    if min(outcome.sum(), (~outcome).sum()) < FEWEST:
        return None
    fitted = LogisticRegression().fit(features, outcome)
    return (*map(float, fitted.coef_[0]), float(fitted.intercept_[0]))
