"""How two vectors are compared: the numbers a head of pairs is given, the same in training and in answering.

Every number is the same for (a, b) and (b, a), and so is every answer made of them.
"""

import numpy as np

COMPARISONS = ("cosine", "difference")


def compare(one: np.ndarray, other: np.ndarray, comparison: str) -> np.ndarray:
    """Give the numbers of pairs of vectors.

    Parameters
    ----------
    one, other : ndarray of shape (n_pairs, size)
        Vectors of length 1.
    comparison : {"cosine", "difference"}
        `cosine` alone, or the size of the difference, the product and the cosine: the last two terms of
        InferSent's and the agreement of the whole (Conneau et al., 2017, arXiv:1705.02364).

    Returns
    -------
    ndarray of float32 of shape (n_pairs, 1) or (n_pairs, 2 * size + 1)
    """
    product = one * other
    cosine = product.sum(axis=1, keepdims=True)
    numbers = cosine if comparison == "cosine" else np.hstack([np.abs(one - other), product, cosine])
    return np.asarray(numbers, dtype=np.float32)


def of_length_one(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors of shape (n_texts, size) to length 1; one of length 0 stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled
