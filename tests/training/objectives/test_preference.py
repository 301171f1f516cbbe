"""Objectives over preferred and rewarded answers, held against the formulas of their papers on small numbers."""

import numpy as np
import pytest
import torch

from metier.training.objectives.preference import PairBatch, dpo, ipo
from metier.training.objectives.rewarded import (
    RewardedBatch,
    exponential_weights,
    leave_one_out,
    policy_gradient,
    weighted_likelihood,
)


class TwoTokens(torch.nn.Module):
    """A model of a vocabulary of two tokens: how likely the second is, for each row by itself."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(logits))

    def forward(self, batch):
        """Every row is as many tokens long as the batch says, all of them the second of the vocabulary."""
        rows = torch.arange(len(batch)).repeat_interleave(torch.tensor(batch))
        logits = torch.stack([torch.zeros(len(batch)), self.logits], dim=1)[rows]
        return logits, torch.ones(len(rows), dtype=torch.int64), rows


LENGTHS = [3, 1]  # Of the preferred answer, and of the other.


def likelihoods(logits):
    return torch.nn.functional.logsigmoid(torch.tensor(logits)) * torch.tensor(LENGTHS)


def loss(objective, logits, reference):
    return float(objective(TwoTokens(logits), PairBatch(LENGTHS, torch.tensor([reference]))).detach())


def test_dpo_is_the_logistic_loss_of_the_gain_on_the_reference():
    logits, reference = [0.4, -0.2], [-2.0, -0.3]
    gained = likelihoods(logits) - torch.tensor(reference)
    margin = 0.5 * (gained[0] - gained[1])
    assert loss(dpo(beta=0.5), logits, reference) == pytest.approx(float(torch.log1p(torch.exp(-margin))))
    smoothed = 0.9 * torch.log1p(torch.exp(-margin)) + 0.1 * torch.log1p(torch.exp(margin))
    assert loss(dpo(beta=0.5, label_smoothing=0.1), logits, reference) == pytest.approx(float(smoothed))


def test_what_is_still_the_reference_has_the_loss_of_a_coin():
    same = likelihoods([0.4, -0.2]).tolist()
    assert loss(dpo(beta=0.1), [0.4, -0.2], same) == pytest.approx(np.log(2))


def test_a_step_of_dpo_makes_the_preferred_answer_likelier_and_the_other_less():
    model = TwoTokens([0.0, 0.0])
    dpo()(model, PairBatch(LENGTHS, likelihoods([0.0, 0.0])[None])).backward()
    assert model.logits.grad[0] < 0 < model.logits.grad[1]


def test_ipo_brings_the_margin_a_token_to_its_target_and_no_further():
    margin = 1 / (2 * 0.25)
    apart = torch.tensor([margin * LENGTHS[0], 0.0])
    reference = (likelihoods([0.3, 0.1]) - apart).tolist()
    assert loss(ipo(beta=0.25), [0.3, 0.1], reference) == pytest.approx(0, abs=1e-5)
    beyond = (likelihoods([0.3, 0.1]) - 2 * apart).tolist()
    assert loss(ipo(beta=0.25), [0.3, 0.1], beyond) == pytest.approx(margin**2, rel=1e-4)


def test_weights_are_exponentials_of_what_is_better_than_the_prompts_other_answers():
    rewards, prompts = np.array([1.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 2])
    weights = exponential_weights(rewards, prompts, temperature=0.5)
    assert weights.mean() == pytest.approx(1)
    assert weights[0] / weights[1] == pytest.approx(np.exp(1 / 0.5))
    # Of single answers the baseline is the mean of all.
    assert weights[2] == weights[3] == pytest.approx(weights[1] * np.exp((0.25 + 0.5) / 0.5))


def test_the_likelihood_of_an_answer_counts_by_its_weight():
    batch = RewardedBatch(LENGTHS, torch.tensor([2.0, 0.0]))
    found = weighted_likelihood(TwoTokens([0.4, -0.2]), batch)
    assert float(found.detach()) == pytest.approx(float(-torch.nn.functional.logsigmoid(torch.tensor(0.4))))


def test_the_policy_gradient_is_that_of_the_expected_reward():
    rewards = leave_one_out(np.array([[1.0, 0.0, 0.0]]))
    assert rewards.tolist() == [[1.0, -0.5, -0.5]]
    model = TwoTokens([0.4, -0.2])
    policy_gradient(model, RewardedBatch(LENGTHS, torch.tensor([1.0, -1.0]))).backward()
    expected = [-3 * (1 - torch.sigmoid(torch.tensor(0.4))), 1 - torch.sigmoid(torch.tensor(-0.2))]
    assert model.logits.grad.tolist() == pytest.approx([float(one) / 2 for one in expected])
