"""What two sides have in common: texts with texts, images with images, and across, under a linear head.

Texts are compared with texts and images with images as pairs of texts are (`features.pair_features.compare`). A text and an
image have no space in common; one is learned by canonical correlation of the texts and images that belong together, which
are those of one side, and of both sides where the label says that they match. The cosine in it is the one number that the
head gets of them. While the head is fitted that cosine comes from a space that was learned without the text, for it would
be near 1 otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from metier.features.projection import Projection
from metier.multimodal.canonical_correlation import CanonicalCorrelation
from metier.multimodal.joint_head import FittedFusion
from metier.multimodal.tower_outputs import TowerOutputs
from metier.tasks.answers import Decodable
from metier.tasks.text_pair import find_match_label
from metier.training.heads.frozen_heads import LABEL_HEAD, Rows

FEWEST_PAIRS = 20  # Of a text and an image that belong together, to learn a space from.
SIZE, PENALTY = 32, 1.0  # Of that space, and of its ridge.
FOLDS = 3


@dataclass(frozen=True)
class PairOutputs:
    """What two towers gave of both sides of some pairs."""

    one: TowerOutputs
    other: TowerOutputs

    def __len__(self) -> int:
        return len(self.one)

    def __getitem__(self, positions: np.ndarray) -> Self:
        """The pairs at these positions, in this order."""
        return type(self)(self.one[positions], self.other[positions])

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Give what the fusion takes: the four inputs of one side, then those of the other."""
        return (*self.one.tensors(), *self.other.tensors())


class PairFusion(torch.nn.Module):
    """From both sides to logits.

    Parameters
    ----------
    weight, bias : ndarray of shape (n_logits, n_features) and (n_logits,)
    text, image : Projection
        Into the space that texts and images have in common.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray, text: Projection, image: Projection):
        super().__init__()
        self.head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))
        self.text, self.image = _linear(text), _linear(image)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Give the logits, a Tensor of shape (n_pairs, n_logits); `inputs` as `PairOutputs.tensors` gives them."""
        text, image, has_text, has_image, text_pair, image_pair, has_text_pair, has_image_pair = inputs
        across = torch.cat(
            [
                _cosine(self.text(text), self.image(image_pair)) * has_text * has_image_pair,
                _cosine(self.text(text_pair), self.image(image)) * has_text_pair * has_image,
            ],
            dim=1,
        )
        logits: torch.Tensor = self.head(torch.cat([compared(*inputs), across], dim=1))
        return logits


def compared(*inputs: torch.Tensor) -> torch.Tensor:
    """Give what texts and images of both sides have in common, and what is there; zeros where one is missing."""
    text, image, has_text, has_image, text_pair, image_pair, has_text_pair, has_image_pair = inputs
    parts = [has_text, has_image, has_text_pair, has_image_pair]
    for one, other, there in (
        (text, text_pair, has_text * has_text_pair),
        (image, image_pair, has_image * has_image_pair),
    ):
        one, other = (torch.nn.functional.normalize(side, dim=1) for side in (one, other))
        product = one * other
        parts += [
            torch.abs(one - other) * there,
            product * there,
            product.sum(dim=1, keepdim=True) * there,
            there,
        ]
    return torch.cat(parts, dim=1)


def fit_pair_fusion(
    known: Rows, held: Rows | None, answer: Decodable, given: Mapping[str, Any]
) -> FittedFusion:
    """Learn the space of texts and images, and fit the head on what the sides of pairs have in common.

    Parameters
    ----------
    known, held : Rows
        Whose features are `PairOutputs`: to learn from, and to choose on.
    given : mapping
        The settings `C`, `temperature` and `random_state`.
    """
    outputs: Any = known.features
    together = Together.of(outputs, _matches(known))
    space = together.space()
    dense = Rows(_dense(outputs, together.cosines_without(outputs)), known.examples)
    judged = None
    if held is not None:
        features: Any = held.features
        judged = Rows(_dense(features, _cosines(features, space, space)), held.examples)
    fitted = LABEL_HEAD.fit(dense, judged, answer, given)
    module: Any = PairFusion(fitted.weight, fitted.bias, *space).eval()
    facts = {**fitted.facts, "texts_with_images": len(together.texts)}
    return FittedFusion(module, fitted.decoder, dict(fitted.chosen), facts)


@dataclass(frozen=True)
class Together:
    """Texts and images that belong together.

    Parameters
    ----------
    texts, images : ndarray of shape (n, size)
    fold : ndarray of int of shape (n,)
        Equal texts are in one.
    """

    texts: np.ndarray
    images: np.ndarray
    fold: np.ndarray

    @classmethod
    def of(cls, outputs: PairOutputs, matches: np.ndarray) -> Self:
        """Gather them: of each side, and across sides that match."""
        one, other = outputs.one, outputs.other
        parts = [
            (side.text[rows], image.image[rows])
            for side, image, rows in (
                (one, one, one.has_both),
                (other, other, other.has_both),
                (one, other, matches & one.has_text & other.has_image),
                (other, one, matches & other.has_text & one.has_image),
            )
        ]
        texts, images = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        return cls(texts, images, fold_of(texts))

    def space(self, *, without: int | None = None) -> tuple[Projection, Projection]:
        """Give the projections of texts and of images; without a fold, or of too few pairs to zeros."""
        kept = np.ones(len(self.texts), dtype=bool) if without is None else self.fold != without
        if kept.sum() < FEWEST_PAIRS:
            sizes = self.texts.shape[1], self.images.shape[1]
            text, image = (
                Projection(np.zeros((1, size), np.float32), np.zeros(1, np.float32)) for size in sizes
            )
            return text, image
        found = CanonicalCorrelation(self.texts[kept], self.images[kept])
        text, image = found.projections(size=SIZE, penalty=PENALTY)
        return text, image

    def cosines_without(self, outputs: PairOutputs) -> np.ndarray:
        """Give the cosines across sides, each in a space that was learned without its text; shape (n_pairs, 2)."""
        spaces = [self.space(without=fold) for fold in range(FOLDS)]
        by_fold = np.stack([_cosines(outputs, space, space) for space in spaces])
        rows = np.arange(len(outputs))
        return np.stack(
            [
                by_fold[fold_of(outputs.one.text), rows, 0],
                by_fold[fold_of(outputs.other.text), rows, 1],
            ],
            axis=1,
        )


def fold_of(texts: np.ndarray) -> np.ndarray:
    """Give the fold of each text by its vector, so that equal texts are in one; int of shape (n_texts,)."""
    return np.array([sum(one.astype(np.float16).tobytes()) % FOLDS for one in texts], dtype=np.int64)


def _matches(rows: Rows) -> np.ndarray:
    """Give which pairs are known to match."""
    labels = [str(label) for label in rows.examples.labels]
    match = find_match_label(labels)
    return np.asarray(rows.examples.truth == (-1 if match is None else labels.index(match)))


def _cosines(outputs: PairOutputs, one: Sequence[Projection], other: Sequence[Projection]) -> np.ndarray:
    first, second = outputs.one, outputs.other
    there = [first.has_text & second.has_image, second.has_text & first.has_image]
    pairs = [(one[0](first.text), one[1](second.image)), (other[0](second.text), other[1](first.image))]
    found = [
        _cosine(*map(torch.from_numpy, map(_as_float, pair))).numpy()[:, 0] * where
        for pair, where in zip(pairs, there, strict=True)
    ]
    return np.stack(found, axis=1)


def _as_float(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, dtype=np.float32)


def _dense(outputs: PairOutputs, across: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return np.concatenate([compared(*outputs.tensors()).numpy(), across.astype(np.float32)], axis=1)


def _linear(projection: Projection) -> torch.nn.Linear:
    module = torch.nn.Linear(projection.weight.shape[1], projection.weight.shape[0])
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(_as_float(projection.weight)))
        module.bias.copy_(torch.from_numpy(_as_float(projection.bias)))
    return module


def _cosine(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    sides = (torch.nn.functional.normalize(side, dim=1) for side in (one, other))
    product: torch.Tensor = next(sides) * next(sides)
    return product.sum(dim=1, keepdim=True)
