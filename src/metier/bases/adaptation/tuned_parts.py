"""What PEFT puts into an encoder, and how it comes out again: merged."""

import warnings
from typing import Any

from metier.bases.adaptation.adaptation import Adapted, seeded, unfreeze


class TunedParts(Adapted):
    """An encoder some of whose layers PEFT has wrapped, in place.

    Parameters
    ----------
    encoder : PreTrainedModel
    settings : PeftConfig
    random_state : int
    """

    def __init__(self, encoder: Any, settings: Any, *, random_state: int):
        from peft import get_peft_model

        super().__init__(encoder)
        with seeded(random_state), warnings.catch_warnings():
            # PEFT asks transformers by a name that it is about to drop.
            warnings.simplefilter("ignore", FutureWarning)
            self.tuner = get_peft_model(encoder, settings)

    def merge(self) -> None:
        """Work the parts into the weights they stand beside, and put the plain layers back."""
        self.tuner.merge_and_unload()
        # PEFT leaves its settings on the model; a folder written from it would be taken for one of PEFT's.
        for left in ("peft_config", "_hf_peft_config_loaded"):
            self.encoder.__dict__.pop(left, None)
        unfreeze(self.encoder)
