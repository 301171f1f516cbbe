"""Concatenation: one linear head on both vectors, one after the other.

The head is the same convex fit that the methods of one modality have, so a difference between them is what the other
modality brings. How much the image counts against the text before anything is learned is chosen on held-out rows [1]_:
under one penalty for both, the thousand numbers of an image that tells nothing drown the text.

A missing vector is the mean one, and whether it is missing is an input of its own: for a linear head that is a learnt
token, since all that a token could do to the logits is to add the same to each of them.

.. [1] A penalty of its own for each group of numbers (van de Wiel et al., 2016, arXiv:1411.3496, who estimate by
   empirical Bayes what is chosen on held-out rows here).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from metier.multimodal.fusions.fusion import Learned
from metier.multimodal.modality_dropout import with_dropped
from metier.multimodal.tower_outputs import TowerOutputs
from metier.tasks.answers import Decodable
from metier.training.heads.frozen_heads import FittedHead, FrozenHead, Rows

# Of the image against the text. The walk starts at the fourth, since an image has three times the numbers of a text.
IMAGE_WEIGHTS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
START = IMAGE_WEIGHTS.index(0.3)
LEAST_GAIN = (
    0.01  # Of the loss, that another weight has to bring: the lighter one alone is answered worse for it.
)
N_WALKED = 4  # Of them, usually: to foretell what a fit takes.


class Concatenated(torch.nn.Module):
    """A linear head on a text's vector and an image's.

    Parameters
    ----------
    weight : ndarray of shape (n_logits, text_size + image_size + 2)
        The last two columns count where the text, and the image, is missing.
    bias : ndarray of shape (n_logits,)
    text, image : ndarray of shape (text_size,) and (image_size,)
        What stands for a missing one.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray, text: np.ndarray, image: np.ndarray):
        super().__init__()
        self.head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))
        self.register_buffer("missing_text", torch.from_numpy(text.astype(np.float32)))
        self.register_buffer("missing_image", torch.from_numpy(image.astype(np.float32)))

    def forward(
        self, text: torch.Tensor, image: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor
    ) -> torch.Tensor:
        """Give the logits, a Tensor of shape (n_rows, n_logits)."""
        missing: Any = (self.missing_text, self.missing_image)
        parts = [
            text * has_text + missing[0] * (1 - has_text),
            image * has_image + missing[1] * (1 - has_image),
            1 - has_text,
            1 - has_image,
        ]
        logits: torch.Tensor = self.head(torch.cat(parts, dim=1))
        return logits


@dataclass(frozen=True)
class Concatenation:
    """Learns it by the head of a kind of answers.

    Parameters
    ----------
    head : FrozenHead
    chooses : tuple of str
        The settings that are chosen: that of the head's penalty, and `image_weight`.
    """

    head: FrozenHead
    chooses: tuple[str, ...]
    in_detail: bool = False

    def learn(self, known: Rows, held: Rows | None, answer: Decodable, given: Mapping[str, Any]) -> Learned:
        """Fit the head; see `training.heads.frozen_heads`."""
        features: Any = known.features
        text, image = (_mean(*part) for part in _parts(features))
        learned = with_dropped(known, given["modality_dropout"], random_state=given["random_state"])
        dense, judged = (
            None if rows is None else Rows(_dense(rows.features, text, image), rows.examples)  # type: ignore[arg-type]
            for rows in (learned, held)
        )
        assert dense is not None
        sizes = (len(text), len(image))

        def fit(weight: float) -> FittedHead:
            return self.head.fit(replace(dense, factors=_factors(weight, *sizes)), judged, answer, given)

        weight, fitted = _chosen(fit, judged, answer, given["image_weight"])
        module = Concatenated(fitted.weight, fitted.bias, text, image)
        return Learned(module, {**fitted.chosen, "image_weight": weight}, fitted.decoder, dict(fitted.facts))


def _chosen(
    fit: Callable[[float], FittedHead], judged: Rows | None, answer: Decodable, weight: float | None
) -> tuple[float, FittedHead]:
    """Give the weight of the image, and the head for it: what is given, or the one that is best on held-out rows.

    The walk goes the way the score rises, and ends where it rises no more: the score has one peak.
    """
    if weight is not None or judged is None:
        weight = weight or IMAGE_WEIGHTS[START]
        return weight, fit(weight)

    def scored(weight: float) -> tuple[float, float, FittedHead]:
        head = fit(weight)
        return answer.score(head.logits(judged.features), judged.examples)["score"], weight, head

    best = start = scored(IMAGE_WEIGHTS[START])
    for side in (IMAGE_WEIGHTS[START + 1 :], IMAGE_WEIGHTS[START - 1 :: -1]):
        for candidate in side:
            found = scored(candidate)
            if found[0] <= best[0] + LEAST_GAIN * abs(best[0]):
                break
            best = found
        if best is not start:
            break
    return best[1], best[2]


def _factors(weight: float, n_text: int, n_image: int) -> np.ndarray:
    """Give what the standardised numbers are multiplied by: 1 for the heavier of the two, less for the other."""
    factors = np.ones(n_text + n_image + 2)
    factors[:n_text] = min(1.0, 1 / weight)
    factors[n_text : n_text + n_image] = min(1.0, weight)
    return factors


def _parts(outputs: TowerOutputs) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(outputs.text, outputs.has_text), (outputs.image, outputs.has_image)]


def _mean(vectors: np.ndarray, is_there: np.ndarray) -> np.ndarray:
    """Give the mean of the vectors that are there; zeros where none is."""
    return np.asarray(vectors[is_there].mean(axis=0) if is_there.any() else np.zeros(vectors.shape[1]))


def _dense(outputs: TowerOutputs, text: np.ndarray, image: np.ndarray) -> np.ndarray:
    has_text, has_image = outputs.has_text[:, None], outputs.has_image[:, None]
    return np.concatenate(
        [
            np.where(has_text, outputs.text, text),
            np.where(has_image, outputs.image, image),
            ~has_text,
            ~has_image,
        ],
        axis=1,
    ).astype(np.float32)
