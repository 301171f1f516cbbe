"""Builds an optimizer by its name: AdamW [1]_, Adafactor [2]_, SGD with momentum, Adagrad [3]_, Lion [4]_.

References
----------
.. [1] Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
.. [2] Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018.
.. [3] Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.
.. [4] Chen et al., "Symbolic discovery of optimization algorithms", 2023.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch.optim import SGD, Adafactor, Adagrad, AdamW, Optimizer

from metier.training.lion import Lion
from metier.training.optimizer_names import FACTORS

Groups = list[dict[str, Any]]
MOMENTUM = 0.9
_BUILDERS: Mapping[str, Callable[[Groups], Optimizer]] = {
    # One kernel for all weights of a group instead of a dozen passes over memory.
    "adamw": partial(AdamW, fused=True),
    "adafactor": Adafactor,
    "sgd": partial(SGD, momentum=MOMENTUM),
    "adagrad": Adagrad,
    "lion": Lion,
}


def build_optimizer(name: str, groups: Groups) -> torch.optim.Optimizer:
    """Build an optimizer.

    Parameters
    ----------
    name : str
        As `optimizer_names` has it.
    groups : list of dict
        `params`, `lr`, `weight_decay`; the decay as AdamW's.
    """
    decay = FACTORS[name].decay
    return _BUILDERS[name](
        [group | {"weight_decay": group.get("weight_decay", 0.0) * decay} for group in groups]
    )
