"""Low-rank adaptation: small matrices beside the frozen ones (Hu et al., "LoRA", 2021, arXiv:2106.09685).

A weight W answers as W + (alpha / r) B A, with A of r rows and B of r columns. Only they train, under a hundredth of the
weights, so the optimizer's memory all but vanishes; merged afterwards, the model is as fast as its base.
"""

import warnings
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

# How much the update counts: alpha / rank. Two is what most recipes take.
SCALE = 2


def add_low_rank(model: Any, *, rank: int, random_state: int) -> Any:
    """Put the matrices beside every linear layer of the blocks; give the model in which only they train.

    Parameters
    ----------
    model : PreTrainedModel
        Frozen in place.
    rank : int
    """
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(random_state)
    settings = LoraConfig(
        r=rank,
        lora_alpha=SCALE * rank,
        lora_dropout=0.0,
        bias="none",
        target_modules=linear_layers(model),
    )
    with warnings.catch_warnings():
        # PEFT asks transformers by a name that it is about to drop.
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, settings)


def linear_layers(model: Any) -> list[str]:
    """Give the names of the linear layers inside the blocks: of all but the layers that give the logits."""
    output = model.get_output_embeddings()
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not output
    ]


def merge_low_rank(adapted: Any) -> Any:
    """Add the matrices to the weights they stand beside; give the plain model."""
    return adapted.merge_and_unload()
