"""The gated multimodal unit: for each hidden unit a gate says how much the text counts and how much the image."""

import torch

from metier.multimodal.fusions.network import Learning, NetworkLearner, Shape
from metier.multimodal.fusions.standardised import Standardised


class Gated(torch.nn.Module):
    """The unit of Arevalo et al. (2017, arXiv:1702.01992) and a linear head; a missing modality is a learnt token.

    Parameters
    ----------
    shape : Shape
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.text = Standardised(shape.text, shape.text_size)
        self.image = Standardised(shape.image, shape.image_size)
        self.of_text = torch.nn.Linear(shape.text_size, shape.hidden)
        self.of_image = torch.nn.Linear(shape.image_size, shape.hidden)
        self.gate = torch.nn.Linear(shape.text_size + shape.image_size, shape.hidden)
        self.dropout = torch.nn.Dropout(shape.dropout)
        self.head = torch.nn.Linear(shape.hidden, shape.n_logits)

    def forward(
        self, text: torch.Tensor, image: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor
    ) -> torch.Tensor:
        """Give the logits, a Tensor of shape (n_rows, n_logits)."""
        one = self.dropout(self.text(text, has_text))
        other = self.dropout(self.image(image, has_image))
        gate = torch.sigmoid(self.gate(torch.cat([one, other], dim=1)))
        hidden = gate * torch.tanh(self.of_text(one)) + (1 - gate) * torch.tanh(self.of_image(other))
        logits: torch.Tensor = self.head(self.dropout(hidden))
        return logits


GATED = NetworkLearner(Gated, Learning())
