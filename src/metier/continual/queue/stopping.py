"""When more labels are not worth their price: how much the model still changes from one round to the next.

Two rounds' models answer the same rows, drawn by chance from all. Their accuracies differ by no more than the share of rows
to which they give other labels. Its upper bound (Clopper and Pearson) holds for all rounds together with the level stated:
the risk of round k is the k (k + 1)-th part of the whole. So the last batch changed accuracy by no more than the bound;
that the next batch of its size changes it by no more is an assumption, which holds where gains grow smaller. It does not
hold in the beginning: a model of twenty rows may answer alike after thirty. So the bound has to be small three rounds in a
row.

Beside it stands the rule of stabilised predictions (Bloodgood and Vijay-Shanker, 2009): kappa of consecutive rounds of at
least .99, three rounds in mean. It states no risk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from metier.evaluation.agreement import cohen_kappa

STABLE_KAPPA = 0.99
ROUNDS = 3  # In a row.
FEWEST = 50  # Rows that both rounds answered.
LEVEL = 0.95


@dataclass(frozen=True)
class Change:
    """How much a model changed with a round.

    Parameters
    ----------
    differing : float
        Share of rows to which it gives another label.
    upper : float
        Bound of that share among all rows, and so of the change in accuracy.
    kappa : float
        Agreement of the two models.
    n_rows : int
        That both answered.
    """

    differing: float
    upper: float
    kappa: float
    n_rows: int


@dataclass(frozen=True)
class Advice:
    """Whether to stop.

    Parameters
    ----------
    stops : bool
    reason : str
        In a sentence.
    change : Change or None
        Of the last round; None: there were not two.
    is_stable : bool or None
        By the rule of stabilised predictions; None: there were too few rounds.
    """

    stops: bool
    reason: str
    change: Change | None = None
    is_stable: bool | None = None


def change_between(before: np.ndarray, after: np.ndarray, *, look: int, level: float = LEVEL) -> Change:
    """Give how much answers to the same rows changed.

    Parameters
    ----------
    before, after : ndarray of shape (n_rows,)
        Labels, or codes of them.
    look : int
        How often was looked, this time included.
    level : float
        Probability with which the bounds of all looks hold together.
    """
    n_rows, differing = len(before), int((before != after).sum())
    risk = (1 - level) / (look * (look + 1))
    upper = 1.0 if differing == n_rows else float(betaincinv(differing + 1, n_rows - differing, 1 - risk))
    _, codes = np.unique(np.concatenate([before, after]), return_inverse=True)
    kappa = cohen_kappa(*np.split(codes, 2), level=None).value if differing else 1.0
    return Change(differing / max(n_rows, 1), upper, kappa, n_rows)


def advise(changes: Sequence[Change], *, margin: float) -> Advice:
    """Say whether to stop.

    Parameters
    ----------
    changes : sequence of Change
        Of all rounds but the first, the oldest first.
    margin : float
        A change of accuracy that is not worth another batch, 0 to 1.
    """
    if not changes:
        return Advice(
            False,
            "Two rounds of a model that learned from the queue are needed to see whether it still changes.",
        )
    last = changes[-1]
    kappas = [one.kappa for one in changes[-ROUNDS:]]
    is_stable = None if len(kappas) < ROUNDS else bool(np.mean(kappas) >= STABLE_KAPPA)
    if last.n_rows < FEWEST:
        reason = f"Only {last.n_rows} rows were answered by the last two models; {FEWEST} are needed to see a change."
        return Advice(False, reason, last, is_stable)
    told = (
        f"The last two models differ on {100 * last.differing:.1f} % of the rows, so the last batch changed accuracy by "
        f"at most {100 * last.upper:.1f} points (95 %)."
    )
    if len(changes) >= ROUNDS and all(one.upper <= margin for one in changes[-ROUNDS:]):
        return Advice(True, f"{told} If the next changes no more, it is not worth its labels.", last, is_stable)
    if last.upper <= margin:
        reason = f"{told} Stop if that is so {ROUNDS} rounds in a row."
        return Advice(False, reason, last, is_stable)
    return Advice(False, f"{told} That is more than {100 * margin:.1f}: go on.", last, is_stable)
