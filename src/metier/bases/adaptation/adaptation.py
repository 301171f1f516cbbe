"""What an adaptation is, and what it leaves in the encoder.

Every adaptation works in place: the encoder stays the same object, so heads, objectives and exports do not know about
it. What trains is what requires a gradient afterwards.
"""

import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol, Self

import torch

from metier.bases.adaptation.naming import KINDS, AdaptationName
from metier.errors import SettingsError


class StepHook(Protocol):
    """Something to be done after each step of the optimizer, while the gradients are still there."""

    def after_step(self, step: int) -> None:
        """Called with the number of steps that are done."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """Give what a checkpoint has to keep."""
        ...

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Put back what `state` gave."""
        ...


class Adapted:
    """An encoder in which an adaptation stands, ready to train.

    Parameters
    ----------
    encoder : PreTrainedModel
    """

    hook: StepHook | None = None

    def __init__(self, encoder: Any):
        self.encoder = encoder

    def penalty(self) -> torch.Tensor | None:
        """What the loss has to hold besides the objective; None for most."""
        return None

    def merge(self) -> None:
        """Work what was learned into the encoder's own weights, where that is possible; nothing is frozen after."""
        unfreeze(self.encoder)


class Adaptation:
    """A way to adapt an encoder.

    A special case freezes and inserts in `apply`.

    Parameters
    ----------
    name : AdaptationName

    Attributes
    ----------
    is_mergeable : bool
        Whether the encoder is a plain one afterwards. What is not stays in the encoder, and in what is exported.
    rate_factor, head_factor : float
        How much faster than in full fine-tuning the encoder's weights and the head learn. Taken from the ranges of the
        papers, as each class says; docs/adaptations.md has what they reach.
    """

    is_mergeable: ClassVar[bool] = True
    rate_factor: ClassVar[float] = 1.0
    head_factor: ClassVar[float] = 1.0

    def __init__(self, name: AdaptationName):
        self.name = name
        self.lowest = 0  # Layers below this one, counted from 0, stay as they came.

    def above(self, n_layers: int) -> Self:
        """Let so many layers, from the lowest, stay as they came; for what is put into layers, or trains them."""
        self.lowest = n_layers
        return self

    @property
    def size(self) -> int:
        """The number of the name."""
        assert self.name.size is not None
        return self.name.size

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Freeze what does not train and insert what does.

        Parameters
        ----------
        encoder : PreTrainedModel
            Changed in place.
        n_steps : int
            Steps of the optimizer that are planned.

        Raises
        ------
        SettingsError
            If the encoder has no place for it.
        """
        raise NotImplementedError

    def n_frozen_layers(self, encoder: Any) -> int:
        """Lowest layers whose answers do not change while this trains; 0 if the embeddings' do."""
        return self.lowest


def freeze(module: torch.nn.Module) -> None:
    """Let no weight of a module train."""
    for weight in module.parameters():
        weight.requires_grad_(False)


def unfreeze(module: torch.nn.Module) -> None:
    """Let every weight of a module train."""
    for weight in module.parameters():
        weight.requires_grad_(True)


def disable_dropout(module: torch.nn.Module) -> None:
    """Switch the dropout of a module off: what does not learn needs none, and what is kept must not change."""
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0


def has_no_place(name: AdaptationName, encoder: Any, needed: str, instead: str) -> SettingsError:
    """Give the refusal of a base that cannot take an adaptation."""
    kind = getattr(getattr(encoder, "config", None), "model_type", None) or type(encoder).__name__
    return SettingsError(
        [f"a base of type {kind!r} cannot be adapted with {name}: {needed}. Use {instead!r}"],
        origin="The adaptation",
    )


@contextmanager
def seeded(random_state: int) -> Iterator[None]:
    """Start chance here, and leave that of others where it was."""
    before = torch.get_rng_state()
    torch.manual_seed(random_state)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def load_adaptation(name: AdaptationName) -> Adaptation:
    """Give the adaptation of a name; its file, and what it builds on, are imported now and not before."""
    adaptation: type[Adaptation] = pkgutil.resolve_name(KINDS[name.kind].place)
    return adaptation(name)
