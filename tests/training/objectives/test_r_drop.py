"""R-Drop by hand, and that it lowers the divergence of two passes under dropout."""

import numpy as np
import pytest
import torch

from metier.training.objectives import cross_entropy
from metier.training.objectives.r_drop import disagreement, r_drop

ONE, OTHER = np.log([[0.5, 0.5]]), np.log([[0.8, 0.2]])


def test_by_hand(given, batch_of):
    model = given(ONE, OTHER)
    found = r_drop(cross_entropy(), weight=0.7)(model, batch_of([0]))
    there = 0.5 * np.log(0.5 / 0.8) + 0.5 * np.log(0.5 / 0.2)
    back = 0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)
    assert float(found) == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2 + 0.7 * (there + back) / 2)
    assert model.made == 2


def test_it_lowers_the_divergence_of_two_passes(taught):
    apart = {}
    for weight in (0.0, 10.0):
        model, _, unseen = taught(
            lambda model, rows, w=weight: r_drop(cross_entropy(), weight=w) if w else cross_entropy(),
            dropout=0.2,
            epochs=2,
            learning_rate=1e-3,
        )
        model.train()
        torch.manual_seed(1)
        batch = unseen.batch(np.arange(32))
        with torch.no_grad():
            passes = [model(batch) for _ in range(4)]
        apart[weight] = np.mean([float(disagreement(*passes[i : i + 2])) for i in range(0, 4, 2)])
    assert apart[10.0] < 0.93 * apart[0.0]
