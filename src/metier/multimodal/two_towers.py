"""A text tower and an image tower under one fusion: the loss flows into both."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

import numpy as np
import torch

from metier.bases.embedding import mean_pool
from metier.multimodal.fusions.fusion import scale_of
from metier.multimodal.joint_maps import kept_joint_maps
from metier.multimodal.joint_rows import JointBatch, JointRows
from metier.progress import Listener
from metier.training.batching import TokenisedRows
from metier.training.frozen_layer_cache import cache_frozen_layers
from metier.training.heads.token_model import TokenModel

ROWS_AT_ONCE = 8  # In answering: maps of 70 MB, and more are no faster on a core.


class TwoTowers(torch.nn.Module):
    """An encoder of texts and a network of images: what an adaptation changes.

    Parameters
    ----------
    text : PreTrainedModel
    image : ImageNetwork
    """

    def __init__(self, text: Any, image: Any):
        super().__init__()
        self.text = text
        self.image = image

    @property
    def towers(self) -> Sequence[torch.nn.Module]:
        """The two of them, each of which is adapted by itself."""
        return self.text, self.image.encoder


class TowersInTraining(torch.nn.Module):
    """Two towers that train: the vectors of texts and of images; batch norms keep the statistics of their base.

    Parameters
    ----------
    encoder : TwoTowers
    normalise : bool
        Whether the vectors of texts are scaled to length 1.
    """

    def __init__(self, encoder: TwoTowers, *, normalise: bool):
        super().__init__()
        self.encoder = encoder
        self.normalise = normalise

    @property
    def pad_id(self) -> int:
        """What texts are padded with."""
        return int(self.encoder.text.config.pad_token_id or 0)

    def train(self, mode: bool = True) -> Self:
        """Switch to training; batch norms go on by the statistics of the base, which a few rows would spoil."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def set_dropout(self, share: float) -> None:
        """Set the share of activations that every dropout of the towers zeroes while training, 0 to 1."""
        for module in self.encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = share

    def texts(self, batch: JointBatch) -> torch.Tensor:
        """Give the vectors of the texts of a batch, of shape (n_rows, hidden_size)."""
        hidden = self.encoder.text(input_ids=batch.input_ids, attention_mask=batch.mask).last_hidden_state
        text = mean_pool(hidden, batch.mask)
        return torch.nn.functional.normalize(text, dim=1) if self.normalise else text

    def images(self, batch: JointBatch) -> torch.Tensor:
        """Give the vectors of the images that are there, zeros for the others; of shape (n_rows, n_numbers)."""
        seen = torch.nonzero(batch.has_image[:, 0] > 0)[:, 0]
        vectors = torch.zeros((len(batch), self.encoder.image.dimensions), device=batch.has_image.device)
        if len(seen) == 0:
            return vectors
        network = self.encoder.image
        found = (
            network(batch.pixels[seen])
            if batch.maps is None
            else network.upper(batch.maps[seen].float(), batch.n_blocks)
        )
        return vectors.index_add(0, seen, found.float())

    @contextmanager
    def kept_states(
        self, parts: Sequence[JointRows], adaptation: Any, *, listener: Listener
    ) -> Iterator[tuple[Sequence[JointRows], AbstractContextManager[None]]]:
        """Give rows with what the frozen blocks give of their images, and what lets the texts' layers do the same.

        Parameters
        ----------
        parts : sequence of JointRows
            Rows to learn from, and rows to compare epochs on.
        adaptation : Adaptation
            Says how many layers of each tower will not train.
        """
        texts = [TokenisedRows(part.ids, None, part.pad_id) for part in parts]
        n_layers = adaptation.n_frozen_layers(self.encoder.text)
        tower = TextTower(self.encoder.text).train(self.encoder.text.training)  # Which it is left in.
        cache = cache_frozen_layers(tower, n_layers, texts, listener=listener)
        n_blocks = adaptation.n_frozen_layers(self.encoder.image.encoder)
        with kept_joint_maps(self.encoder.image, parts, n_blocks, listener=listener) as kept:
            yield kept or parts, nullcontext() if cache is None else cache.in_place()


class TextTower(TokenModel):
    """The text tower by itself, as what keeps the states of frozen layers asks it."""

    head = None

    def forward(self, batch: Any) -> torch.Tensor:
        """Give the states of the tokens of texts."""
        return self.states(batch)


class TwoTowerModel(TowersInTraining):
    """Logits of texts with images.

    Parameters
    ----------
    encoder : TwoTowers
    fusion : Module
        From the four inputs of a fusion to logits, where it starts.
    normalise : bool
        Whether the vectors of texts are scaled to length 1.

    Attributes
    ----------
    scales : tuple of float
        What logits are multiplied by once it is trained: of rows with both, with their text and with their image alone.
    """

    def __init__(self, encoder: TwoTowers, fusion: torch.nn.Module, *, normalise: bool):
        super().__init__(encoder, normalise=normalise)
        self.head = fusion
        self.scales = (1.0, 1.0, 1.0)

    def forward(self, batch: JointBatch) -> torch.Tensor:
        """Give logits of shape (n_rows, n_logits)."""
        logits: torch.Tensor = self.head(self.texts(batch), self.images(batch), batch.has_text, batch.has_image)
        scales = torch.tensor(self.scales, device=logits.device)
        return logits * scale_of(scales, batch.has_text, batch.has_image)

    def logits(self, rows: JointRows) -> np.ndarray:
        """Give the logits of rows without learning, an ndarray of float64 of shape (n_rows, n_logits)."""
        was_training, device = self.training, next(self.parameters()).device
        self.eval()
        with torch.inference_mode():
            parts = [
                self(batch.to(device)).double().cpu().numpy()
                for _, batch in rows.in_order_of_length(ROWS_AT_ONCE)
            ]
        self.train(was_training)
        return rows.mean(np.concatenate(parts))
