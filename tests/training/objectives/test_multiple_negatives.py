"""The ranking loss by hand, and which texts are held against one another."""

import numpy as np
import pytest
import torch

from metier.tasks.inputs.pair import Pair
from metier.training.batching import TokenBatch
from metier.training.objectives.multiple_negatives import multiple_negatives
from metier.training.pair_rows import PairRows, meanings


def loss(vectors, labels, temperature=0.5):
    """The objective on vectors that are given instead of computed."""
    numbers = torch.tensor(vectors, dtype=torch.float32)
    batch = TokenBatch(numbers, torch.ones(len(vectors), 1), torch.tensor(labels))
    return float(multiple_negatives(temperature=temperature)(lambda batch: batch.input_ids, batch))


def by_hand(similarities, allowed, matches):
    """Written as the formula stands in the paper, both ways round."""
    losses = []
    for i in matches:
        row = sum(np.exp(similarities[i, j]) for j in range(len(similarities)) if allowed[i, j])
        column = sum(np.exp(similarities[j, i]) for j in range(len(similarities)) if allowed[j, i])
        losses.append(-(2 * similarities[i, i] - np.log(row) - np.log(column)) / 2)
    return np.mean(losses)


@pytest.fixture
def vectors():
    found = np.random.default_rng(0).normal(size=(6, 4))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_a_sum_by_hand(vectors):
    similarities = vectors[:3] @ vectors[3:].T / 0.5
    allowed = np.ones((3, 3), dtype=bool)
    labels = [[1, 0, 0], [1, 1, 1], [1, 2, 2]]
    assert loss(vectors * 7, labels) == pytest.approx(by_hand(similarities, allowed, [0, 1, 2]), rel=1e-5)


def test_texts_of_one_meaning_are_no_negatives(vectors):
    similarities = vectors[:3] @ vectors[3:].T / 0.5
    allowed = np.ones((3, 3), dtype=bool)
    allowed[0, 2] = allowed[2, 0] = False
    labels = [[1, 0, 0], [1, 1, 1], [1, 0, 0]]
    assert loss(vectors, labels) == pytest.approx(by_hand(similarities, allowed, [0, 1, 2]), rel=1e-5)


def test_what_does_not_match_is_a_candidate_and_no_target(vectors):
    similarities = vectors[:3] @ vectors[3:].T / 0.5
    labels = [[1, 0, 0], [0, 1, 5], [1, 2, 2]]
    assert loss(vectors, labels) == pytest.approx(
        by_hand(similarities, np.ones((3, 3), bool), [0, 2]), rel=1e-5
    )


def test_a_batch_without_matches_teaches_nothing(vectors):
    assert loss(vectors, [[0, 0, 1], [0, 2, 3], [0, 4, 5]]) == 0.0


def test_meanings_are_linked_by_matches():
    pairs = [Pair("a", "b"), Pair("b", "c"), Pair("d", "e"), Pair("a", "d"), Pair("f", "f")]
    found = meanings(pairs, np.array([True, True, True, False, True]))
    assert found[0, 0] == found[0, 1] == found[1, 0] == found[1, 1] == found[3, 0]
    assert found[2, 0] == found[2, 1] == found[3, 1] != found[0, 0]
    assert found[4, 0] == found[4, 1] not in found[:4]


def test_a_batch_holds_the_first_texts_then_the_second():
    truth = np.array([[1, 0, 0], [0, 1, 2]])
    rows = PairRows([[1, 2, 3, 5], [4, 6, 7]], truth, 0, first_lengths=np.array([3, 1]))
    batch = rows.batch(np.array([1, 0]))
    assert batch.input_ids.tolist() == [[4, 0, 0], [1, 2, 3], [6, 7, 0], [5, 0, 0]]
    assert batch.mask.tolist() == [[1, 0, 0], [1, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert batch.labels.tolist() == [[0, 1, 2], [1, 0, 0]]
    assert rows.lengths.tolist() == [4, 3]
