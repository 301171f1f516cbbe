"""Folds of training rows: each row is answered once by a model that did not see it.

Rows are dealt as they are dealt into splits: every stratum in its share, with groups and near duplicates together. Where
rows have a time, the last half of them is answered in blocks, each by what came before it.
"""

from dataclasses import dataclass

import numpy as np

from metier.data.rows import Rows
from metier.data.splitting import StratifiedDealer, units_of
from metier.data.splitting_columns import as_seconds
from metier.data.strata import strata_of


@dataclass(frozen=True)
class Fold:
    """Some rows that are held out, and what is trained on meanwhile.

    Parameters
    ----------
    kept, held : ndarray of int
        Positions of rows.
    """

    kept: np.ndarray
    held: np.ndarray


def folds_of(rows: Rows, n_folds: int, *, random_state: int) -> list[Fold]:
    """Deal rows into folds; a fold that would be empty is left out.

    Parameters
    ----------
    n_folds : int
        At least 2.
    random_state : int
        Equal rows and an equal seed give equal folds.

    Raises
    ------
    MissingLabelError
        If rows have no label, labels, spans or score in its column.
    """
    units = units_of(rows)[0]
    if rows.roles.time is not None:
        folds = _blocks(as_seconds(rows), units.ids, n_folds)
    else:
        _, codes = np.unique(strata_of(rows, n_parts=n_folds).names, return_inverse=True)
        random = np.random.default_rng(random_state)
        shares = np.full(n_folds, 1 / n_folds)
        side = StratifiedDealer(units, codes, np.bincount(codes), shares, random).sides()
        folds = [Fold(np.flatnonzero(side != fold), np.flatnonzero(side == fold)) for fold in range(n_folds)]
    return [fold for fold in folds if len(fold.held) and len(fold.kept)]


def _blocks(seconds: np.ndarray, units: np.ndarray, n_folds: int) -> list[Fold]:
    """Cut the last half in time into blocks; nothing later is trained on, and nothing that belongs to the block."""
    order = np.argsort(seconds, kind="stable")
    later = order[len(order) // 2 :]
    folds = []
    for held in np.array_split(later, n_folds):
        if not len(held):
            continue
        before = seconds < seconds[held].min()
        folds.append(Fold(np.flatnonzero(before & ~np.isin(units, units[held])), np.sort(held)))
    return folds
