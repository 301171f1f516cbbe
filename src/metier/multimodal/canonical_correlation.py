"""Canonical correlation of two sets of vectors, in closed form: the directions in which pairs agree the most."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from metier.features.projection import Projection

MOST_AXES = 256  # Of the vectors of one side, by their variance; what is left of photographs is mostly noise.


@dataclass(frozen=True)
class Spectrum:
    """The principal axes of some vectors.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
    axes : ndarray of shape (n_features, n_axes)
    variances : ndarray of shape (n_axes,)
        Along each axis, more than 0.
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Self:
        """Learn them from vectors of shape (n_vectors, n_features)."""
        mean = vectors.mean(axis=0, dtype=np.float64)
        centred = vectors - mean
        variances, axes = np.linalg.eigh(centred.T @ centred / len(vectors))
        kept = np.flatnonzero(variances > 1e-6 * max(float(variances[-1]), 1e-12))[::-1][:MOST_AXES]
        return cls(mean, axes[:, kept], variances[kept])

    def whitening(self, penalty: float) -> np.ndarray:
        """Give what makes the variances equal, of shape (n_axes, n_features); the weak ones less by the penalty."""
        whitening: np.ndarray = (self.axes / np.sqrt(self.variances + penalty * self.variances.mean())).T
        return whitening


@dataclass(frozen=True)
class CanonicalCorrelation:
    """Regularised canonical correlation analysis [1]_ of pairs.

    Parameters
    ----------
    one, other : ndarray of shape (n_pairs, n_features)
        The two vectors of each pair.

    References
    ----------
    .. [1] Hotelling, "Relations between two sets of variates", 1936; Vinod, "Canonical ridge and econometrics of joint
       production", 1976. Directions count by their correlation, as in Gong et al., 2014, arXiv:1212.4522.
    """

    one: np.ndarray
    other: np.ndarray

    @cached_property
    def _spectra(self) -> tuple[Spectrum, Spectrum]:
        return Spectrum.of(self.one), Spectrum.of(self.other)

    @cached_property
    def _covariance(self) -> np.ndarray:
        one, other = self._spectra
        covariance: np.ndarray = (self.one - one.mean).T @ (self.other - other.mean) / len(self.one)
        return covariance

    def projections(self, *, size: int, penalty: float) -> Sequence[Projection]:
        """Give the projections of both sides into a space of so many numbers, or of as many as there are.

        Parameters
        ----------
        penalty : float
            Strength of the ridge, in mean variances.
        """
        whitenings = [spectrum.whitening(penalty) for spectrum in self._spectra]
        left, correlations, right = np.linalg.svd(
            whitenings[0] @ self._covariance @ whitenings[1].T, full_matrices=False
        )
        found = []
        for spectrum, whitening, rotation in zip(self._spectra, whitenings, (left.T, right), strict=True):
            weight = correlations[:size, None] * rotation[:size] @ whitening
            found.append(Projection(weight.astype(np.float32), (-weight @ spectrum.mean).astype(np.float32)))
        return found
