"""Objectives over answers that have a reward each: their likelihood weighed by it, or the gradient of its expectation.

Reward-weighted regression [1]_ maximises the likelihood of answers that are there already, each weighed by the exponential
of its advantage: no answer is pushed away, so it is safe and slow. REINFORCE [2]_ follows the gradient of the expected
reward of answers that the model itself has just sampled: the gradient of their log-likelihood times how much better than a
baseline they were. Of several answers to one prompt the mean reward of the others is a baseline that depends on none of
what it is taken from (leave-one-out [3]_).

References
----------
.. [1] Peters and Schaal, "Reinforcement learning by reward-weighted regression for operational space control", 2007.
.. [2] Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992.
.. [3] Ahmadian et al., "Back to basics: revisiting REINFORCE style optimization for learning from human feedback in LLMs",
   2024, arXiv:2402.14740.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch

from metier.training.objectives.next_token import answer_log_likelihoods


@dataclass(frozen=True)
class RewardedBatch:
    """Answers that count differently; a `training.batch.Batch`.

    Parameters
    ----------
    answers : Batch
    counts : Tensor of shape (n_answers,)
        The weight or the advantage of each.
    """

    answers: Any
    counts: torch.Tensor
    labels: None = None

    def __len__(self) -> int:
        return len(self.counts)

    def to(self, device: torch.device) -> Self:
        """The same answers on a device."""
        return replace(self, answers=self.answers.to(device), counts=self.counts.to(device))


def weighted_likelihood(model: torch.nn.Module, batch: RewardedBatch) -> torch.Tensor:
    """Give the mean negative log-likelihood a token of the answers, each times its weight: an `Objective`."""
    sums, lengths = answer_log_likelihoods(model, batch.answers)
    return -(batch.counts * sums / lengths).mean()


def policy_gradient(model: torch.nn.Module, batch: RewardedBatch) -> torch.Tensor:
    """Give 0 with the gradient of the expected reward, negative, by answers of the model itself: an `Objective`.

    The number whose gradient that is jumps about 0 with the samples and says nothing of how training goes.
    """
    sums, _ = answer_log_likelihoods(model, batch.answers)
    loss = -(batch.counts * sums).mean()
    return loss - loss.detach()


def exponential_weights(rewards: np.ndarray, prompts: np.ndarray, *, temperature: float) -> np.ndarray:
    """Give the weight of each answer: the exponential of its advantage over the other answers, of mean 1.

    The advantage is over the mean of the prompt's answers where there are several, else over that of all.

    Parameters
    ----------
    rewards : ndarray of shape (n_answers,)
    prompts : ndarray of int of shape (n_answers,)
        Which prompt each is an answer to.
    temperature : float
        Above 0: near 0 the best answers alone are learned, at large values all alike.
    """
    _, owner, n_answers = np.unique(prompts, return_inverse=True, return_counts=True)
    means = np.bincount(owner, weights=rewards) / n_answers
    baseline = np.where(n_answers[owner] > 1, means[owner], rewards.mean())
    advantage = (rewards - baseline) / temperature
    weights: np.ndarray = np.exp(advantage - advantage.max())
    return weights / weights.mean()


def leave_one_out(rewards: np.ndarray) -> np.ndarray:
    """Give how much better than the mean of the prompt's other answers each one is.

    Parameters
    ----------
    rewards : ndarray of shape (n_prompts, n_samples)
        Of at least two samples.
    """
    n_others = rewards.shape[1] - 1
    return rewards - (rewards.sum(axis=1, keepdims=True) - rewards) / n_others
