"""What a fusion is: a module from the numbers of two towers to logits, and how it is learned.

A missing text or image is a token of its own, which is learned. Every module takes the same four inputs: `text` and
`image` of shape (n_rows, size), zeros where there is none, and `has_text` and `has_image` of shape (n_rows, 1), 1 or 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from metier.multimodal.tower_outputs import TowerOutputs
from metier.tasks.answers import Decodable, Decoder
from metier.training.heads.frozen_heads import Rows

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Learned:
    """A fusion that was learned.

    Parameters
    ----------
    module : Module
    chosen : dict
        What validation chose, under the names of the method's settings.
    decoder : Decoder or None
        Where it was chosen together with the rest.
    facts : dict
        For the report.
    """

    module: torch.nn.Module
    chosen: dict[str, Any] = field(default_factory=dict)
    decoder: Decoder | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Learner(Protocol):
    """A way to learn a fusion."""

    @property
    def chooses(self) -> tuple[str, ...]:
        """The settings that validation chooses where they are None."""
        ...

    @property
    def in_detail(self) -> bool:
        """Whether it looks at tokens and regions instead of one vector each."""
        ...

    def learn(self, known: Rows, held: Rows | None, answer: Decodable, given: Mapping[str, Any]) -> Learned:
        """Learn from rows whose features are `TowerOutputs`.

        Parameters
        ----------
        known, held : Rows
            To learn from, and to choose on; without the latter everything is given.
        given : mapping
            The settings of the method; None where a choice is left.
        """
        ...


class Scaled(torch.nn.Module):
    """A fusion whose logits are scaled by what of a row is there: each case is calibrated by itself.

    Parameters
    ----------
    fusion : Module
    scales : tuple of float
        For rows with both, with their text alone, with their image alone.
    """

    def __init__(self, fusion: torch.nn.Module, scales: tuple[float, float, float]):
        super().__init__()
        self.fusion = fusion
        self.register_buffer("scales", torch.tensor(scales, dtype=torch.float32))

    def forward(
        self, text: torch.Tensor, image: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor
    ) -> torch.Tensor:
        """Give the logits, a Tensor of shape (n_rows, n_logits)."""
        scales: Any = self.scales
        logits: torch.Tensor = self.fusion(text, image, has_text, has_image)
        return scale_of(scales, has_text, has_image) * logits


def scale_of(scales: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor) -> torch.Tensor:
    """Give what the logits of each row are multiplied by, a Tensor of shape (n_rows, 1); `scales` as in `Scaled`."""
    there = has_text.amax(dim=1, keepdim=True)
    return there * has_image * scales[0] + there * (1 - has_image) * scales[1] + (1 - there) * scales[2]


def logits_of(module: torch.nn.Module, outputs: TowerOutputs) -> np.ndarray:
    """Give the logits of rows, an ndarray of float64 of shape (n_rows, n_logits)."""
    module.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(outputs), ROWS_AT_ONCE):
            some = outputs[np.arange(start, min(start + ROWS_AT_ONCE, len(outputs)))]
            parts.append(module(*some.tensors()).numpy())
    return np.concatenate(parts).astype(np.float64)
