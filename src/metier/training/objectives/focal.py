"""Focal loss: rows that are already classified well have little weight."""

import numpy as np
import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.cross_entropy import as_targets
from metier.training.objectives.objective import Objective


def focal(
    *, focusing: float = 2.0, label_smoothing: float = 0.0, class_weights: np.ndarray | None = None
) -> Objective:
    """Give the focal loss [1]_ as an objective: cross-entropy times (1 - p) ** focusing, p of the true label.

    For many easy rows of a common label beside few hard ones. It makes probabilities less sure than they should
    be, which temperature scaling corrects afterwards.

    Parameters
    ----------
    focusing : float, default=2.0
        0 is cross-entropy.
    label_smoothing : float, default=0.0
        Share of the target that is spread over all labels; each label then counts by its own p.
    class_weights : ndarray of shape (n_classes,), optional
        What each class counts, alpha of the paper.

    References
    ----------
    .. [1] Lin et al., "Focal loss for dense object detection", 2017, arXiv:1708.02002. There of two classes with
       a sigmoid each; with a softmax and soft targets it is the sum over labels of their share times their term.
    """
    weights = None if class_weights is None else torch.as_tensor(class_weights, dtype=torch.float32)

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        logits = model(batch).float()
        return focal_loss(
            logits,
            as_targets(known_labels(batch)),
            focusing=focusing,
            label_smoothing=label_smoothing,
            weights=None if weights is None else weights.to(logits.device),
        )

    return objective


def focal_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    focusing: float,
    label_smoothing: float = 0.0,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Give the mean loss of logits of shape (n, n_classes) for classes of shape (n,) or probabilities like the logits."""
    if targets.dim() == 1:
        targets = torch.nn.functional.one_hot(targets, logits.shape[1]).float()
    targets = targets * (1 - label_smoothing) + label_smoothing / logits.shape[1]
    if weights is not None:
        targets = targets * weights
    log_p = logits.log_softmax(dim=1)
    # Of a p that rounds to 1 the power's slope is endless where focusing is below 1.
    missed = (1 - log_p.exp()).clamp(min=torch.finfo(log_p.dtype).eps)
    return -(targets * missed**focusing * log_p).sum(dim=1).mean()
