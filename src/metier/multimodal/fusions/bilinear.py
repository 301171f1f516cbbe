"""Low-rank bilinear pooling: every number of the text times every number of the image, through a few products."""

import torch

from metier.multimodal.fusions.network import Learning, NetworkLearner, Shape
from metier.multimodal.fusions.standardised import Standardised


class Bilinear(torch.nn.Module):
    """The Hadamard product of two projections (Kim et al., 2017, arXiv:1610.04325), these themselves, and a linear head.

    The projections beside their product are the paper's linear terms. By products alone 400 rows did not teach what a text
    or an image tells by itself (docs/images_with_texts.md). A missing modality is a learnt token, so that the product with
    it is another linear map of what is there.

    Parameters
    ----------
    shape : Shape
        `hidden` is the rank.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.text = Standardised(shape.text, shape.text_size)
        self.image = Standardised(shape.image, shape.image_size)
        self.of_text = torch.nn.Linear(shape.text_size, shape.hidden)
        self.of_image = torch.nn.Linear(shape.image_size, shape.hidden)
        self.dropout = torch.nn.Dropout(shape.dropout)
        self.head = torch.nn.Linear(3 * shape.hidden, shape.n_logits)

    def forward(
        self, text: torch.Tensor, image: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor
    ) -> torch.Tensor:
        """Give the logits, a Tensor of shape (n_rows, n_logits)."""
        one = torch.tanh(self.of_text(self.dropout(self.text(text, has_text))))
        other = torch.tanh(self.of_image(self.dropout(self.image(image, has_image))))
        logits: torch.Tensor = self.head(self.dropout(torch.cat([one * other, one, other], dim=1)))
        return logits


BILINEAR = NetworkLearner(Bilinear, Learning())
