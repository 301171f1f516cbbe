"""Cross-attention: each word looks at the regions of the image, and each region at the words."""

from typing import Any

import numpy as np
import torch

from metier.multimodal.fusions.network import Learning, NetworkLearner, Shape
from metier.multimodal.fusions.standardised import Standardised

N_REGIONS = 49  # Of the last map, 7 x 7.
HEADS = 4
MASKED = -1e9
VECTOR = 1280  # Of an image; its map stands behind it.


class Attention(torch.nn.Module):
    """What each row of `asking` finds in the rows of `asked`, by several heads.

    Parameters
    ----------
    size : int
    """

    def __init__(self, size: int):
        super().__init__()
        self.query, self.key, self.value, self.out = (torch.nn.Linear(size, size) for _ in range(4))

    def forward(
        self, asking: torch.Tensor, asked: torch.Tensor, kept: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Give a Tensor of the shape of `asking`, (n_rows, n_asking, size).

        Parameters
        ----------
        asked : Tensor of shape (n_rows, n_asked, size)
        kept : Tensor of shape (n_rows, n_asked), optional
            1 where `asked` holds something, 0 at padding.
        """
        query, key, value = (
            part.unflatten(2, (HEADS, -1)).transpose(1, 2)
            for part in (self.query(asking), self.key(asked), self.value(asked))
        )
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        if kept is not None:
            scores = scores + (1 - kept)[:, None, None, :] * MASKED
        found: torch.Tensor = self.out((scores.softmax(dim=3) @ value).transpose(1, 2).flatten(2))
        return found


class CrossAttention(torch.nn.Module):
    """One layer of attention either way (as in ViLBERT, Lu et al., 2019, arXiv:1908.02265), beside both vectors.

    Small, since some hundred rows teach no large one: what attends is 128 wide. A missing text is one learnt token, a
    missing image one learnt region.

    Parameters
    ----------
    shape : Shape
        `image_size` holds the vector of the image and, behind it, the numbers of its regions.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.regions = (shape.image_size - VECTOR) // N_REGIONS
        self.text = Standardised(shape.text, shape.text_size)
        self.image = Standardised(shape.image[:, :VECTOR], VECTOR)
        self.region = Standardised(_regions(shape.image, self.regions), self.regions)
        self.words_in = torch.nn.Linear(shape.text_size, shape.hidden)
        self.regions_in = torch.nn.Linear(self.regions, shape.hidden)
        self.to_regions = Attention(shape.hidden)
        self.to_words = Attention(shape.hidden)
        self.dropout = torch.nn.Dropout(shape.dropout)
        self.head = torch.nn.Linear(shape.text_size + VECTOR + 2 * shape.hidden, shape.n_logits)

    def forward(
        self, text: torch.Tensor, image: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor
    ) -> torch.Tensor:
        """Give the logits, a Tensor of shape (n_rows, n_logits).

        Parameters
        ----------
        text, has_text : Tensor of shape (n_rows, n_tokens, text_size) and (n_rows, n_tokens)
            Padded token states, and which are none; a row without text has no token.
        """
        there = has_text.amax(dim=1, keepdim=True)
        # A row without words keeps its first place, which holds the token of a missing text.
        kept = torch.cat([torch.ones_like(there), has_text[:, 1:]], dim=1)
        states = self.text(text, there.unsqueeze(1))
        mean = (states * kept.unsqueeze(2)).sum(dim=1) / kept.sum(dim=1, keepdim=True)
        patches = image[:, VECTOR:].reshape(-1, N_REGIONS, self.regions)
        words = self.words_in(self.dropout(states))
        places = self.regions_in(self.dropout(self.region(patches, has_image.unsqueeze(1))))
        seen = self.to_regions(words, places) + words
        read = self.to_words(places, words, kept) + places
        seen = (seen * kept.unsqueeze(2)).sum(dim=1) / kept.sum(dim=1, keepdim=True)
        parts = [mean, self.image(image[:, :VECTOR], has_image), torch.tanh(seen), torch.tanh(read.mean(dim=1))]
        logits: torch.Tensor = self.head(self.dropout(torch.cat(parts, dim=1)))
        return logits


def _regions(images: np.ndarray, size: int) -> Any:
    """Give the regions of some images as rows."""
    return images[:, VECTOR:].reshape(-1, size)


CROSS_ATTENTION = NetworkLearner(CrossAttention, Learning(), in_detail=True)
