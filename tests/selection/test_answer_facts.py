"""What a report states of one candidate's answers."""

from types import SimpleNamespace

import numpy as np
import pytest

from metier.runs.stored_answers import StoredAnswers
from metier.selection.answer_facts import CONFUSED_LABELS, detail_of
from metier.selection.scores import Scores
from metier.tasks.classification import Classification
from metier.tasks.extractive_qa import ExtractiveQa
from metier.tasks.regression import Regression


def answered(answers, names):
    """What a candidate answered to the test rows."""
    return SimpleNamespace(answers=answers, answered_by=names)


def detail(truth, probabilities, labels):
    answers = StoredAnswers([labels[best] for best in probabilities.argmax(axis=1)], probabilities, [])
    judge = Scores(Classification.from_labels(labels), truth)
    return detail_of(
        "m.v1", judge, [f"text {row}" for row in range(len(truth))], answered(answers, ("m.v1",) * len(truth))
    )


def test_the_matrix_has_a_cell_for_the_confusions_that_are_named():
    """Labels that are blamed in many small confusions took the place of the two that are confused most."""
    labels = [f"label_{n:02}" for n in range(40)]
    truth, predicted = [38] * 6, [39] * 6  # The most frequent pair, of labels that are in nothing else.
    for n in range(30):  # Each of these is in eight confusions, of one row each.
        truth += [n] * 4
        predicted += [(n + step) % 30 for step in (1, 2, 3, 4)]
    probabilities = np.full((len(truth), len(labels)), 0.001)
    probabilities[np.arange(len(truth)), predicted] = 1.0
    facts = detail(
        [labels[code] for code in truth], probabilities / probabilities.sum(axis=1, keepdims=True), labels
    )
    named, matrix = facts["confusions"][0], facts["confusion_matrix"]
    assert (named["truth"], named["predicted"], named["rows"]) == ("label_38", "label_39", 6)
    row, column = matrix["labels"].index("label_38"), matrix["labels"].index("label_39")
    assert matrix["counts"][row][column] == 6
    assert len(matrix["labels"]) <= CONFUSED_LABELS


def test_the_curve_counts_right_answers_at_each_confidence():
    confidence = np.array([0.9, 0.9, 0.8, 0.7, 0.6])
    right = [True, False, True, True, False]
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    facts = detail(["a" if one else "b" for one in right], probabilities, ["a", "b"])
    curve = facts["coverage"]
    # Two rows of one confidence are above a threshold together.
    assert [(point["rows"], point["coverage"]) for point in curve] == [(2, 0.4), (3, 0.6), (4, 0.8), (5, 1.0)]
    assert [point["accuracy"] for point in curve] == pytest.approx([1 / 2, 2 / 3, 3 / 4, 3 / 5])
    assert [point["threshold"] for point in curve] == pytest.approx([0.9, 0.8, 0.7, 0.6])


def test_answers_with_a_probability_of_their_own_have_a_curve_too():
    targets = [[{"text": "blue", "start": 0}], []]
    records = [
        {"answer": "blue", "start": 0, "end": 4, "probability": 0.8},
        {"answer": "red", "start": 0, "end": 3, "probability": 0.3},
    ]
    answers = StoredAnswers(["blue", "red"], None, records)
    items = [{"question": "which?", "passage": "blue sky"}] * 2
    facts = detail_of("m.v1", Scores(ExtractiveQa(), targets), items, answered(answers, ("m.v1",) * 2))
    assert [(point["threshold"], point["accuracy"]) for point in facts["coverage"]] == [(0.8, 1.0), (0.3, 0.5)]


def test_the_worst_rows_of_an_error_are_those_with_the_largest():
    """They were those with the smallest, and their error had a minus."""
    answers = StoredAnswers([1.5, 9.0, 3.0], None, [])
    judge = Scores(Regression(), [1.0, 2.0, 3.25])
    facts = detail_of("m.v1", judge, ["a", "b", "c"], answered(answers, ("m.v1",) * 3))
    assert [(one["row"], one["figure"]) for one in facts["worst"]] == [(2, 7.0), (1, 0.5), (3, 0.25)]
