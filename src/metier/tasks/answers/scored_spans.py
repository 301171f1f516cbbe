"""Spans with probabilities: their calibration on validation, merging several lists, and answers made of them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from metier import evaluation
from metier.evaluation.entity_measures import entity_f1
from metier.tasks.answer_batches import DIGITS, RecordAnswers
from metier.tasks.answers.bio import Span

# A span as positions of tokens: the first, the one after the last, the number of its label, its evidence.
Run = tuple[int, int, int, float]
# What may be added to the score of O.
BIASES = (0.0, -0.5, -1.0, -1.5, -2.0, -2.5, -3.0, -3.5, -4.0, 0.5, 1.0)
# A bias has to gain this much F1 on validation over none: smaller gains are luck.
SMALLEST_GAIN = 0.003
# Nothing that was measured on some hundred spans can be surer than this.
SUREST = 1e-6


class ScoredSpan(NamedTuple):
    """A span that was found, and how probable it is that its edges and its label are all right."""

    start: int
    end: int
    label: str
    probability: float

    @property
    def place(self) -> tuple[int, int, str]:
        """What two spans have to share to be the same."""
        return self.start, self.end, self.label


@dataclass(frozen=True)
class SpanCalibration:
    """From the evidence for a span to its probability (Platt, 1999): a line through the log-odds.

    Parameters
    ----------
    slope : float
        0 or more; below 1 where the evidence is overconfident.
    intercept : float
    """

    slope: float = 1.0
    intercept: float = 0.0

    def probability(self, evidence: float) -> float:
        """Give the probability, 0 to 1, for the logarithm of what the method itself calls the probability."""
        return float(1 / (1 + np.exp(-(self.slope * log_odds(evidence) + self.intercept))))

    def of(self, span: ScoredSpan) -> ScoredSpan:
        """Give the span with its probability put right."""
        evidence = float(np.log(max(span.probability, SUREST)))
        return span._replace(probability=self.probability(evidence))


UNCALIBRATED = SpanCalibration()


def log_odds(evidence: float) -> float:
    """Give the log-odds of a probability whose logarithm is `evidence`, held within reason."""
    probability = float(np.clip(np.exp(min(evidence, 0.0)), SUREST, 1 - SUREST))
    return float(np.log(probability) - np.log1p(-probability))


def fit_calibration(evidence: Sequence[float], right: Sequence[bool]) -> SpanCalibration:
    """Fit the line through the log-odds that makes the spans' probabilities most probable.

    Parameters
    ----------
    evidence : sequence of float
        Logarithm of what the method calls the probability of each span.
    right : sequence of bool
        Whether the span is one of the true ones.
    """
    if len(evidence) == 0:
        return SpanCalibration()
    odds = np.array([log_odds(value) for value in evidence])
    return SpanCalibration(*evaluation.fit_log_odds_line(odds, np.asarray(right, dtype=np.float64)))


def choose_bias(truth: Sequence[Sequence[Span]], answer: Callable[[float], Sequence[Sequence[Span]]]) -> float:
    """Choose what is added to the score of O: 0, unless another bias is clearly better by the F1 of spans.

    Parameters
    ----------
    truth : sequence of lists of [start, end, label]
    answer : callable
        From a bias to the spans that are found with it.
    """
    scores = {bias: entity_f1(truth, answer(bias)) for bias in BIASES}
    best = max(scores, key=lambda bias: scores[bias])
    return best if scores[best] >= scores[0.0] + SMALLEST_GAIN else 0.0


def calibrate(
    truth: Sequence[Sequence[Span]],
    offsets: Sequence[np.ndarray],
    runs: Sequence[Sequence[Run]],
    labels: Sequence[str],
) -> SpanCalibration:
    """Fit the probabilities of the spans that were found.

    Parameters
    ----------
    truth : sequence of lists of [start, end, label]
    offsets : sequence of ndarray of int of shape (n_tokens, 2)
    runs : sequence of lists of (first token, token after the last, number of the label, evidence)
    """
    evidence, right = [], []
    for true, at, some in zip(truth, offsets, runs, strict=True):
        known = {tuple(span) for span in true}
        for first, stop, label, value in some:
            evidence.append(value)
            right.append((int(at[first, 0]), int(at[stop - 1, 1]), labels[label]) in known)
    return fit_calibration(evidence, right)


def without_overlap(spans: Iterable[ScoredSpan]) -> list[ScoredSpan]:
    """Give the spans, in order of their places, of which none overlaps one that came before it in the argument."""
    taken: list[ScoredSpan] = []
    for span in spans:
        if all(span.end <= other.start or other.end <= span.start for other in taken):
            taken.append(span)
    return sorted(taken)


def supported(answers: Sequence[Sequence[ScoredSpan]], weights: Sequence[float]) -> list[ScoredSpan]:
    """Give every span that a member found in a text, with its support, the best supported first.

    Parameters
    ----------
    answers : sequence of lists of ScoredSpan
        One list a member.
    weights : sequence of float
        One a member, together 1. The support of a span is the sum of the weights of those that found it, each
        times the probability it gave.
    """
    support: dict[tuple[int, int, str], float] = defaultdict(float)
    for spans, weight in zip(answers, weights, strict=True):
        for span in spans:
            support[span.place] += weight * span.probability
    found = [ScoredSpan(*place, value) for place, value in support.items()]
    return sorted(found, key=lambda span: (-span.probability, span.place))


def elect(candidates: Sequence[ScoredSpan], threshold: float) -> list[ScoredSpan]:
    """Give the spans that have the support, each unless a better supported one overlaps it; in order."""
    return without_overlap(span for span in candidates if span.probability >= threshold)


def precede(first: Sequence[ScoredSpan], second: Sequence[ScoredSpan]) -> list[ScoredSpan]:
    """Give all spans of `first`, and those of `second` that overlap none of them; in order."""
    return without_overlap([*first, *second])


def targets_of(spans: Sequence[ScoredSpan]) -> list[list[Any]]:
    """Give spans as targets: [start, end, label]."""
    return [[span.start, span.end, span.label] for span in spans]


def span_answers(texts: Sequence[str], found: Sequence[Sequence[ScoredSpan]], *, name: str) -> RecordAnswers:
    """Give the answers to texts from the spans that were found in each, which are in order."""
    predicted = [[[span.start, span.end, span.label] for span in spans] for spans in found]
    records: list[dict[str, Any]] = [
        {"spans": [_span_record(text, span) for span in spans]}
        for text, spans in zip(texts, found, strict=True)
    ]
    return RecordAnswers(predicted, records, (name,) * len(found))


def spans_of_record(record: Mapping[str, Any]) -> list[ScoredSpan]:
    """Give the spans of one record of `span_answers`."""
    return [
        ScoredSpan(span["start"], span["end"], span["label"], span["probability"]) for span in record["spans"]
    ]


def _span_record(text: str, span: ScoredSpan) -> dict[str, Any]:
    return {
        "start": span.start,
        "end": span.end,
        "label": span.label,
        "text": text[span.start : span.end],
        "probability": round(span.probability, DIGITS),
    }
