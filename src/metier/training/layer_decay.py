"""Layer-wise learning rates: parameter groups by depth and kind."""

import re

import torch

_LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?|block)\.(\d+)\.")


def parameter_groups(
    encoder: torch.nn.Module,
    head: torch.nn.Module,
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
