"""Spans of several sources: votes and precedence."""

from metier.tasks.answers.scored_spans import ScoredSpan, elect, precede, supported

A = ScoredSpan(0, 5, "x", 0.9)
B = ScoredSpan(3, 8, "x", 0.8)
C = ScoredSpan(8, 9, "y", 0.3)


def test_support_is_the_sum_of_weighted_probabilities():
    found = supported([[A, C], [A, B]], [0.75, 0.25])
    assert [(span.place, round(span.probability, 6)) for span in found] == [
        (A.place, 0.9),
        (C.place, 0.225),
        (B.place, 0.2),
    ]


def test_the_better_supported_of_overlapping_spans_is_elected():
    candidates = supported([[A, C], [B]], [0.5, 0.5])
    assert [span.place for span in elect(candidates, 0.1)] == [A.place, C.place]
    assert [span.place for span in elect(candidates, 0.4)] == [A.place]
    assert elect(candidates, 0.5) == []


def test_one_place_with_two_labels_goes_to_one():
    other = A._replace(label="z", probability=0.5)
    assert [span.label for span in elect(supported([[A], [other]], [0.5, 0.5]), 0.0)] == ["x"]


def test_precedence():
    assert precede([B], [A, C]) == [B, C]
    assert precede([A], [B, C]) == [A, C]
