"""Low-rank adaptation: small matrices beside the frozen ones (Hu et al., "LoRA", 2021, arXiv:2106.09685).

A weight W answers as W + (alpha / r) B A, with A of r rows and B of r columns. Only they train, under a hundredth of
the weights of a large base, so the optimizer's memory all but vanishes; merged afterwards, the model is as fast as its
base.
"""

import warnings
from typing import Any

from peft import LoraConfig, get_peft_model

from metier.bases.adaptation.adaptation import Adaptation, Adapted, seeded, unfreeze
from metier.bases.adaptation.layer_discovery import linear_layers

# How much the update counts: alpha / rank. Two is what most recipes take.
SCALE = 2


class LowRank(Adaptation):
    """Matrices of this rank beside every linear layer inside the layers.

    The paper's rates for encoders are 4e-4 to 5e-4; ten times ours is 1.5e-3 to 2.5e-3, for bases a fifth the size. On
    held-out rows of ncbi_disease (1,000 to learn from, two epochs) five, ten and twenty times reached .63, .66 and .70 F1;
    on banking77 (2,000) .883, .885 and .891. Ten, since larger bases bear less.
    """

    rate_factor = 10.0

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Put the matrices in; nothing else trains."""
        settings = LoraConfig(
            r=self.size,
            lora_alpha=SCALE * self.size,
            lora_dropout=0.0,
            bias="none",
            target_modules=linear_layers(encoder, lowest=self.lowest),
        )
        return TunedParts(encoder, settings, random_state=random_state)


class TunedParts(Adapted):
    """An encoder some of whose layers PEFT has wrapped, in place; merged, they are plain again.

    Parameters
    ----------
    encoder : PreTrainedModel
    settings : PeftConfig
    random_state : int
    """

    def __init__(self, encoder: Any, settings: Any, *, random_state: int):
        super().__init__(encoder)
        with seeded(random_state), warnings.catch_warnings():
            # PEFT asks transformers by a name that it is about to drop.
            warnings.simplefilter("ignore", FutureWarning)
            # It sets that itself where weights stand the other way round, as GPT-2's do.
            warnings.filterwarnings("ignore", message="fan_in_fan_out is set to")
            self.tuner = get_peft_model(encoder, settings)

    def merge(self) -> None:
        """Work the parts into the weights they stand beside, and put the plain layers back."""
        self.tuner.merge_and_unload()
        # PEFT leaves its settings on the model; a folder written from it would be taken for one of PEFT's.
        for left in ("peft_config", "_hf_peft_config_loaded"):
            self.encoder.__dict__.pop(left, None)
        unfreeze(self.encoder)
