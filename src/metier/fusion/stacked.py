"""Stacking (Wolpert, 1992): logistic regression on the logarithms of several candidates' probabilities.

An average gives each member one weight; a stack also learns which member to believe about which label. That takes rows:
with a weight for each member and pair of labels it is fitted only where each label has some rows that no member was
trained on, held towards a small norm, and what it is compared by are answers of fits that did not see the row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from metier.evaluation import fit_temperature, log_loss, softmax
from metier.fusion.candidates import Candidates, HeldOutAnswers, able_members, members_for_average
from metier.fusion.composition import export_members
from metier.fusion.ensemble import Chosen, Ensemble, FunctionRecipe
from metier.predictors.composite.stacked import HEAD_FILE, KIND, evidence_of
from metier.runs.stored_answers import StoredAnswers
from metier.tasks.answers.label import LabelDecoder

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # C of the regression, from much penalty to little.
N_FOLDS = 5
FEWEST_OF_A_LABEL = N_FOLDS  # Rows, so that each fold has one.
MOST_STEPS = 500


@dataclass(frozen=True)
class StackFit:
    """What a stack needs to know.

    Parameters
    ----------
    labels : tuple of str
    weight : list of list of float
        Of shape (n_labels, n_members * n_labels).
    bias : list of float
    temperature : float
    """

    labels: tuple[str, ...]
    weight: list[list[float]]
    bias: list[float]
    temperature: float


def stack_of_labels(name: str) -> Ensemble[StackFit]:
    """Stack members: logistic regression on the logarithms of their probabilities.

    Members are those of an average. It needs five rows of each label that no member was trained on: the validation rows,
    and training rows that were answered out of fold. It is made where it is named; an average, which has one weight a
    member, was measured the better one on a thousand rows.
    """
    return Ensemble(name, FunctionRecipe(_choose, _restored, export_stack))


def fit_stack(
    probabilities: Sequence[np.ndarray], truth: np.ndarray, *, labels: Sequence[str], random_state: int = 0
) -> tuple[StackFit, np.ndarray, float]:
    """Fit the head on rows that no member was trained on.

    Parameters
    ----------
    probabilities : sequence of ndarray of shape (n_rows, n_labels)
        One array a member.
    truth : ndarray of int of shape (n_rows,)
        Each label at least five times.

    Returns
    -------
    StackFit, ndarray of shape (n_rows, n_labels), float
        The fit on all rows; the probabilities of each row by a fit that did not see it; the strength C that these were
        best with, by log-loss.
    """
    evidence, truth = evidence_of(probabilities), np.asarray(truth, dtype=np.int64)
    folds = list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=random_state).split(evidence, truth))
    tried = {C: _cross_fitted(evidence, truth, folds, C) for C in STRENGTHS}
    losses = {C: log_loss(softmax(logits), truth) for C, logits in tried.items()}
    C = min(losses, key=lambda one: losses[one])
    temperature = fit_temperature(tried[C], truth)
    weight, bias = _fit(evidence, truth, C)
    fit = StackFit(tuple(labels), weight.tolist(), bias.tolist(), temperature)
    return fit, softmax(tried[C] / temperature), C


def export_stack(fit: StackFit, folders: Sequence[Path], folder: Path, *, name: str) -> None:
    """Put exported members together into a folder that `predictors.composite.stacked` answers from."""
    decoder = LabelDecoder(fit.labels, fit.temperature)
    settings = {"kind": KIND, "name": name, **decoder.settings()}
    export_members(folders, folder, settings, parts=[{} for _ in folders])
    arrays = {"weight": np.array(fit.weight, np.float32), "bias": np.array(fit.bias, np.float32)}
    save_file(arrays, folder / HEAD_FILE)


def _choose(candidates: Candidates) -> Chosen[StackFit]:
    """Choose members by cost alone, and fit the stack on answers to rows that they did not see."""
    members = members_for_average(able_members(candidates))
    if len(members) < 2:
        return Chosen(why_dropped="a stack needs at least two candidates")
    rows, labels = HeldOutAnswers.of(candidates, members), list(candidates.task.labels)
    place = {label: at for at, label in enumerate(labels)}
    truth = np.array([place[target] for target in rows.targets])
    counts = np.bincount(truth, minlength=len(labels))
    if counts.min() < FEWEST_OF_A_LABEL:
        rarest = labels[int(counts.argmin())]
        return Chosen(
            why_dropped=f"a stack needs {FEWEST_OF_A_LABEL} rows of each label that its members were not trained on: "
            f"{rarest!r} has {counts.min()}"
        )
    fit, held_out, C = fit_stack(
        rows.probabilities, truth, labels=labels, random_state=candidates.settings.random_state
    )
    answers = StoredAnswers([labels[best] for best in held_out.argmax(axis=1)], held_out, [])
    first, more = rows.split(answers)
    return Chosen(members, fit, facts={"C": C, "rows": len(truth)}, answers=first, out_of_fold=more)


def _restored(stored: Mapping[str, Any]) -> StackFit:
    return StackFit(tuple(stored["labels"]), stored["weight"], stored["bias"], stored["temperature"])


def _cross_fitted(
    evidence: np.ndarray, truth: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]], C: float
) -> np.ndarray:
    logits = np.empty((len(truth), int(truth.max()) + 1))
    for known, held in folds:
        weight, bias = _fit(evidence[known], truth[known], C)
        logits[held] = evidence[held] @ weight.T + bias
    return logits


def _fit(evidence: np.ndarray, truth: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
    found = LogisticRegression(C=C, max_iter=MOST_STEPS).fit(evidence, truth)
    weight, bias = found.coef_, found.intercept_
    if len(weight) == 1:  # Two classes share one vector; half of it each way gives the same probabilities.
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight, bias
