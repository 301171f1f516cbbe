"""The chain against trying all sequences, and against CRFsuite's own inference."""

import itertools

import numpy as np
import pytest

from metier.predictors.linear.linear_chain import LinearChain
from metier.tasks.answers.bio import legal_starts, legal_steps, runs_of_tags


def every_sequence(scores, steps):
    """Give the probability of each legal sequence, by trying all."""
    starts, legal = legal_starts(2), legal_steps(2)
    weights = {}
    for tags in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        pairs = list(itertools.pairwise(tags))
        if starts[tags[0]] and all(legal[pair] for pair in pairs):
            weights[tags] = np.exp(scores[range(len(tags)), tags].sum() + sum(steps[pair] for pair in pairs))
    total = sum(weights.values())
    return {tags: weight / total for tags, weight in weights.items()}


@pytest.mark.parametrize("seed", range(8))
def test_a_span_is_as_probable_as_all_sequences_that_hold_it(seed):
    random = np.random.default_rng(seed)
    scores, steps = random.normal(size=(5, 5)) * 2, random.normal(size=(5, 5))
    probabilities = every_sequence(scores, steps)
    chain = LinearChain(steps)
    spans = {run for tags in probabilities for run in runs_of_tags(np.array(tags))}
    assert len(spans) == 2 * 5 * 6 / 2  # Two labels, every start and end.
    for run, evidence in zip(spans, chain.evidence(scores, list(spans)), strict=True):
        expected = sum(p for tags, p in probabilities.items() if run in runs_of_tags(np.array(tags)))
        assert np.exp(evidence) == pytest.approx(expected)


def test_marginals_are_those_of_all_sequences():
    random = np.random.default_rng(9)
    scores, steps = random.normal(size=(4, 5)), random.normal(size=(5, 5))
    expected = np.zeros_like(scores)
    for tags, probability in every_sequence(scores, steps).items():
        expected[range(4), tags] += probability
    np.testing.assert_allclose(LinearChain(steps).marginals(scores), expected, atol=1e-12)


def test_the_best_is_the_most_probable():
    random = np.random.default_rng(3)
    scores, steps = random.normal(size=(5, 5)) * 2, random.normal(size=(5, 5))
    probabilities = every_sequence(scores, steps)
    assert tuple(LinearChain(steps).best(scores).tolist()) == max(probabilities, key=probabilities.get)


def test_scores_of_any_size_are_no_danger():
    scores = np.random.default_rng(0).normal(size=(3000, 5)) * 300
    chain = LinearChain(np.zeros((5, 5)))
    runs = runs_of_tags(chain.best(scores))
    evidence = chain.evidence(scores, runs)
    assert np.isfinite(evidence).all()
    assert (np.array(evidence) <= 1e-9).all()


def test_no_spans_no_evidence():
    assert LinearChain(np.zeros((5, 5))).evidence(np.zeros((0, 5)), []) == []
