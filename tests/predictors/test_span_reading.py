import itertools

import numpy as np
import pytest

from metier.predictors.span_reading import FORBIDDEN, best_spans
from metier.tasks.answers.answer_threshold import AnswerThreshold, Reading
from metier.tasks.inputs.question import Question


def by_trying_all(scores, longest):
    """The best legal span of one window, and its probability, one span after the other."""
    begins, ends = scores[:, 0].astype(float), scores[:, 1].astype(float)
    legal = [
        (begins[i] + ends[j], i, j)
        for i, j in itertools.product(range(1, len(scores)), repeat=2)
        if i <= j < i + longest
    ]
    total, first, last = max(legal, key=lambda span: (span[0], -span[1]))
    chance = np.exp(begins[first] + ends[last]) / np.exp(begins).sum() / np.exp(ends).sum()
    return first, last, total - begins[0] - ends[0], np.log(chance / (1 - chance))


@pytest.mark.parametrize("longest", [1, 3, 100])
def test_the_best_span_is_the_one_that_trying_all_finds(longest):
    scores = np.random.default_rng(longest).normal(size=(40, 12, 2)).astype(np.float32)
    for found, each in zip(best_spans(scores, longest=longest), scores, strict=True):
        np.testing.assert_allclose(found, by_trying_all(each, longest), rtol=1e-5)


def test_forbidden_tokens_are_never_answered_with():
    scores = np.random.default_rng(0).normal(size=(30, 9, 2))
    scores[:, 1:4] = FORBIDDEN
    for first, last, *_ in best_spans(scores, longest=9):
        assert 4 <= first <= last
    scores[:, 1:] = FORBIDDEN
    assert {span[:2] for span in best_spans(scores, longest=9)} == {(0, 0)}


def test_below_the_threshold_there_is_no_answer():
    question = Question("Who?", "The Panthers won.")
    readings = [Reading(4, 12, margin, 0.0) for margin in (2.0, 0.9)]
    verdict = AnswerThreshold(threshold=1.0, of_none=(2.0, -1.0))
    answers = verdict.answer(list(zip([question] * 2, readings, strict=True)), "reader.v1")
    assert answers.predicted == ["Panthers", ""]
    assert answers.records[0] == {"answer": "Panthers", "start": 4, "end": 12, "probability": 0.5}
    assert answers.records[1]["start"] is None
    assert answers.records[1]["probability"] == pytest.approx(1 - 1 / (1 + np.exp(-0.8)), abs=1e-6)
    assert AnswerThreshold().answer(list(zip([question] * 2, readings, strict=True)), "r").predicted == [
        "Panthers",
        "Panthers",
    ]
