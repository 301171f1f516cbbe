import numpy as np
import pytest

from metier.tasks.answers.answer_threshold import Reading, best_threshold, fit_answer_threshold
from metier.tasks.inputs.question import Question


def test_the_threshold_is_the_best_of_all():
    random = np.random.default_rng(0)
    margins, answered = random.normal(size=50), random.random(50)
    without = (random.random(50) < 0.4).astype(float)

    def gained(threshold):
        return np.where(margins >= threshold, answered, without).sum()

    found = best_threshold(margins, answered, without)
    tried = [*margins - 1e-9, *margins + 1e-9]
    assert gained(found) == pytest.approx(max(map(gained, tried)))


def test_where_every_question_has_an_answer_every_question_gets_one():
    question = Question("Who?", "The Panthers won.")
    truth = [[{"text": "Panthers", "start": 4}]]
    verdict = fit_answer_threshold([Reading(4, 12, 1.0, 0.5)], [question], truth)
    assert verdict.threshold is None
    assert verdict.of_span == (0.0, 1.0, 0.0)


def test_probabilities_are_right_as_often_as_they_say():
    random = np.random.default_rng(1)
    odds = random.normal(size=2_000) * 2
    is_right = random.random(2_000) < 1 / (1 + np.exp(-(0.5 * odds - 1)))
    question = Question("Who?", "The Panthers won.")
    readings = [Reading(4, 12, 3 * x, x) for x in odds]
    truth = [[{"text": "Panthers" if right else "won", "start": 4 if right else 13}] for right in is_right]
    verdict = fit_answer_threshold(readings, [question] * 2_000, truth)
    of_margin, of_odds, bias = verdict.of_span
    assert 3 * of_margin + of_odds == pytest.approx(0.5, abs=0.1)
    assert bias == pytest.approx(-1, abs=0.15)


def test_with_questions_without_answer_small_margins_are_left_unanswered():
    question = Question("Who?", "The Panthers won.")
    readings = [Reading(4, 12, margin, margin) for margin in (3.0, 2.0, 1.0, 0.0)] * 10
    truth = [[{"text": "Panthers", "start": 4}], [{"text": "Panthers", "start": 4}], [], []] * 10
    verdict = fit_answer_threshold(readings, [question] * 40, truth)
    assert 1.0 < verdict.threshold < 2.0
    assert verdict.of_none[0] > 0
