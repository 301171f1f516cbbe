"""Sparse vectors times weights: one gather and one product a row."""

from collections.abc import Iterable

import numpy as np


def sparse_products(
    vectors: Iterable[tuple[np.ndarray, np.ndarray]], n_rows: int, weights: np.ndarray
) -> np.ndarray:
    """Give vectors times weights, an ndarray of float64 of shape (n_rows, n_logits).

    Parameters
    ----------
    vectors : iterable of (columns, values)
        One a row: the columns that are not zero, and their values in float64.
    n_rows : int
    weights : ndarray of float32 of shape (n_columns, n_logits)
        One row a column of the vectors, so that a text's rows are gathered in one go.
    """
    products = np.empty((n_rows, weights.shape[1]))
    for row, (columns, values) in enumerate(vectors):
        # float64 values lift the sum to float64: a long text adds up thousands of small numbers.
        products[row] = np.dot(values, weights.take(columns, axis=0))
    return products
