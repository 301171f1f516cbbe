"""Only the head trains, on the states of the frozen base."""

from typing import Any

from metier.bases.adaptation.adaptation import Adaptation, Adapted, disable_dropout, freeze
from metier.bases.adaptation.layer_discovery import blocks_of


class HeadAlone(Adaptation):
    """No weight of the encoder; all its states are computed once and kept, see `frozen_layer_cache`.

    A linear head on states that stay is a convex problem: ten times the rate does no harm, and heads that start at
    nothing need it.
    """

    head_factor = 10.0

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Freeze the encoder."""
        freeze(encoder)
        disable_dropout(encoder)
        return Adapted(encoder)

    def n_frozen_layers(self, encoder: Any) -> int:
        """All of them."""
        return len(blocks_of(encoder))
