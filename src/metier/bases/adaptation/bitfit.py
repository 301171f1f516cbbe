"""Only biases train: a thousandth of the weights (Ben Zaken et al., "BitFit", 2022, arXiv:2106.10199)."""

from typing import Any

from metier.bases.adaptation.adaptation import Adaptation, Adapted, freeze, has_no_place
from metier.bases.adaptation.layer_discovery import blocks_of


class Biases(Adaptation):
    """The biases of linear layers and norms inside the layers.

    The paper's rates reach from 1e-4 to 1e-3, and fewer weights need more; ten times ours is 1.5e-3 to 2.5e-3.
    """

    rate_factor = 10.0

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Freeze all but the biases."""
        biases = [
            weight
            for name, weight in blocks_of(encoder).named_parameters()
            if name.rpartition(".")[2] == "bias"
        ]
        if not biases:
            raise has_no_place(self.name, encoder, "its layers have no biases", "ia3")
        freeze(encoder)
        for weight in biases:
            weight.requires_grad_(True)
        return Adapted(encoder)
