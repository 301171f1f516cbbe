"""What comes in, brought to one scale, and a learnt token where it is missing."""

from typing import Any

import numpy as np
import torch


class Standardised(torch.nn.Module):
    """Vectors of one tower: centred and scaled by the training rows; a missing one is a token that is learned.

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, size)
        Of the training rows that have one.
    size : int
    """

    def __init__(self, vectors: np.ndarray, size: int):
        super().__init__()
        mean, scale = np.zeros(size), np.ones(size)
        if len(vectors):
            mean, scale = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
        # Some encoders have dimensions that never move; stretching their noise to size 1 would teach it.
        factor = np.where(scale > 1e-4 * scale.max(), 1 / np.maximum(scale, 1e-12), 0.0)
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("factor", torch.from_numpy(factor.astype(np.float32)))
        self.missing = torch.nn.Parameter(torch.zeros(size))

    def forward(self, vectors: torch.Tensor, is_there: torch.Tensor) -> torch.Tensor:
        """Give the vectors, a Tensor of shape (n_rows, size); `is_there` is 1 or 0, of shape (n_rows, 1)."""
        mean: Any = self.mean
        factor: Any = self.factor
        return (vectors - mean) * factor * is_there + self.missing * (1 - is_there)
