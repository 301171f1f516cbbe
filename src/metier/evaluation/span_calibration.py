"""Whether a span that is given 0.9 is right nine times in ten, edges and label.

Each span that was found is one answer: right or wrong, with one probability. Spans that were missed have none, so
this says how far found spans can be believed, not how many are found. `span_fit.fit_calibration` mends what is
measured here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.evaluation.calibration import SMALLEST_PROBABILITY, bin_confidence, mean_gap
from metier.evaluation.row_statistics import check_rows


@dataclass(frozen=True)
class SpanCalibrationReport:
    """How well the probabilities of found spans are kept.

    Parameters
    ----------
    spans : int
        How many were found; where there are none the figures are 0.
    confidence, precision : float
        Mean probability, and share that is right, 0 to 1. Equal if the spans are neither over- nor under-sure.
    calibration_error : float
        Mean gap between the two over bins of equal width, 0 to 1. Of few spans it is above 0 by chance alone.
    log_loss : float
        Mean negative natural logarithm of the probability given to what is the case.
    bins : list of {"low", "high", "confidence", "accuracy", "rows"}
        As `calibration.reliability` gives them, a row being a span.
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
    """Give the probability of every found span, and whether it is a true one.

    Parameters
    ----------
    truth : sequence of lists of [start, end, label]
        One list a row.
    found : sequence of lists of spans
        One list a row; a span is a mapping with `start`, `end`, `label` and `probability`, as a record's `spans`
        are, or these four in that order.

    Returns
    -------
    probabilities : ndarray of float64 of shape (n_spans,)
    right : ndarray of bool of shape (n_spans,)
    """
    check_rows(truth, found)
    probabilities, right = [], []
    for true, spans in zip(truth, found, strict=True):
        known = {(int(start), int(end), str(label)) for start, end, label in true}
        for start, end, label, probability in map(_as_tuple, spans):
            probabilities.append(probability)
            right.append((start, end, label) in known)
    return np.array(probabilities, dtype=np.float64), np.array(right, dtype=bool)


def report_spans(probabilities: np.ndarray, right: np.ndarray, *, bins: int = 10) -> SpanCalibrationReport:
    """Hold the probabilities of found spans against how many of them are right.

    Parameters
    ----------
    probabilities : ndarray of shape (n_spans,)
    right : ndarray of bool of shape (n_spans,)
    """
    if len(probabilities) != len(right):
        raise ValueError(
            f"Expected one probability for each span, found {len(probabilities)} for {len(right)} spans."
        )
    if not len(right):
        return SpanCalibrationReport(0, 0.0, 0.0, 0.0, 0.0, [])
    given = np.where(right, probabilities, 1 - probabilities)
    cells = bin_confidence(probabilities, right, bins=bins)
    return SpanCalibrationReport(
        spans=len(right),
        confidence=float(probabilities.mean()),
        precision=float(right.mean()),
        calibration_error=mean_gap(cells),
        log_loss=float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean()),
        bins=cells,
    )


def _as_tuple(span: Any) -> tuple[int, int, str, float]:
    if isinstance(span, Mapping):
        span = span["start"], span["end"], span["label"], span["probability"]
    start, end, label, probability = span
    return int(start), int(end), str(label), float(probability)
