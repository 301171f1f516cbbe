"""From which margin on a question is answered, and how likely an answer is correct: fitted on validation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from metier import evaluation
from metier.evaluation.answer_measures import answer_f1, exact_match
from metier.tasks.answer_batches import DIGITS, RecordAnswers
from metier.tasks.inputs.question import Question


@dataclass(frozen=True)
class Reading:
    """The best span of a passage.

    Parameters
    ----------
    start, end : int
        In the passage, in characters; the same where no token may be answered with.
    margin : float
        How much it is preferred to no answer.
    log_odds : float
        Of its probability inside its window.
    """

    start: int
    end: int
    margin: float
    log_odds: float


@dataclass(frozen=True)
class AnswerThreshold:
    """From which margin on a question is answered, and how likely the answer is correct.

    Parameters
    ----------
    threshold : float or None
        Below this margin there is no answer; None: every question gets one.
    of_span : tuple of float
        Weight of the margin, weight of the log-odds of the span's own probability, and bias: their sum is the
        log-odds that an answer is exactly right.
    of_none : tuple of float
        Weight of the margin and bias: the log-odds that the passage answers at all.
    """

    threshold: float | None = None
    of_span: tuple[float, float, float] = (0.0, 1.0, 0.0)
    of_none: tuple[float, float] = (1.0, 0.0)

    @property
    def labels(self) -> tuple[str, ...]:
        """None: a piece of a passage is not a label."""
        return ()

    @property
    def chosen(self) -> dict[str, Any]:
        """What validation chose: `verdict`."""
        return {"verdict": asdict(self)}

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        return {"labels": [], "verdict": asdict(self)}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave, or its fields alone."""
        fields = settings.get("verdict", settings)
        return cls(fields["threshold"], tuple(fields["of_span"]), tuple(fields["of_none"]))

    def answer(self, logits: Sequence[tuple[Question, Reading]], name: str) -> RecordAnswers:
        """Decide for each question whether its best span is the answer, and how likely that is correct."""
        records = [self._record(question, reading) for question, reading in logits]
        return RecordAnswers([record["answer"] for record in records], records, (name,) * len(records))

    def _record(self, question: Question, reading: Reading) -> dict[str, Any]:
        is_below = self.threshold is not None and reading.margin < self.threshold
        if is_below or reading.start == reading.end:
            slope, bias = self.of_none
            chance = 1 - _logistic(slope * reading.margin + bias)
            return {"answer": "", "start": None, "end": None, "probability": round(chance, DIGITS)}
        of_margin, of_odds, bias = self.of_span
        chance = _logistic(of_margin * reading.margin + of_odds * reading.log_odds + bias)
        return {
            "answer": question.passage[reading.start : reading.end],
            "start": reading.start,
            "end": reading.end,
            "probability": round(chance, DIGITS),
        }


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
    features = np.column_stack([margins, odds])
    of_span = evaluation.fit_logistic(features[has_answer], correct[has_answer]) or plain.of_span
    of_none = evaluation.fit_logistic(margins[:, None], has_answer) or plain.of_none
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


def _logistic(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))))
