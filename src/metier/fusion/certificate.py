"""The confidence threshold of the cheap method, with a guarantee on the accuracy.

The guarantee: with the given confidence, the cascade is at most `margin` less accurate than the big method
alone. A threshold that merely looked harmless on the rows was measured to lose 1.6 points; rows must rule the
loss out.

Learn then Test [1]_: a sequence of thresholds is declared before any row is seen, from the strictest down.
Each is tested by the exact test of `evaluation.certification`; the first that fails ends the sequence.
Testing in a fixed order costs no confidence, however long the sequence: to certify a bad threshold, the first
bad one would have to pass.

The declared thresholds are even steps of log-odds. Quantiles of the rows' own confidences would cut the rows
more evenly, but they move with the rows that they are tested on, and the guarantee would hold only nearly.

Rows that belong together (`groups`) may all be lost together. How alike they are cannot be known from the few rows that
decide, so the worst is assumed: the exact test counts as many rows as there are groups (of unequal sizes Kish's
effective number [2]_), losses rounded up and wins down.

References
----------
.. [1] Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test: Calibrating predictive algorithms to
   achieve risk control", 2021, arXiv:2110.01052.
.. [2] Kish, "Survey sampling", 1965.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit

from metier.errors import EmptyDataError
from metier.evaluation import net_loss_p_value, net_loss_upper_bound, rows_to_certify
from metier.evaluation.groups import group_codes

# From 999,999 in a million down to less than one in a hundred, and at last everything.
DECLARED_THRESHOLDS = (*expit(np.arange(13.8, -5.0, -0.1)).tolist(), 0.0)
# Whoever keeps less than this costs its own time on every row and saves hardly any of the big method's.
LEAST_KEPT_FRACTION = 0.05
METHOD = "Learn then Test in a fixed sequence of declared thresholds; exact score test of losses against wins"
ASSUMES = (
    "The rows are distributed like those in service, and neither method was trained on them. Settings that "
    "were chosen on these rows make both methods look slightly better here. The guarantee is on accuracy, of the "
    "methods as they were before any refit."
)
ASSUMES_OUT_OF_FOLD = (
    " {rows:,} of the rows are out-of-fold: their answers come from methods trained on fewer rows, "
    "which are taken to lose to one another as the shipped ones do."
)

ASSUMES_GROUPS = " The {rows:,} rows are of {groups:,} groups, and count as {effective:,} rows."

# How sure the cheap method is of each row, which rows it gets right, and which the big one does.
Answered = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class CascadeCertificate:
    """What the rows say about letting the cheap method answer alone.

    Parameters
    ----------
    threshold : float or None
        The cheap method answers when its highest probability is at least this; None: no threshold was
        certified.
    kept_fraction : float
        Share of the rows that it answers, 0 to 1.
    cheap_accuracy, big_accuracy, cascade_accuracy : float
        On these rows.
    losses, wins : int
        Rows that only the big, and only the cheap method gets right, among those the cheap one keeps; where
        nothing is certified, at the first threshold that failed.
    net_loss_upper_bound : float
        The loss in accuracy is at most this, with `confidence`, at that threshold taken alone.
    margin, confidence : float
        The largest accepted loss, and the confidence.
    rows, out_of_fold_rows : int
        Rows used, and how many of them are out-of-fold.
    tests : int
        Thresholds tested.
    method, assumes : str
        How the guarantee came about, and what it takes for granted.
    reason : str
        Why a cascade does not pay here; empty where a threshold is certified.
    effective_rows : int or None
        As how many independent rows the groups of rows count; None where every row is its own.
    """

    threshold: float | None
    kept_fraction: float
    cheap_accuracy: float
    big_accuracy: float
    cascade_accuracy: float
    losses: int
    wins: int
    net_loss_upper_bound: float
    margin: float
    confidence: float
    rows: int
    out_of_fold_rows: int
    tests: int
    method: str
    assumes: str
    reason: str = ""
    effective_rows: int | None = None

    @classmethod
    def without_rows(cls, *, margin: float, confidence: float) -> Self:
        """Give the certificate that nothing can be certified, because no row could be held out."""
        unknown = float("nan")
        counts = {"losses": 0, "wins": 0, "rows": 0, "out_of_fold_rows": 0, "tests": 0}
        return cls(
            threshold=None,
            kept_fraction=0.0,
            cheap_accuracy=unknown,
            big_accuracy=unknown,
            cascade_accuracy=unknown,
            net_loss_upper_bound=1.0,
            margin=margin,
            confidence=confidence,
            method=METHOD,
            assumes=ASSUMES,
            reason=_too_few(0, margin, confidence),
            **counts,
        )


@dataclass(frozen=True)
class _Step:
    """What happens at one threshold."""

    threshold: float
    kept: int
    losses: int
    wins: int


@dataclass(frozen=True)
class _Counted:
    """How much the rows count: `effective` of them are independent."""

    rows: int
    effective: int

    @classmethod
    def of(cls, groups: np.ndarray | None, rows: int) -> Self:
        """Count rows by themselves, or groups by their sizes."""
        if groups is None:
            return cls(rows, rows)
        sizes = np.bincount(groups)
        return cls(rows, max(1, int(sizes.sum() ** 2 / np.square(sizes).sum() + 1e-9)))

    def p_value(self, step: _Step, margin: float) -> float:
        """Give the p-value of a loss of the margin or more."""
        return net_loss_p_value(*self._scaled(step), self.effective, margin=margin)

    def upper_bound(self, step: _Step, confidence: float) -> float:
        """Give the largest loss that the rows do not rule out."""
        return net_loss_upper_bound(*self._scaled(step), self.effective, confidence=confidence)

    def _scaled(self, step: _Step) -> tuple[int, int]:
        share = self.effective / self.rows
        losses = math.ceil(step.losses * share - 1e-9)
        return losses, min(math.floor(step.wins * share + 1e-9), self.effective - losses)


def certify_cascade(
    cheap_probabilities: np.ndarray,
    big_probabilities: np.ndarray,
    truth: np.ndarray,
    *,
    margin: float = 0.005,
    confidence: float = 0.95,
    thresholds: Sequence[float] | None = None,
    out_of_fold: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    groups: np.ndarray | None = None,
) -> CascadeCertificate:
    """Find the lowest threshold that the rows certify.

    Parameters
    ----------
    cheap_probabilities, big_probabilities : ndarray of shape (n_rows, n_classes)
        Answers of both methods to rows that neither was trained on.
    truth : ndarray of int of shape (n_rows,)
    margin : float
        Largest loss in accuracy, as a fraction of the rows.
    confidence : float
        0.5 to 1.
    thresholds : sequence of float, default=None
        Other thresholds than the declared ones. They must be declared without looking at these rows' labels;
        tested from the highest down.
    out_of_fold : (cheap probabilities, big probabilities, truth), default=None
        More rows, each answered by methods that were trained on the other folds.
    groups : ndarray of int of shape (n_rows,), default=None
        Rows that belong together, of all rows, those out-of-fold last; None: every row is its own.
    """
    _check(margin, confidence, thresholds)
    parts = [_compare(cheap_probabilities, big_probabilities, truth)]
    if out_of_fold is not None:
        parts.append(_compare(*out_of_fold))
    sure, cheap_right, big_right = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    declared = DECLARED_THRESHOLDS if thresholds is None else sorted(thresholds, reverse=True)
    counted = _Counted.of(group_codes(groups, len(sure)), len(sure))
    certified, failed, tests = _walk(
        (sure, cheap_right, big_right), declared, counted, margin=margin, confidence=confidence
    )
    shown = certified or failed
    kept = sure >= certified.threshold if certified else np.zeros(len(sure), dtype=bool)
    out_of_fold_rows = len(parts[1][0]) if out_of_fold is not None else 0
    return CascadeCertificate(
        threshold=certified.threshold if certified else None,
        kept_fraction=float(kept.mean()),
        cheap_accuracy=float(cheap_right.mean()),
        big_accuracy=float(big_right.mean()),
        cascade_accuracy=float(np.where(kept, cheap_right, big_right).mean()),
        losses=shown.losses,
        wins=shown.wins,
        net_loss_upper_bound=counted.upper_bound(shown, confidence),
        margin=margin,
        confidence=confidence,
        rows=len(sure),
        out_of_fold_rows=out_of_fold_rows,
        tests=tests,
        method=METHOD,
        assumes=_assumes(out_of_fold_rows, counted, groups),
        reason="" if certified else _why_not(failed, counted, margin, confidence),
        effective_rows=None if counted.effective == len(sure) else counted.effective,
    )


def _assumes(out_of_fold_rows: int, counted: _Counted, groups: np.ndarray | None) -> str:
    said = ASSUMES + (ASSUMES_OUT_OF_FOLD.format(rows=out_of_fold_rows) if out_of_fold_rows else "")
    if groups is None or counted.effective == counted.rows:
        return said
    n_groups = len(np.unique(groups))
    return said + ASSUMES_GROUPS.format(rows=counted.rows, groups=n_groups, effective=counted.effective)


def _walk(
    answered: Answered, thresholds: Sequence[float], counted: _Counted, *, margin: float, confidence: float
) -> tuple[_Step | None, _Step, int]:
    """Test from the strictest threshold down; gives the last worth certifying, the last tested, how many."""
    sure, cheap_right, big_right = answered
    certified = None
    tests = 0
    for threshold in thresholds:
        tests += 1
        kept = sure >= threshold
        losses = int(np.sum(kept & big_right & ~cheap_right))
        wins = int(np.sum(kept & cheap_right & ~big_right))
        step = _Step(float(threshold), int(kept.sum()), losses, wins)
        if counted.p_value(step, margin) > 1 - confidence:
            break
        if step.kept >= LEAST_KEPT_FRACTION * len(sure):
            certified = step
    return certified, step, tests


def _compare(cheap: np.ndarray, big: np.ndarray, truth: np.ndarray) -> Answered:
    """How sure the cheap method is of each row, and which rows each method gets right."""
    cheap, big, truth = np.asarray(cheap), np.asarray(big), np.asarray(truth)
    if cheap.shape != big.shape or len(cheap) != len(truth):
        raise ValueError(
            f"Expected both methods' probabilities for every row, found shapes {cheap.shape} and {big.shape} "
            f"for {len(truth)} true labels. Give answers to the same rows, with the same labels."
        )
    if len(truth) == 0:
        raise EmptyDataError("There are no rows to certify a cascade on. Give validation rows.")
    return cheap.max(axis=1), cheap.argmax(axis=1) == truth, big.argmax(axis=1) == truth


def _why_not(failed: _Step, counted: _Counted, margin: float, confidence: float) -> str:
    rows = counted.rows
    if counted.effective < rows_to_certify(margin, confidence=confidence):
        return _too_few(counted.effective, margin, confidence, grouped=counted.effective < rows)
    if counted.p_value(failed, margin) <= 1 - confidence:
        return (
            f"a cascade does not pay here: at the lowest threshold to be tried, {failed.threshold:g}, the "
            f"cheap method answers {failed.kept:,} of {rows:,} rows"
        )
    return (
        f"a cascade does not pay here: on the {failed.kept:,} of {rows:,} rows with the highest confidence, "
        f"the cheap method loses {failed.losses:,} that the big one has right and wins {failed.wins:,}, "
        f"which does not rule out a loss of more than {100 * margin:g} points"
    )


def _too_few(rows: int, margin: float, confidence: float, *, grouped: bool = False) -> str:
    needed = rows_to_certify(margin, confidence=confidence)
    units = "groups of rows" if grouped else "rows"
    return (
        f"a cascade does not pay here: {rows:,} {units} can never certify a loss of at most {100 * margin:g} "
        f"points; {needed:,} are needed"
    )


def _check(margin: float, confidence: float, thresholds: Sequence[float] | None) -> None:
    if thresholds is not None and len(thresholds) == 0:
        raise ValueError("Expected thresholds to test, found none. Give some, or leave them to the default.")
    if not 0 < margin < 1:
        raise ValueError(f"Expected a margin between 0 and 1, as a fraction of the rows; found {margin}.")
    if not 0.5 <= confidence < 1:
        raise ValueError(f"Expected a confidence from 0.5 to below 1, found {confidence}.")
