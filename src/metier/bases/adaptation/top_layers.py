"""The uppermost layers train; what lies below is general, and stays (Howard and Ruder, 2018, arXiv:1801.06146)."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch

from metier.bases.adaptation.adaptation import (
    Adaptation,
    Adapted,
    disable_dropout,
    freeze,
    has_no_place,
    unfreeze,
)
from metier.bases.adaptation.layer_discovery import blocks_of


@runtime_checkable
class HasTowers(Protocol):
    """Several encoders side by side: the upper layers of each train."""

    @property
    def towers(self) -> Sequence[torch.nn.Module]:
        """The encoders."""
        ...


class TopLayers(Adaptation):
    """So many layers from the top; the states below them are computed once and kept, see `frozen_layer_cache`."""

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Freeze all but the uppermost layers."""
        freeze(encoder)
        for tower in encoder.towers if isinstance(encoder, HasTowers) else [encoder]:
            blocks = blocks_of(tower)
            if self.size > len(blocks):
                raise has_no_place(self.name, tower, f"it has {len(blocks)} layers", f"top:{len(blocks)}")
            for block in blocks[len(blocks) - self.size :]:
                unfreeze(block)
            disable_dropout_below(tower, blocks[len(blocks) - self.size :])
        return Adapted(encoder)

    def n_frozen_layers(self, encoder: Any) -> int:
        """Those below the ones that train."""
        return 0 if isinstance(encoder, HasTowers) else len(blocks_of(encoder)) - self.size


def disable_dropout_below(encoder: Any, upper: Any) -> None:
    """Switch dropout off everywhere but in the layers that train."""
    kept = {part: part.p for block in upper for part in block.modules() if isinstance(part, torch.nn.Dropout)}
    disable_dropout(encoder)
    for part, share in kept.items():
        part.p = share
