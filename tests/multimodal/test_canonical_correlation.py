"""Canonical correlation against scikit-learn's, and what the projections keep."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from metier.multimodal.canonical_correlation import CanonicalCorrelation


@pytest.fixture
def pairs():
    random = np.random.default_rng(0)
    common = random.normal(size=(400, 2))
    one = np.hstack([common + 0.1 * random.normal(size=(400, 2)), random.normal(size=(400, 3))])
    other = np.hstack(
        [random.normal(size=(400, 2)), common @ [[1, 1], [-1, 2]] + 0.1 * random.normal(size=(400, 2))]
    )
    return one, other


def test_the_first_directions_agree_as_those_of_scikit_learn(pairs):
    one, other = CanonicalCorrelation(*pairs).projections(size=2, penalty=1e-9)
    theirs = CCA(n_components=2, max_iter=5000).fit_transform(*pairs)
    for axis in range(2):
        projected = [pairs[0] @ one.weight[axis], pairs[1] @ other.weight[axis]]
        expected = np.corrcoef(theirs[0][:, axis], theirs[1][:, axis])[0, 1]
        assert np.corrcoef(*projected)[0, 1] == pytest.approx(expected, abs=1e-3)


def test_partners_are_nearest_in_the_common_space(pairs):
    one, other = CanonicalCorrelation(*pairs).projections(size=2, penalty=0.01)
    cosines = one(pairs[0]) @ other(pairs[1]).T
    own = np.diagonal(cosines)
    assert np.median((cosines > own[:, None]).mean(axis=1)) < 0.05


def test_a_space_has_no_more_numbers_than_the_smaller_side(pairs):
    one, other = CanonicalCorrelation(*pairs).projections(size=100, penalty=0.1)
    assert one.weight.shape == (4, 5)
    assert other.weight.shape == (4, 4)
