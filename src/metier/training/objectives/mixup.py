"""Mixup in hidden space: interpolated rows with interpolated labels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from metier.errors import SettingsError
from metier.training.batch import Batch, known_labels, with_labels
from metier.training.objectives.objective import Objective, embedding_model, unwrapped


def mixup(objective: Objective, *, concentration: float = 0.4) -> Objective:
    """Give an objective on rows that are mixed with others of their batch inside the encoder [1]_ [2]_.

    After a layer drawn for each batch, the hidden states of a row become `share` times its own plus the rest of
    its partner's, and so does the loss: `share` times that of its own label plus the rest of its partner's.

    Parameters
    ----------
    objective : Objective
        One that asks the model once and needs nothing else of it: cross-entropy, focal. The model is run once.
    concentration : float, default=0.4
        Both parameters of the Beta that the share is drawn from; the smaller, the nearer to 1 it mostly is. A
        share below a half is turned round: a row keeps its own length, so it should keep most of itself. Where the
        partner has no more tokens the row's own stay unmixed; rows of a batch are of like length.

    References
    ----------
    .. [1] Verma et al., "Manifold mixup: better representations by interpolating hidden states", 2019,
       arXiv:1806.05236.
    .. [2] Chen, Yang and Yang, "MixText: linguistically-informed interpolation of hidden space for semi-supervised
       text classification", 2020, arXiv:2004.12239.
    """

    def mixed(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        drawn = float(torch.distributions.Beta(concentration, concentration).sample())
        share, partners = max(drawn, 1 - drawn), torch.randperm(len(batch))
        mask = embedding_model(model, "mixup").positions(batch)
        partners = partners.to(mask.device)
        layers = layers_of(unwrapped(model).encoder)
        layer = layers[int(torch.randint(len(layers), ()))]
        with _mixed_after(layer, mask, partners, share):
            logits = model(batch)
        given: Any = _given(logits)
        theirs = with_labels(batch, known_labels(batch)[partners])
        return share * objective(given, batch) + (1 - share) * objective(given, theirs)

    return mixed


def layers_of(encoder: torch.nn.Module) -> torch.nn.ModuleList:
    """Give the stack of an encoder's layers: its longest list of modules.

    Raises
    ------
    SettingsError
        If it has none.
    """
    lists = [module for module in encoder.modules() if isinstance(module, torch.nn.ModuleList)]
    if not lists:
        raise SettingsError(
            [f"mixup needs a stack of layers and {type(encoder).__name__} has none; leave mixup out"],
            origin="The terms of the objective",
        )
    return max(lists, key=len)


def _given(logits: torch.Tensor) -> Callable[[Batch], torch.Tensor]:
    """A stand-in for a model that has answered already."""
    return lambda batch: logits


@contextmanager
def _mixed_after(
    layer: torch.nn.Module, mask: torch.Tensor, partners: torch.Tensor, share: float
) -> Iterator[None]:
    def mix(module: torch.nn.Module, inputs: object, found: Any) -> Any:
        hidden = found[0] if isinstance(found, tuple) else found
        kept = torch.where(mask[partners].bool(), share, 1.0).unsqueeze(-1).to(hidden.dtype)
        hidden = kept * hidden + (1 - kept) * hidden[partners]
        return (hidden, *found[1:]) if isinstance(found, tuple) else hidden

    hook = layer.register_forward_hook(mix)
    try:
        yield
    finally:
        hook.remove()
