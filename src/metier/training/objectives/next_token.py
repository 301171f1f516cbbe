"""The negative log-likelihood of the tokens of an answer, each after the right ones before it (teacher forcing)."""

import numpy as np
import torch

from metier.training.batch import Batch

IGNORED = -100  # What torch's cross-entropy leaves out.


def answer_cross_entropy(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Give the mean negative log-likelihood of the answers' tokens: an `Objective`.

    The model gives logits of shape (n_answer_tokens, n_tokens), the tokens that are wanted, and the row of each.
    """
    logits, wanted, _ = model(batch)
    return torch.nn.functional.cross_entropy(logits.float(), wanted)


def answer_log_likelihoods(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the log-likelihood of each answer of a batch and its tokens, both of shape (n_rows,), with gradients."""
    logits, wanted, rows = model(batch)
    each = -torch.nn.functional.cross_entropy(logits.float(), wanted, reduction="none")
    owners = rows.to(each.device)
    sums = torch.zeros(len(batch), device=each.device).index_add(0, owners, each)
    return sums, torch.bincount(owners, minlength=len(batch)).clamp(min=1)


def mean_losses(logits: torch.Tensor, wanted: torch.Tensor, rows: torch.Tensor) -> np.ndarray:
    """Give the mean negative log-likelihood of the tokens of each answer, of shape (n_rows,)."""
    each = torch.nn.functional.cross_entropy(logits.float(), wanted, reduction="none").cpu().numpy()
    owners = rows.cpu().numpy()
    mean: np.ndarray = np.bincount(owners, weights=each) / np.bincount(owners)
    return mean
