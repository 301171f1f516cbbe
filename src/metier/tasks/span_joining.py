"""Spans of several sources merged without overlap: by votes, or by precedence."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from metier.tasks.answers.scored_spans import ScoredSpan


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
