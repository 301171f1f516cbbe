"""What is chosen on validation for spans: the bias, and the line through the log-odds."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from metier.evaluation.entity_measures import entity_f1
from metier.tasks.answers.bio import as_offsets
from metier.tasks.answers.scored_spans import choose_bias, fit_calibration, log_odds
from metier.tasks.answers.soft_spans import TextLogits
from metier.tasks.answers.spans import SPANS
from metier.tasks.examples import Examples


def test_counts_and_f1():
    truth = [[[0, 1, "x"], [2, 3, "y"]], [], [[0, 4, "x"]]]
    found = [[[0, 1, "x"], [2, 3, "x"]], [[0, 1, "x"]], []]
    assert entity_f1(truth, found) == pytest.approx(1 / 3)
    assert entity_f1([[]], [[]]) == 0


def test_f1_is_that_of_seqeval():
    seqeval = pytest.importorskip("seqeval.metrics")
    from metier.tasks.answers.bio import best_tags, spans_of_tags, tag_names

    random = np.random.default_rng(0)
    places = as_offsets([(i, i + 1) for i in range(12)])
    labels = ("x", "y")
    sequences = [[best_tags(random.normal(size=(12, 5))) for _ in range(20)] for _ in range(2)]
    spans = [[spans_of_tags(tags, places, labels) for tags in side] for side in sequences]
    names = [[[tag_names(labels)[tag] for tag in tags] for tags in side] for side in sequences]
    assert entity_f1(*spans) == pytest.approx(seqeval.f1_score(*names))


def test_the_line_is_that_of_a_logistic_regression():
    random = np.random.default_rng(0)
    probabilities = random.uniform(0.05, 0.99, size=4000)
    right = random.random(4000) < 1 / (1 + np.exp(-(0.5 * np.log(probabilities / (1 - probabilities)) - 0.3)))
    line = fit_calibration(np.log(probabilities).tolist(), right.tolist())
    odds = np.array([[log_odds(np.log(p))] for p in probabilities])
    expected = LogisticRegression(C=np.inf).fit(odds, right)
    assert line.slope == pytest.approx(expected.coef_[0, 0], abs=0.01)
    assert line.intercept == pytest.approx(expected.intercept_[0], abs=0.01)
    assert line.probability(np.log(0.9)) < 0.9


def test_nothing_found_changes_nothing():
    line = fit_calibration([], [])
    assert line.probability(np.log(0.7)) == pytest.approx(0.7)


def test_all_right_is_no_certainty():
    line = fit_calibration([np.log(0.6)] * 10, [True] * 10)
    assert 0.6 < line.probability(np.log(0.6)) < 1


def test_a_bias_has_to_earn_its_place():
    truth = [[[0, 1, "x"]]] * 1000
    assert choose_bias(truth, lambda bias: [*truth[:999], []] if bias == 0 else truth) == 0.0
    assert choose_bias(truth, lambda bias: truth if bias == -1.0 else truth[:900] + [[]] * 100) == -1.0


def test_a_timid_tagger_is_made_bolder():
    random = np.random.default_rng(0)
    places = as_offsets([(i, i + 1) for i in range(6)])
    logits, truth = [], []
    for _ in range(60):
        tags = random.random(6) < 0.3
        values = random.normal(size=(6, 3)) * 0.3
        values[:, 0] += 2.0
        values[tags, 1] += 1.5
        logits.append(values)
        truth.append([[int(i), int(i) + 1, "x"] for i in np.flatnonzero(tags)])
    rows = [TextLogits("", places, some) for some in logits]
    decoder = SPANS.fit_decoder(rows, Examples([""] * 60, truth, np.array(["x"])))
    assert decoder.outside_bias < -0.5
    found = [[[s.start, s.end, s.label] for s in decoder.spans(values, places)] for values in logits]
    assert entity_f1(truth, found) > 0.8
