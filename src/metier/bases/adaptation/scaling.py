"""Factors of keys, values and feed-forward activations (Liu et al., "(IA)3", 2022, arXiv:2205.05638).

Some thousand numbers learn how much each dimension counts. They start at 1 and are multiplied into the weights
afterwards.
"""

from typing import Any

from peft import IA3Config

from metier.bases.adaptation.adaptation import Adaptation, Adapted, has_no_place
from metier.bases.adaptation.layer_discovery import inner_states, keys_and_values, linear_layers
from metier.bases.adaptation.low_rank import TunedParts


class Scaling(Adaptation):
    """A factor for each dimension of keys, values and what feed-forward networks end with.

    The paper's rate is 3e-3, over a thousand steps; thirty times ours is 4.5e-3 to 7.5e-3, for fewer.
    """

    rate_factor = 30.0

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Put the factors in; nothing else trains."""
        upper = set(linear_layers(encoder, lowest=self.lowest))
        attended = [name for name in keys_and_values(encoder) if name in upper]
        inner = [name for name in inner_states(encoder) if name in upper]
        if not attended or not inner:
            raise has_no_place(
                self.name, encoder, "it computes keys and values in one matrix product", "lora:8"
            )
        settings = IA3Config(target_modules=[*attended, *inner], feedforward_modules=inner)
        return TunedParts(encoder, settings, random_state=random_state)
