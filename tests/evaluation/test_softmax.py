import numpy as np
import pytest
from scipy.special import softmax as reference

from metier.evaluation.softmax import softmax


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_agrees_with_scipy(scale):
    logits = np.random.default_rng(0).normal(size=(50, 77)) * scale
    np.testing.assert_allclose(softmax(logits), reference(logits, axis=1), rtol=1e-12)


def test_takes_float32_lists_and_numbers_that_would_overflow():
    assert softmax(np.zeros((2, 4), np.float32)).dtype == np.float64
    np.testing.assert_allclose(softmax([[1e4, 0.0], [-1e4, -1e4]]), [[1, 0], [0.5, 0.5]])
    assert softmax(np.zeros((0, 3))).shape == (0, 3)
