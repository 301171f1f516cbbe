"""Comparison of two vectors: the input of a pair head, the same in training and prediction.

It is symmetric in the two texts, and so are the answers.
"""

import numpy as np

COMPARISONS = ("cosine", "difference")


def compare(one: np.ndarray, other: np.ndarray, comparison: str) -> np.ndarray:
    """Compare pairs of vectors.

    Parameters
    ----------
    one, other : ndarray of shape (n_pairs, size)
        Vectors of length 1.
    comparison : {"cosine", "difference"}
        `cosine` alone, or absolute difference and product, the last two terms of InferSent (Conneau et al., 2017,
        arXiv:1705.02364), and the cosine.

    Returns
    -------
    ndarray of float32 of shape (n_pairs, 1) or (n_pairs, 2 * size + 1)
    """
    product = one * other
    cosine = product.sum(axis=1, keepdims=True)
    numbers = cosine if comparison == "cosine" else np.hstack([np.abs(one - other), product, cosine])
    return np.asarray(numbers, dtype=np.float32)


def of_length_one(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors of shape (n_texts, size) to length 1; zero vectors are unchanged."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled
