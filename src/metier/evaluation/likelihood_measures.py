"""How likely texts are under a model: bits for each character, which models of different tokens can be compared in."""

from collections.abc import Sequence

import numpy as np

from metier.evaluation.row_statistics import RowMeasure, divide


def _bits(truth: Sequence[str], predicted: Sequence[float]) -> np.ndarray:
    """Give the bits and the characters of each text, from the bits for each of its characters."""
    characters = np.array([max(1, len(text)) for text in truth], dtype=np.float64)
    return np.stack([np.asarray(predicted, dtype=np.float64) * characters, characters], axis=1).reshape(-1, 2)


BITS_PER_CHARACTER = RowMeasure(
    "bits_per_character",
    _bits,
    lambda sums: divide(sums[..., 0], sums[..., 1]),
    higher_is_better=False,
    is_fraction=False,
)
LIKELIHOOD_MEASURES = (BITS_PER_CHARACTER,)
