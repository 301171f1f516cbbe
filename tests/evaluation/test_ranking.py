"""Figures of a search, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from metier.evaluation.ranking import (
    average_precisions,
    recall_at,
    reciprocal_ranks,
    search_figures,
    success_at,
)

HITS = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], dtype=bool)
N_RELEVANT = np.array([2, 3, 4])


def test_by_hand():
    assert success_at(HITS, 1).tolist() == [0, 0, 1]
    assert success_at(HITS, 2).tolist() == [1, 0, 1]
    assert recall_at(HITS, N_RELEVANT, 2).tolist() == [0.5, 0, 0.5]
    assert reciprocal_ranks(HITS).tolist() == [0.5, 0, 1]
    assert average_precisions(HITS, N_RELEVANT).tolist() == [0.5, 0, 0.5]


def test_a_whole_ranking_has_the_average_precision_of_scikit_learn():
    random = np.random.default_rng(0)
    scores, relevant = random.permutation(300).reshape(3, 100), random.random((3, 100)) < 0.2
    hits = np.take_along_axis(relevant, np.argsort(-scores, axis=1), axis=1)
    expected = [average_precision_score(truth, score) for truth, score in zip(relevant, scores, strict=True)]
    np.testing.assert_allclose(average_precisions(hits, relevant.sum(axis=1)), expected)


def test_what_lies_behind_the_depth_is_not_held_against_it():
    assert average_precisions(np.ones((1, 3), dtype=bool), np.array([50])) == pytest.approx(1.0)


def test_every_figure_is_one_number_a_query():
    figures = search_figures(HITS, N_RELEVANT)
    assert {name: len(values) for name, values in figures.items()} == dict.fromkeys(figures, 3)
