"""Weights of a linear predictor in a few bytes: one byte a weight with a scale a column, zeros left out.

They are floats again once they are loaded, so an answer costs what it cost before; the file is what becomes small.
"""

from collections.abc import Mapping

import numpy as np

WEIGHTS = "weights"
SCALES, VALUES, COLUMNS, COUNTS = "weights.scales", "weights.values", "weights.columns", "weights.counts"
LARGEST = 127


def packed(weights: np.ndarray, kept: np.ndarray) -> dict[str, np.ndarray]:
    """Give the arrays that keep some of the weights.

    Parameters
    ----------
    weights : ndarray of shape (n_rows, n_columns)
    kept : ndarray of bool of the same shape
        The others are zeros from now on.
    """
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-12) / LARGEST
    rounded = np.round(weights / scales).astype(np.int8)
    kept = kept & (rounded != 0)
    rows, columns = np.nonzero(kept)
    width = np.min_scalar_type(max(weights.shape[1] - 1, 1))
    counts = np.bincount(rows, minlength=len(weights)).astype(np.min_scalar_type(weights.shape[1]))
    arrays = {
        SCALES: scales.astype(np.float32),
        VALUES: rounded[kept],
        COLUMNS: columns.astype(width),
        COUNTS: counts,
    }
    if sum(one.nbytes for one in arrays.values()) < rounded.nbytes:
        return arrays
    return {SCALES: arrays[SCALES], VALUES: np.where(kept, rounded, 0).astype(np.int8)}


def unpacked(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Give the weights of arrays as they were stored, packed or not, of shape (n_rows, n_columns)."""
    if WEIGHTS in arrays:
        return arrays[WEIGHTS]
    scales, values = arrays[SCALES], arrays[VALUES]
    if COLUMNS not in arrays:
        return values.astype(np.float32) * scales
    counts, columns = arrays[COUNTS], arrays[COLUMNS]
    weights = np.zeros((len(counts), len(scales)), dtype=np.float32)
    weights[np.repeat(np.arange(len(counts)), counts), columns] = values * scales[columns]
    return weights
