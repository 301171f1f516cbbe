import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.evaluation.entity_measures import per_type
from metier.evaluation.row_measures import measure

UNER = Path(__file__).parents[2] / "examples" / "uner_zh_gsd" / "test.conll"
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
def test_entity_metrics_agree_with_seqeval(drawn):
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


def test_an_entity_needs_both_boundaries_and_its_type():
    truth = [[[0, 6, "Disease"], [10, 14, "Gene"]], []]
    assert measure("entity_f1", truth, [[[0, 6, "Disease"], [10, 14, "Gene"]], []]) == 1
    assert measure("entity_f1", truth, [[[0, 5, "Disease"], [10, 14, "Drug"]], []]) == 0
    assert measure("entity_f1", truth, [[[0, 6, "Disease"]], [[3, 4, "Gene"]]]) == pytest.approx(0.5)


def test_no_entities_anywhere_is_zero():
    assert measure("entity_f1", [[], []], [[], []]) == 0
    assert measure("entity_macro_f1", [[], []], [[], []]) == 0
    assert per_type([[]], [[]]) == []


def test_tuples_and_arrays_are_spans_as_well():
    truth = [[(0, 3, "A")]]
    assert measure("entity_f1", truth, [[[np.int64(0), np.int32(3), "A"]]]) == 1


def test_real_rows_agree_with_seqeval():
    seqeval = pytest.importorskip("seqeval.metrics")
    blocks = UNER.read_text(encoding="utf-8").strip().split("\n\n")
    true_tags = [[line.split()[-1] for line in block.splitlines() if line[0] != "#"] for block in blocks]
    everything = [tag for row in true_tags for tag in row]
    rng = np.random.default_rng(1)
    tags = [[tag if rng.random() < 0.9 else str(rng.choice(everything)) for tag in row] for row in true_tags]
    truth, predicted = (
        [
            [[first, last + 1, label] for label, first, last in seqeval.sequence_labeling.get_entities(row)]
            for row in side
        ]
        for side in (true_tags, tags)
    )
    expected = seqeval.f1_score(true_tags, tags)
    assert 0.3 < expected < 0.95
    assert measure("entity_f1", truth, predicted) == pytest.approx(expected)
    assert measure("entity_macro_f1", truth, predicted) == pytest.approx(
        seqeval.f1_score(true_tags, tags, average="macro")
    )
