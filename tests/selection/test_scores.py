"""Figures of a task's answers: what the task knows of its labels counts."""

from metier.selection.scores import Scores
from metier.tasks.relation import Relation


def test_the_label_of_no_relation_is_the_one_that_the_task_names():
    truth, predicted = ["owns", "rien", "rien", "buys"], ["owns", "rien", "buys", "buys"]
    labels = ["buys", "owns", "rien"]
    plain = Scores(Relation.from_labels(labels), truth)
    stated = Scores(Relation.from_labels(labels, negative_label="rien"), truth)
    assert plain.measure("relation_micro_f1", predicted) == 0.75  # No word says it: accuracy.
    assert stated.measure("relation_micro_f1", predicted) == 2 * 2 / (2 + 3)
    assert stated.interval("relation_micro_f1", predicted).value == 2 * 2 / (2 + 3)
    assert stated.compare("relation_micro_f1", predicted, truth).difference != 0
