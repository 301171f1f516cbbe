"""Every weight trains: the most to gain, and the most to hold in memory."""

from typing import Any

from metier.bases.adaptation.adaptation import Adaptation, Adapted, freeze, unfreeze
from metier.bases.adaptation.layer_discovery import blocks_of


class Full(Adaptation):
    """All weights of the encoder, the word vectors included."""

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Freeze nothing, or all that is not of the layers above those that stay."""
        if self.lowest:
            freeze(encoder)
        for part in blocks_of(encoder)[self.lowest :] if self.lowest else [encoder]:
            unfreeze(part)
        return Adapted(encoder)
