import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from metier.errors import EmptyDataError
from metier.evaluation import METRICS, accuracy, confusions, macro_f1, per_label


@pytest.fixture(params=[(400, 5, 0.8), (60, 20, 0.5), (3, 3, 0.3)], ids=["common", "rare labels", "three rows"])
def answers(request):
    rows, labels, right = request.param
    rng = np.random.default_rng(rows)
    truth = rng.integers(0, labels, rows)
    return truth, np.where(rng.random(rows) < right, truth, rng.integers(0, labels, rows))


def test_accuracy_and_macro_f1_agree_with_scikit_learn(answers):
    truth, predicted = answers
    assert accuracy(truth, predicted) == pytest.approx(accuracy_score(truth, predicted))
    assert macro_f1(truth, predicted) == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert macro_f1(truth, predicted, n_classes=50) == pytest.approx(
        f1_score(truth, predicted, average="macro")
    )


def test_per_label_agrees_with_scikit_learn(answers):
    truth, predicted = answers
    labels = [f"label {number}" for number in range(20)]
    expected = precision_recall_fscore_support(truth, predicted, labels=range(20), zero_division=0)
    found = per_label(truth, predicted, labels)
    assert [cell["label"] for cell in found] == labels
    for name, values in zip(("precision", "recall", "f1", "rows"), expected, strict=True):
        assert [cell[name] for cell in found] == pytest.approx(list(values))


def test_confusions_count_the_wrong_answers_most_frequent_first():
    truth = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    predicted = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1])
    assert confusions(truth, predicted, ["a", "b", "c"], most=2) == [
        {"truth": "c", "predicted": "b", "rows": 3},
        {"truth": "a", "predicted": "b", "rows": 2},
    ]
    assert sum(kind["rows"] for kind in confusions(truth, predicted, ["a", "b", "c"])) == np.sum(
        truth != predicted
    )


def test_no_confusions_where_all_is_correct():
    assert confusions(np.array([0, 1]), np.array([0, 1]), ["a", "b"]) == []


@pytest.mark.parametrize("metric", METRICS)
def test_lengths_that_differ_are_refused_with_both(metric):
    with pytest.raises(ValueError, match="3 and 2 rows"):
        METRICS[metric](np.array([0, 1, 1]), np.array([0, 1]))


@pytest.mark.parametrize("metric", METRICS)
def test_no_rows_are_refused(metric):
    with pytest.raises(EmptyDataError):
        METRICS[metric](np.array([], dtype=int), np.array([], dtype=int))
