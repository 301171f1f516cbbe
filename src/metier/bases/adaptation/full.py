"""Every weight trains: the most to gain, and the most to hold in memory."""

from typing import Any

from metier.bases.adaptation.adaptation import Adaptation, Adapted, unfreeze


class Full(Adaptation):
    """All weights of the encoder, the word vectors included."""

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Freeze nothing."""
        unfreeze(encoder)
        return Adapted(encoder)
