import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from metier.evaluation.retrieval_measures import ndcg_at, rank, ranks_of_relevant, recall_at
from metier.evaluation.row_measures import measure

IDS = [f"q{number}" for number in range(12)]


@st.composite
def queries(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    table = rng.random((draw(st.integers(1, 5)), 12)) < 0.3
    table[:, 0] = True
    return table, rng.permuted(np.tile(np.linspace(0, 1, 12), (len(table), 1)), axis=1)


@settings(deadline=None)
@given(queries())
def test_ranking_metrics_agree_with_scikit_learn(drawn):
    table, scores = drawn
    relevant = [{one for one, is_there in zip(IDS, row, strict=True) if is_there} for row in table]
    rankings = rank(scores, IDS)
    expected = np.mean([average_precision_score(true, row) for true, row in zip(table, scores, strict=True)])
    assert measure("mean_average_precision", relevant, rankings) == pytest.approx(expected)
    for places in (3, 10):
        expected = ndcg_score(table.astype(float), scores, k=places)
        assert measure(ndcg_at(places), relevant, rankings) == pytest.approx(expected)
        order = np.argsort(-scores, axis=1)[:, :places]
        found = np.take_along_axis(table, order, axis=1).sum(axis=1) / table.sum(axis=1)
        assert measure(recall_at(places), relevant, rankings) == pytest.approx(found.mean())
    first = [min(ranks_of_relevant(true, row)) for true, row in zip(relevant, rankings, strict=True)]
    assert measure("mean_reciprocal_rank", relevant, rankings) == pytest.approx(
        np.mean([1 / at for at in first])
    )


def test_some_answers_may_be_more_relevant_than_others():
    gains = np.array([[3.0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0]])
    scores = np.array([[0.1, 0.9, 0.8, 0, 0.7, 0.2, 0, 0, 0, 0, 0, 0]])
    found = measure("ndcg_at_10", [dict(zip(IDS, gains[0], strict=True))], rank(scores, IDS))
    assert found == pytest.approx(ndcg_score(gains, scores, k=10))


def test_a_ranking_may_stop_early_and_repeat_an_id():
    assert ranks_of_relevant({"a", "b"}, ["x", "a", "a"]) == [2]
    assert measure("mean_average_precision", [["a", "b"]], [["x", "a", "a"]]) == pytest.approx(0.25)
    assert measure("mean_reciprocal_rank", [["a"]], [["x"]]) == 0


def test_a_query_without_relevant_ids_is_excluded():
    for name in ("recall_at_1", "ndcg_at_10", "mean_average_precision", "mean_reciprocal_rank"):
        assert measure(name, [["a"], []], [["a"], ["x"]]) == 1


def test_ties_keep_the_order_of_ids():
    assert rank(np.array([[1.0, 2.0, 1.0]]), ["a", "b", "c"]) == [["b", "a", "c"]]
    assert rank(np.array([[1.0, 2.0, 1.0]]), ["a", "b", "c"], most=1) == [["b"]]
