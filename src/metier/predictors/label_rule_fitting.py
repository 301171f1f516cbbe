"""The rule that makes sets of labels of margins, fitted on rows that were not trained on.

Apart from `label_sets` because it needs scipy, which answering does without.
"""

from collections.abc import Sequence

import numpy as np

from metier.evaluation.sigmoids import fit_sigmoids
from metier.predictors.label_sets import LabelRule
from metier.tasks.label_thresholds import tune_thresholds


def fit_rule(
    margins: np.ndarray, truth: np.ndarray, *, labels: Sequence[str], parents: np.ndarray
) -> LabelRule:
    """Fit on held-out rows what turns margins into probabilities, and these into sets of labels."""
    slopes, offsets = fit_sigmoids(margins, truth)
    open_rule = LabelRule(tuple(labels), slopes, offsets, np.zeros(len(slopes)))
    thresholds = tune_thresholds(open_rule.probabilities(margins), truth, parents=parents)
    return LabelRule(tuple(labels), slopes, offsets, thresholds)


def micro_f1(rule: LabelRule, margins: np.ndarray, truth: np.ndarray) -> float:
    """F1 over all rows and labels together, 0 to 1, of the sets that a rule makes of margins."""
    answered = rule.probabilities(margins) >= rule.thresholds
    found = int((answered & truth).sum())
    both = int(answered.sum() + truth.sum())
    return 2 * found / both if both else 1.0
