"""Label models against snorkel's, against the truth, and on votes computed by hand.

`snorkel.npz` holds what snorkel 0.10.0 answered to the same votes: `LabelModel(cardinality).fit(votes,
class_balance=balance, n_epochs=500, seed=0)`, then `predict_proba(votes)`, kept as float16.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from metier.data.weak_labels import (
    ABSTAINS,
    LabelModel,
    Votes,
    describe_votes,
    expand_soft_labels,
    majority_vote,
)
from metier.errors import CallError

HERE = Path(__file__).parent
specification = importlib.util.spec_from_file_location("simulated_votes", HERE / "simulated_votes.py")
simulated = importlib.util.module_from_spec(specification)
specification.loader.exec_module(simulated)


def simulate(name):
    matrix, truth = simulated.simulate(name)
    balance = simulated.SETTINGS[name]["balance"]
    labels = simulated.LABELS[: len(balance)]
    votes = Votes(matrix, labels, tuple(f"rule {number}" for number in range(matrix.shape[1])))
    return votes, truth, dict(zip(labels, balance, strict=True))


@pytest.mark.parametrize(
    ("name", "agreement", "difference"),
    [
        ("two labels", 0.98, 0.02),
        ("three labels", 0.96, 0.02),
        ("a label each", 0.98, 0.07),
    ],
)
def test_answers_agree_with_snorkel(name, agreement, difference):
    votes, truth, balance = simulate(name)
    ours = LabelModel(balance=balance).fit(votes).predict_proba(votes)
    theirs = np.load(HERE / "snorkel.npz")[name.replace(" ", "_")].astype(np.float64)
    covered = votes.is_covered
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1))[covered].mean() >= agreement
    assert np.abs(ours - theirs)[covered].mean() <= difference
    accuracies = [(answers.argmax(axis=1) == truth)[covered].mean() for answers in (ours, theirs)]
    assert accuracies[0] >= accuracies[1] - 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", list(simulated.SETTINGS))
def test_the_kept_answers_are_those_of_snorkel(name):
    labelling = pytest.importorskip("snorkel.labeling.model", reason="snorkel is not installed")
    votes, _, balance = simulate(name)
    model = labelling.LabelModel(cardinality=len(balance), verbose=False)
    model.fit(votes.matrix, class_balance=list(balance.values()), n_epochs=500, seed=0, progress_bar=False)
    kept = np.load(HERE / "snorkel.npz")[name.replace(" ", "_")]
    np.testing.assert_allclose(model.predict_proba(votes.matrix), kept, atol=0.01)


@pytest.mark.parametrize("name", ["two labels", "a label each"])
def test_the_label_model_beats_the_majority_vote(name):
    votes, truth, _ = simulate(name)
    covered = votes.is_covered
    model = LabelModel().fit(votes)
    accuracies = [
        (answers.argmax(axis=1) == truth)[covered].mean()
        for answers in (model.predict_proba(votes), majority_vote(votes))
    ]
    assert accuracies[0] > accuracies[1] + 0.02
    true = [
        (votes.matrix[:, rule] == truth)[votes.matrix[:, rule] >= 0].mean() for rule in range(len(votes.names))
    ]
    assert np.corrcoef(true, model.accuracy_)[0, 1] > 0.8


def test_a_label_does_not_attract_all_rows():
    votes, _, _ = simulate("three labels")
    shares = LabelModel().fit(votes).predict_proba(votes).mean(axis=0)
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.05)


def test_majority_vote_and_the_balance_for_uncovered_rows():
    votes = Votes(np.array([[0, 0, 1], [ABSTAINS, 1, ABSTAINS], [ABSTAINS] * 3]), ("a", "b"), ("x", "y", "z"))
    expected = [[2 / 3, 1 / 3], [0, 1], [0.25, 0.75]]
    np.testing.assert_allclose(majority_vote(votes, balance=[0.25, 0.75]), expected)
    model = LabelModel(balance={"a": 0.25, "b": 0.75}).fit(votes)
    np.testing.assert_allclose(model.predict_proba(votes)[2], [0.25, 0.75])
    with pytest.raises(CallError, match="The balance names a; the rules vote for a, b"):
        LabelModel(balance={"a": 1.0}).fit(votes)


def test_a_rule_without_overlaps_keeps_its_prior_accuracy():
    lone = Votes(np.array([[0, ABSTAINS]] * 20 + [[ABSTAINS, 1]] * 20), ("a", "b"), ("x", "y"))
    np.testing.assert_allclose(LabelModel().fit(lone).accuracy_, 0.7, atol=0.05)


def test_rules_are_described():
    votes = Votes(np.array([[0, 0], [0, 1], [ABSTAINS, 1], [ABSTAINS, ABSTAINS]]), ("a", "b"), ("x", "y"))
    first, second = describe_votes(votes, estimated=[0.8, float("nan")], truth=["a", "b", "b", None])
    assert (first.coverage, first.overlaps, first.conflicts, first.accuracy) == (0.5, 0.5, 0.25, 0.5)
    assert (second.coverage, second.overlaps, second.conflicts, second.accuracy) == (0.75, 0.5, 0.25, 1.0)
    assert (first.estimated_accuracy, second.estimated_accuracy) == (0.8, None)
    assert (first.labels, second.labels) == (("a",), ("a", "b"))


def test_soft_labels_become_weighted_rows():
    soft = expand_soft_labels(np.array([[0.7, 0.28, 0.02], [0.01, 0.01, 0.98]]))
    assert soft.positions.tolist() == [0, 0, 1]
    assert soft.labels.tolist() == [0, 1, 2]
    np.testing.assert_allclose(soft.weights, [0.7 / 0.98, 0.28 / 0.98, 1.0])
