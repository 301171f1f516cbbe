"""Soft labels, with probabilities: of labelling rules, of several annotators, of a teacher."""

from dataclasses import replace

import numpy as np

from metier.training.batching import TokenisedRows
from metier.training.objectives.composition import parse
from metier.training.objectives.distillation import TaughtRows

# Of a probability that is 0 the logarithm has no end.
SMALLEST_SHARE = 1e-6


def with_soft(rows: TokenisedRows, soft: np.ndarray, *, objective: str | None) -> TokenisedRows:
    """Give rows that are learned by soft labels: as a teacher's where the objective distils, else in the labels' place."""
    if "distillation" not in parse(objective):
        return replace(rows, truth=soft)
    return TaughtRows(
        rows.ids, rows.truth, rows.pad_id, np.log(np.maximum(soft, SMALLEST_SHARE)), shares=rows.shares
    )
