"""The label whose mean is nearest: `nearest_mean.v1`."""

from typing import ClassVar

import numpy as np

from metier.continual.update.methods.streaming_lda import StreamingLda
from metier.continual.update.softmax_regression import Head
from metier.features.random_maps import FeatureMap


class NearestMean(StreamingLda):
    """A mean a label, distances in units of the spread of each feature [1]_: discriminants without correlations.

    Needs no old rows, and keeps a few thousand numbers. `StreamingLda` is nearly always better and needs some rows more.

    References
    ----------
    .. [1] Mensink et al., "Distance-based image classification: generalizing to new classes at near-zero cost", 2013.
    """

    name: ClassVar[str] = "nearest_mean.v1"
    is_diagonal: ClassVar[bool] = True

    def head(self) -> tuple[FeatureMap, Head]:
        """Give the distances as linear functions."""
        spread, means = self.statistics_.covariance(), self.statistics_.means
        scale = spread + self.shrinkage * (float(spread.mean()) or 1.0)
        weight = (means / scale).T
        return self.map_, self._closed(Head(weight, -0.5 * np.einsum("dl,ld->l", weight, means)))
