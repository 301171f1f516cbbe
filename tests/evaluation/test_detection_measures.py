import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from metier.evaluation.row_measures import MEASURES, measure


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 6]))
def test_average_precision_agrees_with_scikit_learn_on_a_sample_and_its_resamples(seed, digits):
    rng = np.random.default_rng(seed)
    truth = np.append(rng.random(20) < 0.4, True)
    scores = (truth * 0.3 + rng.random(21)).round(digits)
    found = MEASURES["average_precision"]
    assert measure(found, truth, scores) == pytest.approx(average_precision_score(truth, scores))
    counts = rng.multinomial(21, np.full(21, 1 / 21), size=4)
    values = found.values(found.statistics(truth, scores), counts.astype(float))
    for draw, value in zip(counts, values, strict=True):
        rows = np.repeat(np.arange(21), draw)
        expected = average_precision_score(truth[rows], scores[rows]) if truth[rows].any() else 0.0
        assert value == pytest.approx(expected)


def test_truth_that_is_not_boolean_is_refused():
    with pytest.raises(ValueError, match="Expected True or False"):
        measure("average_precision", [0, 2], [0.1, 0.2])
