"""Calibration by what of a row is there: a model that lost a modality knows less, and should sound like it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from metier.evaluation.calibration import fit_temperature
from metier.multimodal.fusions.fusion import logits_of
from metier.multimodal.tower_outputs import IMAGE, TEXT
from metier.tasks.answers import Decodable
from metier.training.heads.frozen_heads import Rows

Scales = Mapping[str, float]
UNFITTED: Scales = {TEXT: 1.0, IMAGE: 1.0}


def fit_scales(
    answered: Callable[[str], tuple[np.ndarray, np.ndarray]], answer: Decodable, decoder: Any
) -> dict[str, float]:
    """Give what logits are multiplied by where a row has its text alone, and its image alone.

    Every held-out row that has a modality is answered with that modality alone, and the temperature of these answers is
    fitted beside the decoder's, which is that of all held-out rows as they are. Only probabilities of one label have
    a temperature; for others the scales are 1.

    Parameters
    ----------
    answered : callable
        From `text` or `image` to the logits of the held-out rows that have it, shown without the other, of shape
        (n_rows, n_logits), and the truth of these rows.
    """
    if not answer.is_one_label:
        return dict(UNFITTED)
    found = dict(UNFITTED)
    for case in (TEXT, IMAGE):
        logits, truth = answered(case)
        if len(truth):
            found[case] = 1.0 / fit_temperature(logits / decoder.temperature, truth)
    return found


def without_the_other(module: torch.nn.Module, held: Rows) -> Callable[[str], tuple[np.ndarray, np.ndarray]]:
    """Give how a fusion answers held-out rows of what two frozen towers gave; see `fit_scales`."""
    outputs: Any = held.features
    there = {TEXT: outputs.has_text, IMAGE: outputs.has_image}

    def answered(case: str) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(there[case])
        shown = outputs[rows].showing(case)
        logits = logits_of(module, shown) if len(rows) else np.zeros((0, 1))
        return logits, held.examples.truth[rows]

    return answered
