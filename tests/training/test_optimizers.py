import numpy as np
import pytest
import torch

from metier.training.lion import Lion
from metier.training.optimizer_names import FACTORS
from metier.training.optimizers import build_optimizer


@pytest.mark.parametrize("name", FACTORS)
def test_each_finds_the_lowest_point_of_a_bowl(name):
    weight = torch.nn.Parameter(torch.tensor([2.0, -3.0]))
    rate = 0.03 * (1 if name == "sgd" else FACTORS[name].rate)
    optimizer = build_optimizer(name, [{"params": [weight], "lr": rate, "weight_decay": 0.0}])
    for _ in range(600):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert float(weight.detach().square().sum()) < 0.1


def test_lion_takes_the_steps_of_its_paper():
    start, gradients = np.array([1.0, -2.0]), [np.array([0.5, -1.0]), np.array([-3.0, 0.1])]
    weight = torch.nn.Parameter(torch.tensor(start))
    optimizer = Lion([weight], lr=0.1, betas=(0.9, 0.99), weight_decay=0.2)
    expected, mean = start.copy(), np.zeros(2)
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        optimizer.step()
        direction = np.sign(0.9 * mean + 0.1 * gradient)
        expected = expected - 0.1 * (direction + 0.2 * expected)
        mean = 0.99 * mean + 0.01 * gradient
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-12)


def test_a_lower_rate_gets_more_decay():
    weight = torch.nn.Parameter(torch.zeros(1))
    group = {"params": [weight], "lr": 1e-4, "weight_decay": 0.01}
    built = build_optimizer("lion", [group])
    assert built.param_groups[0]["weight_decay"] == pytest.approx(0.03)
    assert group["weight_decay"] == 0.01
