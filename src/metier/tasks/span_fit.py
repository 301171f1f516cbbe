"""Old place of these names, until the last import of it is gone."""

from collections.abc import Sequence

import numpy as np

from metier.tasks.answers.bio import Span
from metier.tasks.answers.span_fitting import calibrate, choose_bias, fit_calibration
from metier.tasks.answers.spans import SPANS, SpanDecoder, TextLogits
from metier.tasks.examples import Examples

__all__ = ["calibrate", "choose_bias", "fit_calibration", "fit_decoder"]


def fit_decoder(
    logits: Sequence[np.ndarray],
    offsets: Sequence[np.ndarray],
    truth: Sequence[Sequence[Span]],
    labels: Sequence[str],
    *,
    bias: float | None = None,
) -> SpanDecoder:
    """Choose the bias of O, then fit the probabilities of the spans that come out."""
    rows = [TextLogits("", at, some) for some, at in zip(logits, offsets, strict=True)]
    return SPANS.fit_decoder(rows, Examples((), truth, np.array(labels)), outside_bias=bias)
