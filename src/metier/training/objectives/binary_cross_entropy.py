"""Binary cross-entropy, each label by itself."""

import torch

from metier.training.batch import Batch, known_labels
from metier.training.objectives.objective import Objective


def binary_cross_entropy(*, focusing: float = 0.0) -> Objective:
    """Give the mean negative log-likelihood over rows and labels as an objective; targets are 0 and 1 a label.

    Parameters
    ----------
    focusing : float, default=0.0
        Above 0 each term counts (1 - p) ** focusing, p of the true answer [1]_: of many labels nearly all are a no
        that is predicted easily.

    References
    ----------
    .. [1] Lin et al., "Focal loss for dense object detection", 2017, arXiv:1708.02002.
    """

    def objective(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        logits = model(batch).float()
        each = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, known_labels(batch).float(), reduction="none"
        )
        if focusing:
            # 1 - p from the loss itself; of a p that rounds to 1 the power's slope is endless below 1.
            each = each * (-torch.expm1(-each)).clamp(min=torch.finfo(each.dtype).eps) ** focusing
        return each.mean()

    return objective
