"""Scores of what is out of scope, against their formulas, and on vectors whose labels are known."""

import numpy as np
import pytest
from scipy import sparse

from metier.predictors.evidence import Evidence
from metier.predictors.scope.scope_scores import SCOPE_SCORES, Nearest


def rows(random, n, *, labels=4, size=6, away=0.0):
    truth = random.integers(labels, size=n)
    centres = np.eye(labels, size) * 4
    vectors = centres[truth] + random.normal(size=(n, size)) * 0.5
    vectors[:, -1] += away
    logits = vectors @ centres.T
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Evidence(chances / chances.sum(axis=1, keepdims=True), logits, vectors), truth


@pytest.mark.parametrize("kind", ["mahalanobis", "nearest", "boundary"])
def test_rows_in_a_direction_of_their_own_have_higher_scores(kind):
    random, score = np.random.default_rng(0), SCOPE_SCORES[kind]
    arrays = score.fit(*rows(random, 200))
    inside = score.scores(rows(random, 100)[0], arrays)
    outside = score.scores(rows(random, 100, away=6.0)[0], arrays)
    assert inside.max() < outside.min()


def test_energy_and_probability_are_their_formulas():
    logits = np.array([[1.0, 2.0], [-3.0, 0.5]])
    evidence = Evidence(np.array([[0.2, 0.8], [0.03, 0.97]]), logits)
    assert SCOPE_SCORES["energy"].scores(evidence, {}) == pytest.approx(-np.log(np.exp(logits).sum(axis=1)))
    assert SCOPE_SCORES["max_probability"].scores(evidence, {}) == pytest.approx([0.2, 0.03])


def test_mahalanobis_is_the_distance_by_the_shared_covariance():
    random, score = np.random.default_rng(1), SCOPE_SCORES["mahalanobis"]
    evidence, truth = rows(random, 5_000, labels=2, size=3)
    found = score.scores(evidence, score.fit(evidence, truth))
    means = np.stack([evidence.vectors[truth == label].mean(axis=0) for label in range(2)])
    covariance = np.cov((evidence.vectors - means[truth]).T)
    apart = evidence.vectors[:, None] - means
    expected = np.einsum("nld,de,nle->nl", apart, np.linalg.inv(covariance), apart).min(axis=1)
    # Shrunk by a twentieth towards the same variance in each direction, of which the rows were drawn.
    assert found * 1.05 == pytest.approx(expected, rel=0.03)


def test_nearest_rows_of_tfidf_are_those_of_the_same_vectors_written_out():
    random = np.random.default_rng(2)
    dense = random.random((30, 8)) * (random.random((30, 8)) < 0.4)
    asked, score = dense[:10], Nearest()
    chances, truth = np.ones((30, 1)), np.zeros(30, dtype=int)
    written_out = score.fit(Evidence(chances, None, dense), truth)
    kept = score.fit(Evidence(chances, None, sparse.csr_array(dense)), truth)
    found = score.scores(Evidence(chances[:10], None, sparse.csr_array(asked)), kept)
    assert found == pytest.approx(score.scores(Evidence(chances[:10], None, asked), written_out), abs=2e-3)


def test_combined_is_the_mean_of_its_parts_in_units_of_their_spread():
    random, score = np.random.default_rng(3), SCOPE_SCORES["combined"]
    learned, held_out = rows(random, 200), rows(random, 100)[0]
    arrays = score.fit(*learned)
    arrays["scales"] = score.scales(held_out, arrays)
    expected = []
    for kind in ("energy", "nearest", "boundary"):
        part = SCOPE_SCORES[kind]
        own = part.scores(held_out, part.fit(*learned))
        middle, high = np.quantile(own, [0.5, 0.95])
        expected.append((own - middle) / (high - middle))
    assert score.scores(held_out, arrays) == pytest.approx(np.mean(expected, axis=0))
    assert not score.suits(
        Evidence(held_out.probabilities, held_out.logits)
    )  # Of one part nothing is combined.
