"""What answers what: rows of a label, and pairs of question and answer."""

import pytest

from metier.errors import EmptyDataError
from metier.evaluation.row_measures import measure
from metier.tasks.pairs import Pair
from metier.tasks.retrieval import METRICS, Retrieval


def test_rows_of_a_label_answer_one_another():
    task = Retrieval.of_labels(["a", "b", "c"], ["x", "y", "x"], ["q", "r"], ["x", "y"])
    assert task.positions == [{0, 2}, {1}]


def test_a_query_may_have_several_answers_and_an_answer_several_queries():
    task = Retrieval.of_pairs([Pair("no", "不"), Pair("no", "没"), Pair("nope", "不")])
    assert task.queries == ("no", "nope")
    assert task.texts == ("不", "没")
    assert task.positions == [{0, 1}, {0}]


def test_a_query_that_nothing_answers_is_refused_with_its_row():
    with pytest.raises(EmptyDataError, match="query 2, 'r'"):
        Retrieval.of_labels(["a"], ["x"], ["q", "r"], ["x", "y"])


def test_its_metrics_are_measured_as_they_stand():
    task = Retrieval.of_pairs([Pair("no", "不"), Pair("nope", "没")])
    rankings = [[1, 0], [1, 0]]
    figures = {name: measure(name, task.positions, rankings) for name in METRICS}
    assert figures["mean_reciprocal_rank"] == 0.75
    assert figures["recall_at_1"] == 0.5
