"""How well the label of a correction fits its question, as a p-value that true corrections have by chance alone.

The reference rows give each label a normal distribution of the frozen features with one covariance for all (linear
discriminant analysis), and so a probability of each label for a question. A correction tends to stand where the model errs,
where even the true label looks unlikely; so it is held against the trusted rows that the model answers wrong, and not
against all: a conformal p-value within a category [1]_. Whatever the features are worth, at most a share p of true
corrections has a p-value of p or less, if they are like those rows.

References
----------
.. [1] Vovk, Lindsay, Nouretdinov and Gammerman, "Mondrian confidence machine", 2003.
"""

from collections.abc import Sequence

import numpy as np

from metier.continual.poisoning.corrections import Corrections, Trusted

SHRINKAGE = 0.1  # Of the covariance to a sphere of the same volume: features are many and rows are few.


class LabelLikelihood:
    """Probabilities of labels given frozen features, by linear discriminant analysis.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
    labels : sequence of str

    Attributes
    ----------
    names : list of str
        Sorted.
    """

    def __init__(self, features: np.ndarray, labels: Sequence[str]):
        self.names = sorted(set(labels))
        place = {name: at for at, name in enumerate(self.names)}
        codes = np.asarray([place[label] for label in labels])
        rows = np.asarray(features, dtype=np.float64)
        means = np.zeros((len(self.names), rows.shape[1]))
        np.add.at(means, codes, rows)
        means /= np.bincount(codes, minlength=len(self.names))[:, None]
        around = rows - means[codes]
        covariance = around.T @ around / len(rows)
        size = covariance.shape[0]
        sphere = max(float(np.trace(covariance)) / size, 1e-12)
        covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * sphere * np.eye(size)
        self._weights = np.linalg.solve(covariance, means.T)
        self._biases = -0.5 * np.sum(means.T * self._weights, axis=0)
        self._place = place

    def log_probabilities(self, features: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Give the logarithm of the probability of one label for each row, of shape (n_rows,)."""
        logits = np.asarray(features, dtype=np.float64) @ self._weights + self._biases
        logits -= logits.max(axis=1, keepdims=True)
        chosen = logits[np.arange(len(logits)), [self._place[label] for label in labels]]
        found: np.ndarray = chosen - np.log(np.exp(logits).sum(axis=1))
        return found


def correction_p_values(corrections: Corrections, trusted: Trusted) -> np.ndarray:
    """Give how few trusted rows that were answered wrong fit their label as badly.

    Returns
    -------
    ndarray of shape (n_corrections,)
        1 for corrections that confirm an answer: they are not judged.
    """
    p_values = np.ones(len(corrections))
    changed = np.flatnonzero(corrections.changed)
    wrong = [row for row, answer in enumerate(trusted.answered) if answer != trusted.labels[row]]
    if not len(changed):
        return p_values
    likelihood = LabelLikelihood(trusted.reference, trusted.reference_labels)
    fits = likelihood.log_probabilities(trusted.features[wrong], [trusted.labels[row] for row in wrong])
    found = likelihood.log_probabilities(
        corrections.features[changed], [corrections.said[row] for row in changed.tolist()]
    )
    as_bad = np.searchsorted(np.sort(fits), found, side="right")
    p_values[changed] = (1 + as_bad) / (1 + len(wrong))
    return p_values


def rows_that_tell(fraction: float) -> int:
    """Give how many trusted rows that are answered wrong it takes for a p-value to be as small as a fraction."""
    return max(0, int(np.ceil(1 / fraction)) - 1)
