"""A linear model a label, each label against all rows without it, and which kind of model does best on held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from metier.classical.linear_model import LinearModel, train_linear
from metier.predictors.label_rule_fitting import fit_rule, micro_f1
from metier.predictors.label_sets import LabelRule
from metier.progress import Listener, Progress

CONSTANT_MARGIN = 1.0  # Of a label that all rows have, or none.


@dataclass(frozen=True)
class LabelSplit:
    """Vectors to train on and vectors to judge by, with the labels of both as bool arrays."""

    matrix: csr_matrix
    truth: np.ndarray
    held_matrix: csr_matrix
    held_truth: np.ndarray


@dataclass(frozen=True)
class LabelTrial:
    """How a model and a C did on the held-out rows of all splits together.

    Parameters
    ----------
    micro_f1 : float
        Of the sets of labels that `rule` makes, which was fitted on the same rows.
    trained : LinearModel
        The model of the last split.
    """

    model: str
    C: float
    micro_f1: float
    rule: LabelRule
    trained: LinearModel

    @property
    def facts(self) -> dict[str, Any]:
        """What is worth keeping of it."""
        return {"model": self.model, "C": self.C, "micro_f1": self.micro_f1}


def train_each(matrix: csr_matrix, truth: np.ndarray, *, model: str, C: float, seed: int) -> LinearModel:
    """Train one model a label; its margin is above 0 where the label is likelier than not.

    Parameters
    ----------
    matrix : csr_matrix of shape (n_rows, n_columns)
    truth : ndarray of bool of shape (n_rows, n_labels)
    """
    weights = np.zeros((matrix.shape[1], truth.shape[1]), dtype=np.float32)
    bias = np.zeros(truth.shape[1])
    for column in range(truth.shape[1]):
        own = truth[:, column].astype(np.int64)
        if own.min() == own.max():
            bias[column] = CONSTANT_MARGIN if own[0] else -CONSTANT_MARGIN
            continue
        trained = train_linear(matrix, own, model=model, C=C, seed=seed)
        weights[:, column] = trained.weights[:, 1] - trained.weights[:, 0]
        bias[column] = trained.bias[1] - trained.bias[0]
    return LinearModel(weights, bias)


def choose_for_labels(
    splits: Sequence[LabelSplit],
    candidates: Sequence[tuple[str, float]],
    *,
    labels: Sequence[str],
    parents: np.ndarray,
    seed: int,
    listener: Listener,
    name: str,
) -> list[LabelTrial]:
    """Try the candidates and give what came of each, the best first by micro-F1."""
    trials: list[LabelTrial] = []
    for model, C in candidates:
        what = f"{name}: trying {model}, C = {C:g}"
        listener(Progress(what, len(trials), len(candidates), unit="candidates"))
        margins, truth, trained = [], [], None
        for split in splits:
            trained = train_each(split.matrix, split.truth, model=model, C=C, seed=seed)
            margins.append(trained.margins(split.held_matrix))
            truth.append(split.held_truth)
        assert trained is not None
        pooled, pooled_truth = np.concatenate(margins), np.concatenate(truth)
        rule = fit_rule(pooled, pooled_truth, labels=labels, parents=parents)
        trials.append(LabelTrial(model, C, micro_f1(rule, pooled, pooled_truth), rule, trained))
    trials.sort(key=lambda trial: -trial.micro_f1)
    facts = {"validation_micro_f1": trials[0].micro_f1}
    listener(Progress(f"{name}: chosen", len(trials), len(candidates), unit="candidates", facts=facts))
    return trials
