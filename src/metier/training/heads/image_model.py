"""A network of images with a linear head, in `network` and `head`; its batch norms keep the statistics of the base."""

from typing import Any, Self

import numpy as np
import torch

from metier.training.heads.ridge_probe import Unit
from metier.training.image_rows import ImageRows, MapBatch, PixelBatch

IMAGES_AT_ONCE = 8  # In answering: maps of 70 MB, and more are no faster on a core.


class ImageModel(torch.nn.Module):
    """Logits of images.

    Parameters
    ----------
    network : ImageNetwork
    weight, bias : ndarray of shape (n_logits, dimensions) and (n_logits,)
        Where the head starts.
    unit : Unit, optional
        What its logits count in, where they are scores.
    """

    def __init__(self, network: Any, weight: np.ndarray, bias: np.ndarray, *, unit: Unit | None = None):
        super().__init__()
        self.network = network
        self.unit = unit
        self.head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))

    @property
    def encoder(self) -> Any:
        """What an adaptation changes."""
        return self.network.encoder

    def train(self, mode: bool = True) -> Self:
        """Switch to training; batch norms go on by the statistics of the base, which a few rows would spoil."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def set_dropout(self, share: float) -> None:
        """Set the share of activations that every dropout of the network zeroes while training, 0 to 1."""
        for module in self.network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = share

    def forward(self, batch: PixelBatch | MapBatch) -> torch.Tensor:
        """Give logits of shape (n_images, n_logits)."""
        if isinstance(batch, MapBatch):
            return self.head(self.network.upper(batch.maps.float(), batch.n_blocks))
        return self.head(self.network(batch.pixels))

    def logits(self, rows: ImageRows) -> np.ndarray:
        """Give the logits of rows without learning, an ndarray of float64 of shape (n_rows, n_logits)."""
        parts: list[np.ndarray] = []
        was_training, device = self.training, self.head.weight.device
        self.eval()
        with torch.inference_mode():
            for _, batch in rows.in_order_of_length(IMAGES_AT_ONCE):
                parts.append(self(batch.to(device)).double().cpu().numpy())
        self.train(was_training)
        return rows.mean(np.concatenate(parts))
