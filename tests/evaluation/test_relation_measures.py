import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from metier.evaluation.relation_measures import relation_f1
from metier.evaluation.row_measures import measure, row_comparison

TEST = Path(__file__).parents[2] / "examples" / "semeval2010_task8" / "test.jsonl"
LABELS = [
    "Cause-Effect(e1,e2)",
    "Cause-Effect(e2,e1)",
    "Message-Topic(e1,e2)",
    "Member-Collection(e2,e1)",
    "Other",
]
labels = st.sampled_from(LABELS)
rows = st.lists(st.tuples(labels, labels), min_size=1, max_size=20)


def official_script(truth, predicted):
    """The (9+1)-way evaluation with direction, step by step as in scorer 1.2 of the task."""

    def bare(label):
        return label.split("(")[0]

    proposed, hits, wrong_way, there = {}, {}, {}, {}
    for true, answer in zip(truth, predicted, strict=True):
        there[bare(true)] = there.get(bare(true), 0) + 1
        if true == answer:
            hits[bare(true)] = hits.get(bare(true), 0) + 1
            proposed[bare(true)] = proposed.get(bare(true), 0) + 1
        elif bare(true) == bare(answer):
            wrong_way[bare(true)] = wrong_way.get(bare(true), 0) + 1
        else:
            proposed[bare(answer)] = proposed.get(bare(answer), 0) + 1
    scores = []
    for relation in there.keys() - {"Other"}:
        found = hits.get(relation, 0)
        answered = proposed.get(relation, 0)
        precision = found / (answered + wrong_way.get(relation, 0)) if answered else 0.0
        recall = found / there[relation]
        scores.append(2 * precision * recall / (precision + recall) if found else 0.0)
    return sum(scores) / len(scores) if scores else 0.0


@given(rows)
def test_the_official_score_of_semeval_2010(drawn):
    truth, predicted = zip(*drawn, strict=True)
    assert measure("semeval_f1", truth, predicted) == pytest.approx(official_script(truth, predicted))


def test_the_official_score_on_real_rows():
    with TEST.open(encoding="utf-8") as file:
        truth = [json.loads(line)["label"] for line in file]
    rng = np.random.default_rng(1)
    predicted = [label if rng.random() < 0.7 else str(rng.choice(truth)) for label in truth]
    figure = measure("semeval_f1", truth, predicted)
    assert figure == pytest.approx(official_script(truth, predicted))
    assert 0.5 < figure < 0.9
    assert measure("semeval_f1", truth, truth) == 1


def test_the_correct_relation_in_the_wrong_direction_is_an_error():
    truth = ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other"]
    assert measure("semeval_f1", truth, ["Cause-Effect(e1,e2)", "Cause-Effect(e1,e2)", "Other"]) == 0.5
    comparison = row_comparison("semeval_f1", truth, truth, ["Cause-Effect(e1,e2)"] * 3)
    assert (comparison.only_a_right, comparison.only_b_right) == (2, 0)


@settings(deadline=None)
@given(rows)
def test_a_named_negative_label_is_excluded_as_in_scikit_learn(drawn):
    truth, predicted = zip(*drawn, strict=True)
    present = sorted({*truth, *predicted} - {"Other"})
    for average in ("micro", "macro"):
        expected = (
            f1_score(truth, predicted, labels=present, average=average, zero_division=0) if present else 0.0
        )
        assert measure(relation_f1(average, negative="Other"), truth, predicted) == pytest.approx(expected)
        assert measure(f"relation_{average}_f1", truth, predicted) == pytest.approx(expected)


def test_the_negative_label_is_recognised_or_named():
    truth, predicted = ["收购", "unknown", "合作", "unknown"], ["收购", "合作", "unknown", "unknown"]
    assert measure("relation_micro_f1", truth, predicted) == pytest.approx(0.5)
    assert measure(relation_f1("micro", negative="合作"), truth, predicted) == pytest.approx(4 / 6)


def test_without_a_negative_label_micro_f1_is_accuracy():
    truth, predicted = ["a", "b", "c", "b"], ["a", "a", "c", "b"]
    assert measure("relation_micro_f1", truth, predicted) == 0.75
    with pytest.raises(ValueError, match="'micro' or 'macro'"):
        relation_f1("weighted")
