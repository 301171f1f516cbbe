"""What answers what: rows of a label, and pairs of question and answer."""

import numpy as np
import pytest

from metier.errors import EmptyDataError
from metier.evaluation.ranking import search_figures
from metier.tasks.pairs import Pair
from metier.tasks.retrieval import METRICS, Retrieval


def test_rows_of_a_label_answer_one_another():
    task = Retrieval.of_labels(["a", "b", "c"], ["x", "y", "x"], ["q", "r"], ["x", "y"])
    assert task.n_relevant.tolist() == [2, 1]
    assert task.hits(np.array([[0, 1, 2], [2, 1, 0]])).tolist() == [[True, False, True], [False, True, False]]


def test_a_query_may_have_several_answers_and_an_answer_several_queries():
    task = Retrieval.of_pairs([Pair("no", "不"), Pair("no", "没"), Pair("nope", "不")])
    assert task.queries == ("no", "nope")
    assert task.texts == ("不", "没")
    assert task.n_relevant.tolist() == [2, 1]
    assert task.hits(np.array([[1], [1]])).tolist() == [[True], [False]]


def test_a_query_that_nothing_answers_is_refused_with_its_row():
    with pytest.raises(EmptyDataError, match="query 2, 'r'"):
        Retrieval.of_labels(["a"], ["x"], ["q", "r"], ["x", "y"])


def test_its_metrics_are_those_that_are_measured():
    assert set(search_figures(np.ones((1, 5), dtype=bool), np.array([1]))) == set(METRICS)
