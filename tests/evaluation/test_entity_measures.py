import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.evaluation.entity_measures import per_type
from metier.evaluation.row_measures import measure

TYPES = ("Disease", "Gene", "Drug")


@st.composite
def rows(draw):
    """Truth and answers as spans over words, and the same as BIO tags: what seqeval reads."""
    spans, tags = [], []
    for _ in range(2):
        spans.append([])
        tags.append([])
        for _ in range(3):
            row, labels, at = [], ["O"] * 12, 0
            for gap, length, label in draw(
                st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from(TYPES)), max_size=3)
            ):
                start, end = at + gap, at + gap + length
                if end > 12:
                    break
                row.append([start, end, label])
                labels[start:end] = [f"B-{label}"] + [f"I-{label}"] * (length - 1)
                at = end
            spans[-1].append(row)
            tags[-1].append(labels)
    return spans, tags


@settings(deadline=None)
@given(rows())
def test_entities_are_counted_as_seqeval_counts_them(drawn):
    seqeval = pytest.importorskip("seqeval.metrics")
    (truth, predicted), (true_tags, predicted_tags) = drawn
    for name, score in (("f1", seqeval.f1_score), ("precision", seqeval.precision_score)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = score(true_tags, predicted_tags)
        assert measure(f"entity_{name}", truth, predicted) == pytest.approx(expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert measure("entity_recall", truth, predicted) == pytest.approx(
            seqeval.recall_score(true_tags, predicted_tags)
        )
        if any(truth) or any(predicted):
            report = seqeval.classification_report(true_tags, predicted_tags, output_dict=True)
            assert measure("entity_macro_f1", truth, predicted) == pytest.approx(
                report["macro avg"]["f1-score"]
            )
            for figures in per_type(truth, predicted):
                expected = report[figures["label"]]
                assert figures["f1"] == pytest.approx(expected["f1-score"])
                assert figures["precision"] == pytest.approx(expected["precision"])
                assert figures["recall"] == pytest.approx(expected["recall"])
                assert figures["entities"] == expected["support"]


def test_an_entity_needs_both_ends_and_its_type():
    truth = [[[0, 6, "Disease"], [10, 14, "Gene"]], []]
    assert measure("entity_f1", truth, [[[0, 6, "Disease"], [10, 14, "Gene"]], []]) == 1
    assert measure("entity_f1", truth, [[[0, 5, "Disease"], [10, 14, "Drug"]], []]) == 0
    assert measure("entity_f1", truth, [[[0, 6, "Disease"]], [[3, 4, "Gene"]]]) == pytest.approx(0.5)


def test_no_entities_anywhere_is_a_share_of_nothing():
    assert measure("entity_f1", [[], []], [[], []]) == 0
    assert measure("entity_macro_f1", [[], []], [[], []]) == 0
    assert per_type([[]], [[]]) == []


def test_tuples_and_arrays_are_spans_as_well():
    truth = [[(0, 3, "A")]]
    assert measure("entity_f1", truth, [[[np.int64(0), np.int32(3), "A"]]]) == 1
