"""The learning rate of a fine-tuning: its peak where none is set, how it runs, and what learns how fast.

The peak is stated beforehand without torch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from metier.training.optimizer_names import FACTORS

if TYPE_CHECKING:
    import torch

# Learned on banking77 with MiniLM; Chinese titles with multilingual E5 took 2e-4 well at 490 steps.
LEARNING_RATE, ITS_STEPS = 1.5e-4, 600
LOWEST_RATE, HIGHEST_RATE = 5e-5, 2.5e-4
ScheduleName = Literal["linear", "cosine", "constant", "one_cycle"]
SCHEDULE = (
    "How the learning rate runs after its warm-up: `linear` or `cosine` to 0, `constant`, or `one_cycle` (up for a third, "
    "then down; Smith and Topin, 2018)."
)
RISING = 0.3  # Share of one cycle.
ONE_CYCLE_START = 0.04  # Of the peak.


def default_learning_rate(steps: float, *, optimizer: str = "adamw") -> float:
    """Give the peak learning rate for a run of so many steps, of AdamW or in the measure of another optimizer.

    The distance that weights travel grows with the root of the steps, so the rate falls with it: few steps need
    longer ones, while a hundred thousand at that size would unlearn the base. Held between 5e-5 and 2.5e-4, the
    range in which small encoders (20 to 120 million weights) train without falling apart.
    """
    rate = float(np.clip(LEARNING_RATE * np.sqrt(ITS_STEPS / max(steps, 1)), LOWEST_RATE, HIGHEST_RATE))
    return rate * FACTORS[optimizer].rate


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a decay by its name.

    Parameters
    ----------
    total_steps : int
        Steps the run would take without a clock.
    warmup_fraction : float
        Share of the run in which the rate rises, 0 to 1.
    time_limit_seconds : float or None
        When the run has to be over.
    name : {"linear", "cosine", "constant", "one_cycle"}
        `one_cycle` rises along a cosine for three tenths of the run, whatever the warm-up.
    """

    total_steps: int
    warmup_fraction: float
    time_limit_seconds: float | None = None
    name: ScheduleName = "linear"

    def progress(self, *, step: int, seconds: float) -> float:
        """How far the run is, 0 to 1: by steps or by the clock, whichever is further.

        On a machine slower than planned the clock takes over, so the rate still reaches zero when the time is
        up, which is where most of the quality of a decay comes from.
        """
        by_steps = step / max(self.total_steps, 1)
        by_clock = seconds / self.time_limit_seconds if self.time_limit_seconds else 0.0
        return min(max(by_steps, by_clock), 1.0)

    def factor(self, progress: float) -> float:
        """What the learning rate is multiplied by, 0 to 1."""
        if self.name == "one_cycle":
            return _one_cycle(progress)
        if progress < self.warmup_fraction:
            # Never zero: the first step of a run has progress 0 and would be lost.
            return max(progress / self.warmup_fraction, 1 / (1 + self.warmup_fraction * self.total_steps), 0.0)
        left = (1 - progress) / (1 - self.warmup_fraction)
        if self.name == "constant":
            return 1.0
        return left if self.name == "linear" else _cosine(1 - left)


def _cosine(done: float) -> float:
    """From 1 to 0 along half a cosine."""
    return float((1 + np.cos(np.pi * done)) / 2)


def _one_cycle(progress: float) -> float:
    if progress < RISING:
        return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * (1 - _cosine(progress / RISING))
    return _cosine((progress - RISING) / (1 - RISING))


def decay_groups(
    weights: "Sequence[torch.nn.Parameter]", weight_decay: float, learning_rate: float
) -> list[dict[str, Any]]:
    """Sort weights into those that decay and those that do not; norms and biases have one dimension and are left alone."""
    groups = [
        {"params": [weight for weight in weights if weight.dim() > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in weights if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    return [group | {"lr": learning_rate} for group in groups if group["params"]]


_LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?|block)\.(\d+)\.")


def parameter_groups(
    encoder: "torch.nn.Module",
    head: "torch.nn.Module",
    *,
    learning_rate: float,
    layer_decay: float,
    weight_decay: float,
    head_rate: float | None = None,
) -> list[dict[str, object]]:
    """Sort the weights that train into groups for an optimizer.

    The head learns at the full rate, each layer below at `layer_decay` times the rate of the one above it, the
    embeddings slowest [1]_: what lies deep is general and needs little change. Norms, biases and embeddings are
    not decayed: pulling them to zero pulls the features off their scale, and rare words to nothing.

    Parameters
    ----------
    learning_rate : float
        Of the uppermost layer, and with a `layer_decay` of 1 of the whole encoder.
    layer_decay : float
        Factor from layer to layer, 0 (excluded) to 1.
    weight_decay : float
        Of the matrices inside the layers.
    head_rate : float, optional
        Of the head; None: the `learning_rate`.

    Returns
    -------
    list of {"params", "lr", "weight_decay"}
        One group for each rate and decay.

    References
    ----------
    .. [1] Howard and Ruder, "Universal language model fine-tuning for text classification", 2018,
       arXiv:1801.06146.
    """
    depths = {name: _depth(name) for name, weight in encoder.named_parameters() if weight.requires_grad}
    n_layers = max(depths.values(), default=0)
    grouped: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, weight in encoder.named_parameters():
        if weight.requires_grad:
            rate = learning_rate * layer_decay ** (n_layers - depths[name])
            decay = weight_decay if weight.dim() > 1 and depths[name] > 0 else 0.0
            grouped.setdefault((rate, decay), []).append(weight)
    for weight in head.parameters():
        # The head starts from a fitted solution; decay would pull it off its calibrated scale.
        grouped.setdefault((learning_rate if head_rate is None else head_rate, 0.0), []).append(weight)
    return [
        {"params": weights, "lr": rate, "weight_decay": decay} for (rate, decay), weights in grouped.items()
    ]


def _depth(name: str) -> int:
    """0 for embeddings, 1 for the lowest layer, and so on."""
    found = _LAYER.search(name)
    return int(found[1]) + 1 if found else 0
