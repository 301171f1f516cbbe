"""The average of several methods: each at its own temperature, with weights shrunk towards equal ones.

It is the logarithms of the probabilities that are averaged (a geometric mean, also called a logarithmic
opinion pool). Over 52 sets of members on two data sets it was 0.05 to 0.25 points more accurate on average
than the best mean of the probabilities, its log-loss 1 to 9 % lower, and it came out calibrated where the
mean is underconfident: members at their own temperatures carry evidence, and evidence adds up.

Weights fitted freely on a thousand rows were measured worse than equal ones, and a stacker worse still: the
rows are too few to tell good members apart. But equal weights let one poor member cost a point. So the fit
starts from a prior that weights lie around the equal one, and moves rest as far as the rows' log-loss pays
for it; the more rows, the less the prior counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.model_selection import KFold
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.evaluation import fit_temperature, softmax
from metier.fusion.composition import export_members, exported, shared_labels
from metier.fusion.training import check_rows, fit_methods, probabilities_of, settle, train_members
from metier.predictors.composite.average import LABELS, FittedAverage, log_probabilities, weighted_sum
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.estimators import Classifier
from metier.tasks.inputs import read_any
from metier.tasks.method_contract import Capabilities, CostRank

# Standard deviation of a weight around the equal one, before any row is seen. Between 0.04 and 0.13 accuracy
# was equal to 0.1 points, with and without a poor member; narrower keeps the poor member, wider chases the
# rows.
WEIGHT_SPREAD = 0.07
N_FOLDS = 5
# The members together know nothing: less than this and there are no weights to speak of.
NO_WEIGHT = 1e-6


@dataclass(frozen=True)
class AverageFit:
    """What an average needs to know of its members.

    Parameters
    ----------
    temperatures, weights : tuple of float
        One each a member, in the order they were given; weights sum to 1.
    temperature : float
        Of the average itself: below 1 where members bring evidence that the others lack.
    """

    temperatures: tuple[float, ...]
    weights: tuple[float, ...]
    temperature: float = 1.0

    def pool(self, probabilities: Sequence[np.ndarray]) -> np.ndarray:
        """Average members' probabilities, arrays of shape (n_texts, n_classes), one a member."""
        labels = tuple(map(str, range(np.shape(probabilities)[-1])))
        factors = [weight / own for weight, own in zip(self.weights, self.temperatures, strict=True)]
        logits = weighted_sum(factors, log_probabilities(np.array(probabilities)))
        return LabelDecoder(labels, self.temperature).probabilities(logits)

    def fitted(self, labels: Sequence[str]) -> FittedAverage:
        """Give what is exported, for labels in this order."""
        members = [
            {"temperature": own, "weight": weight}
            for own, weight in zip(self.temperatures, self.weights, strict=True)
        ]
        return FittedAverage(LABELS, members, LabelDecoder(tuple(labels), self.temperature))


def fit_average(
    probabilities: Sequence[np.ndarray], truth: np.ndarray, *, weight_spread: float = WEIGHT_SPREAD
) -> AverageFit:
    """Fit temperatures and weights on rows that no member was trained on.

    Parameters
    ----------
    probabilities : sequence of ndarray of shape (n_rows, n_classes)
        One array a member.
    truth : ndarray of int of shape (n_rows,)
    weight_spread : float
        How far weights lie from the equal one a priori; 0 makes them equal.
    """
    if len(probabilities) == 0:
        raise ValueError("An average needs members, found none. Give the probabilities of at least one.")
    truth = np.asarray(truth, dtype=np.int64)
    logs = [log_probabilities(member) for member in probabilities]
    temperatures = tuple(fit_temperature(log, truth) for log in logs)
    evidence = np.stack([log / own for log, own in zip(logs, temperatures, strict=True)])
    weights = _fit_weights(evidence, truth, weight_spread)
    total = float(weights.sum())
    if total < NO_WEIGHT:
        return AverageFit(temperatures, (1 / len(logs),) * len(logs))
    return AverageFit(temperatures, tuple((weights / total).tolist()), 1 / total)


def cross_fitted(
    probabilities: Sequence[np.ndarray], truth: np.ndarray, *, random_state: int = 0
) -> np.ndarray:
    """Give what the average answers to each row by a fit that did not see it; arguments as of `fit_average`.

    Returns
    -------
    ndarray of float64 of shape (n_rows, n_classes)
    """
    held_out = np.zeros(np.shape(probabilities[0]))
    for known, held in KFold(N_FOLDS, shuffle=True, random_state=random_state).split(held_out):
        fit = fit_average([member[known] for member in probabilities], truth[known])
        held_out[held] = fit.pool([member[held] for member in probabilities])
    return held_out


def _fit_weights(evidence: np.ndarray, truth: np.ndarray, spread: float) -> np.ndarray:
    """Give weights of 0 or more, not summing to 1, that minimise log-loss and distance from one another.

    The log-loss of a logarithmic pool is convex in the weights, and so is the distance: there is one minimum.

    Parameters
    ----------
    evidence : ndarray of shape (n_members, n_rows, n_classes)
        Logarithms of probabilities, each member at its own temperature.
    """
    n_members, n_rows, _ = evidence.shape
    for_truth = evidence[:, np.arange(n_rows), truth]
    # Together they may be surer or less sure than one alone; only differences between them are held back.
    prior = 1 / (2 * max(spread, 1e-4) ** 2 * n_rows)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(weights, evidence, axes=1)
        pooled = softmax(logits)
        apart = weights - weights.mean()
        value = np.mean(logsumexp(logits, axis=1) - weights @ for_truth) + prior * apart @ apart
        slope = np.einsum("nk,mnk->m", pooled, evidence) / n_rows - for_truth.mean(axis=1) + 2 * prior * apart
        return float(value), slope

    start = np.full(n_members, 1 / n_members)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * n_members)
    return np.asarray(found.x)


def export_average(
    fit: AverageFit, member_folders: Sequence[Path], folder: Path, *, name: str, labels: Sequence[str] = ()
) -> None:
    """Put exported members together into a folder that `predictors.composite.average` answers from.

    Parameters
    ----------
    fit : AverageFit
    member_folders : sequence of Path
        Folders that methods were exported to, in the order of the fit.
    folder : Path
        Made if need be.
    name : str
        Versioned name of the method.
    labels : sequence of str, default=()
        The order it answers in; empty: that of the first member.
    """
    fitted = fit.fitted(shared_labels(member_folders, order=labels))
    export_members(member_folders, folder, fitted.whole(name), parts=fitted.members)


class Average(Classifier):
    """Methods averaged: what each gets wrong by chance, the others outvote.

    Gains most where the members differ in kind: words beside embeddings. Costs as much as all of them together;
    `Cascade` gives most of it back.

    Parameters
    ----------
    members : list of methods
        Unfitted; at least one.
    fixed : AverageFit, default=None
        Temperatures and weights; None: fitted on validation.
    random_state : int, default=0
        For what is held out without validation rows; members have their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    members_ : list of fitted methods
    fit_ : AverageFit
        The temperatures and weights in use.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name = "average.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.ENSEMBLE)

    def __init__(
        self,
        *,
        members: Sequence[Any] | None = None,
        fixed: AverageFit | None = None,
        random_state: int = 0,
    ):
        self.members = members
        self.fixed = fixed
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Train the members on X, and fit temperatures and weights on the validation rows.

        Without `validation` a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out to
        fit on; the members are then trained on all rows.
        """
        if not self.members:
            raise ValueError(
                "An average needs members, found none. Give at least one unfitted method as members=[…]."
            )
        random = check_random_state(self.random_state)
        examples, held_rows = check_rows(X, y, validation)
        if self.fixed is not None:
            _check_count(self.fixed, len(self.members))
            self.members_ = fit_methods(self.members, examples, held_rows=held_rows, listener=listener)
            self.fit_ = self.fixed
        else:
            trained = train_members(
                self.members, examples, held_rows=held_rows, random=random, listener=listener
            )
            self.members_ = trained.members
            self.fit_ = _fit_or_equal(trained.answers, trained.truth, len(self.members))
        self.classes_ = examples.labels
        self.chosen_params_ = {"members": [settle(member) for member in self.members_], "fixed": self.fit_}
        return self

    def parts(self) -> Sequence[Any]:
        """Give what it is made of, unfitted."""
        return self.members or ()

    def fitted_parts(self) -> Sequence[Any]:
        """Give the same in the same order, after `fit`."""
        return self.members_

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.average` answers from."""
        check_is_fitted(self)
        with exported(self.members_, beside=folder) as folders:
            labels = [str(label) for label in self.classes_]
            export_average(self.fit_, folders, folder, name=self.name, labels=labels)

    def _read(self, X: Any) -> Sequence[Any]:
        return read_any(X)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        return self.fit_.pool([probabilities_of(one, items, self.classes_) for one in self.members_])


def _fit_or_equal(answers: Sequence[np.ndarray], truth: np.ndarray, n_members: int) -> AverageFit:
    if not answers:  # Every label has one row: nothing could be held out.
        return AverageFit((1.0,) * n_members, (1 / n_members,) * n_members)
    return fit_average(answers, truth)


def _check_count(fit: AverageFit, n_members: int) -> None:
    if len(fit.weights) != n_members:
        raise ValueError(
            f"The fixed fit is for {len(fit.weights)} members, found {n_members}. "
            "Give as many members, or no fit."
        )
