"""Cross-entropy against labels or probabilities, with label smoothing and weights of classes where asked."""

import numpy as np
import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.objective import Objective


def cross_entropy(*, label_smoothing: float = 0.0, class_weights: np.ndarray | None = None) -> Objective:
    """Give the mean negative log-likelihood of the labels as an objective.

    A batch's labels are class numbers of shape (n_rows,), or probabilities of shape (n_rows, n_classes): weak or
    crowded labels, or a teacher's answers, with probabilities.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target that is spread over all labels [1]_, 0 to 1. It keeps the logits from growing
        without end on rows that are learned, and blunts labels that are wrong.
    class_weights : ndarray of shape (n_classes,), optional
        What each class counts. The loss is divided by the rows and not, as torch does it, by the weights that
        happen to meet in a batch: a rare class would lose its weight in a batch it has to itself, and batches that
        are accumulated would not equal a large one.

    References
    ----------
    .. [1] Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016, arXiv:1512.00567.
    """
    weights = None if class_weights is None else torch.as_tensor(class_weights, dtype=torch.float32)

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        logits = model(batch).float()
        return torch.nn.functional.cross_entropy(
            logits,
            as_targets(known_labels(batch)),
            weight=None if weights is None else weights.to(logits.device),
            label_smoothing=label_smoothing,
            reduction="none",
        ).mean()

    return objective


def as_targets(labels: torch.Tensor) -> torch.Tensor:
    """Give class numbers as they are, probabilities in the logits' own precision."""
    return labels.float() if labels.dim() > 1 else labels


def balanced_weights(truth: np.ndarray, n_classes: int) -> np.ndarray:
    """Give the weights with which every class counts alike; their mean over the rows is 1.

    Parameters
    ----------
    truth : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Class numbers, or probabilities.

    Returns
    -------
    ndarray of float64 of shape (n_classes,)
        Of a class without rows 0.
    """
    counts = truth.sum(axis=0) if truth.ndim > 1 else np.bincount(truth, minlength=n_classes).astype(float)
    seen = counts > 0
    return np.divide(len(truth), seen.sum() * counts, out=np.zeros(n_classes), where=seen)
