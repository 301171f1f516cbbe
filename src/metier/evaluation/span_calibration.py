"""Calibration of the probabilities of predicted spans.

Each predicted span is one answer: correct (boundaries and label) or wrong, with one probability. Missed spans have
no probability, so this measures how far predicted spans can be trusted, not how many are found.
`tasks.answers.scored_spans.fit_calibration` corrects what is measured here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.evaluation.calibration import SMALLEST_PROBABILITY, bin_confidence, mean_gap
from metier.evaluation.row_statistics import check_rows


@dataclass(frozen=True)
class SpanCalibrationReport:
    """Calibration of the probabilities of predicted spans.

    Parameters
    ----------
    spans : int
        Number of predicted spans; with none, all values are 0.
    confidence, precision : float
        Mean probability, and share of correct spans, 0 to 1. Equal if neither over- nor under-confident.
    calibration_error : float
        Mean gap between the two over bins of equal width, 0 to 1. With few spans it is above 0 by chance.
    log_loss : float
        Mean negative natural logarithm of the probability of the true outcome.
    bins : list of {"low", "high", "confidence", "accuracy", "rows"}
        As in `calibration.reliability`, a row being a span.
    """

    spans: int
    confidence: float
    precision: float
    calibration_error: float
    log_loss: float
    bins: list[dict[str, Any]]


def gather_spans(
    truth: Sequence[Sequence[Sequence[Any]]], found: Sequence[Sequence[Any]]
) -> tuple[np.ndarray, np.ndarray]:
    """Give the probability of every predicted span, and whether it is correct.

    Parameters
    ----------
    truth : sequence of lists of [start, end, label]
        One list per row.
    found : sequence of lists of spans
        One list per row; a span is a mapping with `start`, `end`, `label` and `probability`, as a record's `spans`
        are, or these four in that order.

    Returns
    -------
    probabilities : ndarray of float64 of shape (n_spans,)
    correct : ndarray of bool of shape (n_spans,)
    """
    check_rows(truth, found)
    probabilities, correct = [], []
    for true, spans in zip(truth, found, strict=True):
        known = {(int(start), int(end), str(label)) for start, end, label in true}
        for start, end, label, probability in map(_as_tuple, spans):
            probabilities.append(probability)
            correct.append((start, end, label) in known)
    return np.array(probabilities, dtype=np.float64), np.array(correct, dtype=bool)


def report_spans(probabilities: np.ndarray, correct: np.ndarray, *, bins: int = 10) -> SpanCalibrationReport:
    """Compare the probabilities of predicted spans with how many are correct.

    Parameters
    ----------
    probabilities : ndarray of shape (n_spans,)
    correct : ndarray of bool of shape (n_spans,)
    """
    if len(probabilities) != len(correct):
        raise ValueError(
            f"Expected one probability for each span, found {len(probabilities)} for {len(correct)} spans."
        )
    if not len(correct):
        return SpanCalibrationReport(0, 0.0, 0.0, 0.0, 0.0, [])
    given = np.where(correct, probabilities, 1 - probabilities)
    cells = bin_confidence(probabilities, correct, bins=bins)
    return SpanCalibrationReport(
        spans=len(correct),
        confidence=float(probabilities.mean()),
        precision=float(correct.mean()),
        calibration_error=mean_gap(cells),
        log_loss=float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean()),
        bins=cells,
    )


def _as_tuple(span: Any) -> tuple[int, int, str, float]:
    if isinstance(span, Mapping):
        span = span["start"], span["end"], span["label"], span["probability"]
    start, end, label, probability = span
    return int(start), int(end), str(label), float(probability)
