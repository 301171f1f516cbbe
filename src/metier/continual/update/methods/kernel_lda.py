"""Streaming discriminant analysis in the space of a Gaussian kernel: `kernel_lda.v1`."""

from typing import ClassVar

from metier.continual.update.methods.method import Lesson
from metier.continual.update.methods.streaming_lda import StreamingLda
from metier.features.random_maps import FeatureMap, FourierMap

FOURIER_COLUMNS = 2_000  # 16 MB of sums in a bundle.
WIDTH = 1.0


class KernelLda(StreamingLda):
    """`StreamingLda` on random Fourier features of the frozen features, as KLDA [1]_ does.

    Needs no old rows, as its neighbour, with ten times the arithmetic. The kernel's width is the median distance of the
    first rows; there it is tuned for each encoder.

    References
    ----------
    .. [1] Momeni, Mazumder and Liu, "Continual learning using a kernel-based method over foundation models", 2025,
       arXiv:2412.15571.
    """

    name: ClassVar[str] = "kernel_lda.v1"

    def _drawn(self, rows: Lesson) -> FeatureMap:
        return FourierMap.drawn(
            rows.features, n_columns=FOURIER_COLUMNS, width=WIDTH, random_state=self.random_state
        )
