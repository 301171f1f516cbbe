"""Strict and relaxed figures of triples, counted by hand."""

import pytest

from metier.evaluation.intervals import Interval
from metier.evaluation.row_measures import interval_of, measure
from metier.evaluation.triple_measures import per_relation

TRUTH = [
    {"spans": [[0, 4, "ORG"], [12, 16, "ORG"]], "relations": [[0, 1, "buys"]]},
    {"spans": [[0, 3, "PER"], [8, 12, "ORG"]], "relations": [[0, 1, "leads"]]},
]
# The first has a span of other edges, the second the other direction.
FOUND = [
    {"spans": [[0, 4, "ORG"], [13, 16, "ORG"]], "relations": [[0, 1, "buys"]]},
    {"spans": [[0, 3, "PER"], [8, 12, "ORG"]], "relations": [[1, 0, "leads"]]},
]


def test_edges_types_and_direction_count_where_it_is_strict():
    assert measure("triple_f1", TRUTH, TRUTH) == 1
    assert measure("triple_f1", TRUTH, FOUND) == 0
    assert measure("triple_entity_f1", TRUTH, FOUND) == pytest.approx(3 / 4)


def test_overlap_is_enough_where_it_is_relaxed_and_the_direction_still_counts():
    assert measure("triple_relaxed_f1", TRUTH, FOUND) == pytest.approx(1 / 2)


def test_one_true_triple_is_found_once():
    twice = [
        {"spans": [[0, 4, "A"], [12, 14, "A"], [14, 16, "A"]], "relations": [[0, 1, "buys"], [0, 2, "buys"]]}
    ]
    assert measure("triple_relaxed_f1", TRUTH[:1], twice) == pytest.approx(2 / 3)


def test_an_interval_is_drawn_over_texts_and_each_relation_has_its_figures():
    found = interval_of("triple_f1", TRUTH * 20, [TRUTH[0], FOUND[1]] * 20)
    assert isinstance(found, Interval)
    assert found.low < 0.5 < found.high
    assert [(one["label"], one["f1"]) for one in per_relation(TRUTH, [TRUTH[0], FOUND[1]])] == [
        ("buys", 1),
        ("leads", 0),
    ]
