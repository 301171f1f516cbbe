"""From logits to probabilities, with numpy alone: predictors need it, and scipy is slow to import."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits of shape (n_rows, n_classes) into probabilities; each row sums to 1."""
    logits = np.asarray(logits, dtype=np.float64)
    # Shifted by the maximum, so that nothing overflows.
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
