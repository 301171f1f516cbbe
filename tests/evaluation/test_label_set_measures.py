import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, label_ranking_average_precision_score
from sklearn.preprocessing import MultiLabelBinarizer

from metier.evaluation.label_set_measures import as_mappings
from metier.evaluation.row_measures import measure

label_sets = st.sets(st.sampled_from("abcde"), max_size=4).map(sorted)
pairs = st.lists(st.tuples(label_sets, label_sets), min_size=1, max_size=8)


@settings(deadline=None)
@given(pairs)
def test_label_set_metrics_agree_with_scikit_learn(rows):
    truth, predicted = ([row[side] for row in rows] for side in (0, 1))
    encode = MultiLabelBinarizer(classes=list("abcde")).fit_transform
    true_table, table = encode(truth), encode(predicted)
    met = np.flatnonzero(true_table.any(axis=0) | table.any(axis=0))
    expected = {
        "set_micro_f1": f1_score(true_table, table, average="micro", zero_division=0),
        # Labels that do not occur are excluded.
        "set_macro_f1": f1_score(true_table, table, labels=met, average="macro", zero_division=0)
        if len(met)
        else 0.0,
        # An empty answer where there is no label is correct.
        "set_samples_f1": f1_score(true_table, table, average="samples", zero_division=1),
        "subset_accuracy": accuracy_score(true_table, table),
    }
    for name, value in expected.items():
        assert measure(name, truth, predicted) == pytest.approx(value), name


@settings(deadline=None)
@given(st.lists(label_sets, min_size=1, max_size=6), st.integers(0, 1000))
def test_ranking_precision_agrees_with_scikit_learn(truth, seed):
    # Rounded, so that labels tie.
    probabilities = np.random.default_rng(seed).random((len(truth), 5)).round(1)
    table = MultiLabelBinarizer(classes=list("abcde")).fit_transform(truth)
    expected = label_ranking_average_precision_score(table, probabilities)
    found = measure("label_ranking_precision", truth, as_mappings(probabilities, list("abcde")))
    assert found == pytest.approx(expected)


def test_a_label_answered_twice_counts_once():
    assert measure("set_micro_f1", [["a", "b"]], [["a", "a", "b"]]) == 1
