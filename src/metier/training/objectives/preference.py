"""Objectives over pairs of answers: which of two was preferred, learned without a model of rewards.

DPO [1]_ takes the logarithm of how much likelier a model finds an answer than the reference model did, times `beta`, for
the reward of that answer, and fits the model of Bradley and Terry to the pairs: the preferred answer wins with the
probability sigmoid(its reward - the reward of the other). No model of rewards is fitted, nothing is sampled, and the
reference is the model as it was, so that its likelihoods are numbers that are computed once.

Where some pairs are labelled the wrong way round, `label_smoothing` is the share of them that is expected (conservative
DPO [2]_). IPO [3]_ replaces the logistic loss, whose optimum over pairs that agree is endless, by a squared distance from
a margin of 1 / (2 beta); its likelihoods are means over tokens, as its authors compute them.

References
----------
.. [1] Rafailov et al., "Direct preference optimization: your language model is secretly a reward model", 2023,
   arXiv:2305.18290.
.. [2] Mitchell, "A note on DPO with noisy preferences and relationship to IPO", 2023.
.. [3] Azar et al., "A general theoretical paradigm to understand learning from human preferences", 2023,
   arXiv:2310.12036.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

from metier.training.objectives.next_token import answer_log_likelihoods


@dataclass(frozen=True)
class PairBatch:
    """Pairs of answers; a `training.batch.Batch`.

    Parameters
    ----------
    answers : Batch
        Of each pair the preferred answer, then the other, each behind its prompt.
    reference : Tensor of shape (n_pairs, 2)
        The log-likelihood of each under the model as it was.
    """

    answers: Any
    reference: torch.Tensor
    labels: None = None

    def __len__(self) -> int:
        return len(self.reference)

    def to(self, device: torch.device) -> Self:
        """The same pairs on a device."""
        return replace(self, answers=self.answers.to(device), reference=self.reference.to(device))


OfPairs = Callable[[torch.nn.Module, PairBatch], torch.Tensor]  # An `Objective` over pairs.


def dpo(*, beta: float = 0.1, label_smoothing: float = 0.0) -> OfPairs:
    """Give direct preference optimisation as an objective.

    Parameters
    ----------
    beta : float, default=0.1
        Above 0: how strongly the model is held to the reference; small values let it go far.
    label_smoothing : float, default=0.0
        From 0 to below 0.5: share of the pairs that are thought to be the wrong way round.
    """

    def objective(model: torch.nn.Module, batch: PairBatch) -> torch.Tensor:
        sums, _ = _of_pairs(model, batch)
        margins = beta * _ahead(sums, batch.reference)
        likely = torch.nn.functional.logsigmoid(margins)
        unlikely = torch.nn.functional.logsigmoid(-margins)
        return -((1 - label_smoothing) * likely + label_smoothing * unlikely).mean()

    return objective


def ipo(*, beta: float = 0.1) -> OfPairs:
    """Give identity preference optimisation as an objective; see the top of the module.

    Parameters
    ----------
    beta : float, default=0.1
        Above 0: the margin that pairs are brought to is 1 / (2 beta), in nats a token.
    """

    def objective(model: torch.nn.Module, batch: PairBatch) -> torch.Tensor:
        sums, lengths = _of_pairs(model, batch)
        margins = _ahead(sums / lengths, batch.reference / lengths)
        return ((margins - 1 / (2 * beta)) ** 2).mean()

    return objective


def _of_pairs(model: torch.nn.Module, batch: PairBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Give log-likelihoods and lengths, both of shape (n_pairs, 2)."""
    sums, lengths = answer_log_likelihoods(model, batch.answers)
    return sums.view(-1, 2), lengths.view(-1, 2)


def _ahead(likelihoods: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """How much more the preferred answer gained on the reference than the other, of shape (n_pairs,)."""
    gained = likelihoods - reference
    return gained[:, 0] - gained[:, 1]
