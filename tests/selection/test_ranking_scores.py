"""Probabilities of sets and of pairs, measured as scikit-learn measures them."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score

from metier.runs.stored_answers import StoredAnswers
from metier.selection.scores import Scores, ranking_scores
from metier.tasks.classification import Classification
from metier.tasks.multi_label import MultiLabel
from metier.tasks.text_pair import TextPair


def test_sets_are_ranked_by_the_probabilities_of_their_labels():
    rng = np.random.default_rng(0)
    truth, given = rng.random((60, 4)) < 0.4, rng.random((60, 4))
    targets = [[label for label, own in zip("abcd", row, strict=True) if own] for row in truth.tolist()]
    answers = StoredAnswers([[] for _ in targets], given, [])
    found = ranking_scores(Scores(MultiLabel(tuple("abcd")), targets), answers, random_state=0)
    score = found["label_ranking_precision"]
    assert score["value"] == pytest.approx(label_ranking_average_precision_score(truth, given))
    assert score["low"] < score["value"] < score["high"]


def test_pairs_are_ranked_by_the_probability_of_a_match_whatever_it_is_called():
    rng = np.random.default_rng(0)
    labels = ["same" if match else "other" for match in rng.random(80) < 0.3]
    chance = rng.random(80)
    task = TextPair.from_labels(labels)
    assert task.labels == ("other", "same")
    answers = StoredAnswers(labels, np.column_stack([1 - chance, chance]), [])
    found = ranking_scores(Scores(task, labels), answers, random_state=0)
    expected = average_precision_score(np.array(labels) == "same", chance)
    assert found["average_precision"]["value"] == pytest.approx(expected)


def test_where_nothing_is_ranked_there_is_no_figure():
    pairs = Scores(TextPair.from_labels(["a", "b"]), ["a", "b"])
    assert ranking_scores(pairs, StoredAnswers(["a", "b"], np.eye(2), []), random_state=0) == {}
    single = Scores(Classification.from_labels(["a", "b"]), ["a", "b"])
    assert ranking_scores(single, StoredAnswers(["a", "b"], np.eye(2), []), random_state=0) == {}
