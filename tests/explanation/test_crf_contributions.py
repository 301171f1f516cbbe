"""The parts of a span add up to its score, which two sequences of tags give as well."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from metier.errors import CallError
from metier.explanation import explain
from metier.explanation.crf_contributions import crf_contributions
from metier.predictors.loading import load_predictor
from metier.tasks.inputs import TEXT

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"


@pytest.fixture
def crf():
    predictor = load_predictor(SEALED / "crf.v1")
    # Spans are wanted in any text, whatever a small model finds.
    predictor.decoder = type(predictor.decoder).of(predictor.decoder.settings() | {"outside_bias": -6.0})
    return predictor


def score_of(predictor, scores, tags):
    """Add up tags and steps by hand."""
    scores = scores.astype(np.float64).copy()
    scores[:, 0] += predictor.decoder.outside_bias
    return scores[np.arange(len(tags)), tags].sum() + sum(
        predictor.steps[one, other] for one, other in itertools.pairwise(tags)
    )


@pytest.mark.parametrize("text", ["Anna lives in Berlin with Bob", "张三住在北京。"])
def test_the_parts_of_a_span_are_its_score_against_outside(crf, text):
    found = crf_contributions(crf, text)
    assert found
    scores, _ = crf.scores(text)
    runs = crf.runs(scores)
    tags = np.zeros(len(scores), dtype=int)
    for first, stop, label, _ in runs:
        tags[first], tags[first + 1 : stop] = 1 + 2 * label, 2 + 2 * label
    for span, (first, stop, label, _) in zip(found, runs, strict=True):
        outside = tags.copy()
        outside[first:stop] = 0
        expected = score_of(crf, scores, tags) - score_of(crf, scores, outside)
        assert span.score == pytest.approx(expected, abs=1e-4)
        parts = sum(part for _, _, part in span.features)
        assert sum(word.contribution for word in span.words) == pytest.approx(parts, abs=1e-6)
        assert span.label == crf.labels[label]


def test_spans_are_explained_by_the_command_and_other_methods_refused(crf):
    found = explain(crf.predict, TEXT, "Anna lives in Berlin", predictor=crf).as_dict()
    assert found["method"] == "linear"
    assert [span["label"] for span in found["spans"]] == [span["label"] for span in found["answer"]["spans"]]
    with pytest.raises(CallError, match="Use the method linear"):
        explain(crf.predict, TEXT, "Anna", predictor=crf, method="shapley")
    with pytest.raises(CallError, match="no label called"):
        explain(crf.predict, TEXT, "Anna", predictor=crf, label="nothing")
