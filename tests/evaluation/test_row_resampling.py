import itertools

import numpy as np
import pytest

from metier.evaluation.entity_measures import ENTITY_MEASURES
from metier.evaluation.row_resampling import bootstrap_values, gather_rows, swapped_values
from metier.evaluation.row_statistics import RowMeasure, mean_value

MEAN = RowMeasure(
    "mean", lambda truth, predicted: np.column_stack([predicted, np.ones(len(truth))]), mean_value
)


def table(values):
    return np.column_stack([values, np.ones(len(values))])


def test_rows_with_the_same_statistics_form_one_cell():
    first, second = table([1.0, 0, 1, 1]), table([0.0, 0, 1, 0])
    (cells_a, cells_b), rows = gather_rows(first, second)
    assert rows.tolist() == [1, 2, 1]
    np.testing.assert_array_equal(rows @ cells_a, first.sum(axis=0))
    np.testing.assert_array_equal(rows @ cells_b, second.sum(axis=0))


@pytest.mark.parametrize("kinds", [3, 200])
def test_resamples_vary_alike_whether_cells_or_rows_are_drawn(kinds):
    rng = np.random.default_rng(1)
    values = rng.integers(0, kinds, 200).astype(float)
    cells, rows = gather_rows(table(values))
    assert (len(rows) * 8 <= 200) == (kinds == 3)
    [drawn] = bootstrap_values(MEAN, cells, rows, resamples=20_000, rng=rng)
    assert drawn.mean() == pytest.approx(values.mean(), rel=0.01)
    assert drawn.std() == pytest.approx(values.std() / np.sqrt(200), rel=0.03)


def test_tables_are_drawn_together():
    rng = np.random.default_rng(2)
    values = rng.random(50)
    drawn = bootstrap_values(MEAN, *gather_rows(table(values), table(values + 1)), resamples=100, rng=rng)
    np.testing.assert_allclose(drawn[1] - drawn[0], 1)


def test_swaps_are_bernoulli_draws():
    rng = np.random.default_rng(3)
    first, second = rng.random((2, 7)).round(1)
    every = []
    for coins in itertools.product([False, True], repeat=7):
        swap = np.array(coins)
        every.append(np.where(swap, second, first).mean() - np.where(swap, first, second).mean())
    swapped = swapped_values(MEAN, *gather_rows(table(first), table(second)), swaps=20_000, rng=rng)
    differences = swapped[0] - swapped[1]
    np.testing.assert_allclose(
        np.quantile(differences, [0.1, 0.5, 0.9]), np.quantile(every, [0.1, 0.5, 0.9]), atol=0.02
    )
    np.testing.assert_allclose(swapped.sum(axis=0), first.mean() + second.mean())


def test_blocks_of_any_size_give_as_many_values(monkeypatch):
    f1 = ENTITY_MEASURES[0]
    truth = [[[at, at + 2, "A"]] for at in range(30)]
    tables, rows = gather_rows(*f1.paired(truth, truth[::-1], truth[:15] + [[]] * 15))
    whole = bootstrap_values(f1, tables, rows, resamples=11, rng=np.random.default_rng(4))
    monkeypatch.setattr("metier.evaluation.row_resampling.NUMBERS_AT_ONCE", 60)
    blocks = bootstrap_values(f1, tables, rows, resamples=11, rng=np.random.default_rng(4))
    np.testing.assert_allclose(blocks, whole)
    assert swapped_values(f1, tables, rows, swaps=11, rng=np.random.default_rng(4)).shape == (2, 11)
