"""Parts of the training rows in equal shares of every label: held out to choose on, or a sample that fits."""

from collections.abc import Iterator

import numpy as np

from metier.tasks.examples import Examples

Seed = int | np.random.RandomState

FEW_ROWS = 1_000  # A tenth of fewer rows is too few to choose on, so all of them take their turn.
ALWAYS_TRAINS = -1


def fold_numbers(truth: np.ndarray, *, n_folds: int, random: np.random.RandomState) -> np.ndarray:
    """Deal rows into folds label by label, in random order.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        0 to `n_folds` - 1; -1 for the only row of its label, which a model must see to know the label at all.
    """
    shuffled = random.permutation(len(truth))
    by_label = shuffled[np.argsort(truth[shuffled], kind="stable")]
    folds = np.empty(len(truth), dtype=np.int64)
    folds[by_label] = np.arange(len(truth)) % n_folds
    folds[np.bincount(truth)[truth] == 1] = ALWAYS_TRAINS
    return folds


def held_out(truth: np.ndarray, *, random: np.random.RandomState) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give pairs of positions (training, held out): one with a tenth held out, or five folds of few rows.

    Nothing is given where every label has one row.
    """
    few = len(truth) < FEW_ROWS
    folds = fold_numbers(truth, n_folds=5 if few else 10, random=random)
    for fold in range(5 if few else 1):
        held = folds == fold
        if held.any():
            yield np.flatnonzero(~held), np.flatnonzero(held)


def stratified_sample(truth: np.ndarray, *, fraction: float, random: np.random.RandomState) -> np.ndarray:
    """Give the positions, in order, of a random share of the rows of every label, at least two rows of each."""
    shuffled = random.permutation(len(truth))
    by_label = shuffled[np.argsort(truth[shuffled], kind="stable")]
    rows = np.bincount(truth)
    rank = np.arange(len(truth)) - np.repeat(np.cumsum(rows) - rows, rows)
    wanted = np.maximum(2, np.floor(fraction * rows))
    return np.sort(by_label[rank < wanted[truth[by_label]]])


def stratified_folds(strata: np.ndarray, *, random_state: Seed) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give positions (kept, held out), every stratum in equal shares; see `held_out`.

    Parameters
    ----------
    strata : ndarray of int of shape (n_rows,)
    """
    yield from held_out(strata, random=as_random(random_state))


def as_random(random_state: Seed) -> np.random.RandomState:
    """Give the generator of a seed; a generator is given back as it is."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    return np.random.RandomState(random_state)


def first_split(
    examples: Examples, folds: Iterator[tuple[np.ndarray, np.ndarray]]
) -> tuple[Examples, Examples] | None:
    """Give the examples of the first fold, kept and held out; None where there is no fold."""
    split = next(folds, None)
    return None if split is None else (examples.take(split[0]), examples.take(split[1]))
