"""The bootstrap and the swapping test over rows' statistics.

Rows with the same statistics are exchangeable and form one cell, as in `resampling`: of a thousand rows that
are only right or wrong there remain two cells. What stays is a matrix product of draws and statistics, in
blocks of bounded size.
"""

from collections.abc import Iterator

import numpy as np

from metier.evaluation.row_statistics import RowMeasure

# Numbers held at once in each of a handful of arrays: together about 32 MB, whatever the number of rows.
NUMBERS_AT_ONCE = 500_000
# Drawing cells costs as much a cell as drawing this many rows.
ROWS_A_CELL = 8
# Wide tables are those of hundreds of labels; finding alike rows in them would hold three more copies.
WIDEST_JOINED = 100


def gather_rows(*statistics: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Join rows with the same statistics under every method.

    Parameters
    ----------
    *statistics : ndarray of shape (n_rows, n_statistics)
        One table for each set of answers to the same rows.

    Returns
    -------
    tables : list of ndarray of shape (n_cells, n_statistics)
    rows : ndarray of int of shape (n_cells,)
        How many rows each cell stands for.
    """
    if sum(table.shape[1] for table in statistics) > WIDEST_JOINED:
        return list(statistics), np.ones(len(statistics[0]), dtype=np.int64)
    cells, rows = np.unique(np.concatenate(statistics, axis=1), axis=0, return_counts=True)
    return np.split(cells, len(statistics), axis=1), rows


def bootstrap_figures(
    measure: RowMeasure,
    tables: list[np.ndarray],
    rows: np.ndarray,
    *,
    resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Figures of bootstrap samples of the rows, of shape (n_tables, resamples).

    The tables are drawn together: one column is one sample of rows.
    """
    blocks = [
        np.stack([measure.figures(table, counts) for table in tables]) for counts in _draw(rows, resamples, rng)
    ]
    return np.concatenate(blocks, axis=1)


def swapped_figures(
    measure: RowMeasure,
    tables: list[np.ndarray],
    rows: np.ndarray,
    *,
    swaps: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Figures of two methods after a coin has decided, row by row, whose answer is whose; shape (2, swaps)."""
    first, second = tables
    if measure.on_counts is None:
        gain = second - first
        moved = np.concatenate([swapped @ gain for swapped in _toss(rows, swaps, rng)])
        return np.stack([measure.value(rows @ first + moved), measure.value(rows @ second - moved)])
    # The rows of a cell split into those whose answers stay and those whose answers change sides.
    sides = np.concatenate([first, second]), np.concatenate([second, first])
    blocks = []
    for swapped in _toss(rows, swaps, rng):
        counts = np.concatenate([rows - swapped, swapped], axis=1)
        blocks.append(np.stack([measure.figures(side, counts) for side in sides]))
    return np.concatenate(blocks, axis=1)


def _toss(rows: np.ndarray, swaps: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw how many rows of each cell change sides, in blocks of shape (some, n_cells)."""
    block = max(1, NUMBERS_AT_ONCE // len(rows))
    for start in range(0, swaps, block):
        shape = (min(block, swaps - start), len(rows))
        # One coin a cell is ten times cheaper than a binomial number.
        coins = rng.integers(0, 2, shape, np.int8) if rows.max() == 1 else rng.binomial(rows, 0.5, shape)
        yield coins.astype(np.float64)


def _draw(rows: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw how often each cell comes, in blocks of shape (some, n_cells); each line adds up to all rows."""
    n_rows, n_cells = int(rows.sum()), len(rows)
    few_cells = n_cells * ROWS_A_CELL <= n_rows
    cell_of_row = np.repeat(np.arange(n_cells), rows)
    block = max(1, NUMBERS_AT_ONCE // (n_cells if few_cells else n_rows))
    for start in range(0, resamples, block):
        some = min(block, resamples - start)
        if few_cells:
            yield rng.multinomial(n_rows, rows / n_rows, size=some).astype(np.float64)
        else:
            # The same distribution, drawn row by row: with a cell a row it is several times faster.
            drawn = cell_of_row[rng.integers(n_rows, size=(some, n_rows))]
            drawn += np.arange(some)[:, None] * n_cells
            counts = np.bincount(drawn.ravel(), minlength=some * n_cells)
            yield counts.reshape(some, n_cells).astype(np.float64)
