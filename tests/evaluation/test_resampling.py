import numpy as np
import pytest

from metier.evaluation.metrics import METRICS
from metier.evaluation.resampling import ON_COUNTS, gather_cells, gather_hits, resampled


def test_every_metric_can_be_resampled():
    assert set(ON_COUNTS) == {*METRICS, "shrunk_macro_f1"}


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_on_counts_equals_the_metric_on_repeated_rows(metric):
    rng = np.random.default_rng(1)
    truth, first, second = rng.integers(0, 6, (3, 40))
    cells = gather_cells(truth, first, second)
    counts = next(cells.resample(25, rng))
    for answer in cells.answers:
        by_rows = [METRICS[metric](np.repeat(cells.truth, draw), np.repeat(answer, draw)) for draw in counts]
        np.testing.assert_allclose(ON_COUNTS[metric](cells.truth, answer, counts), by_rows)


@pytest.mark.parametrize("metric", METRICS)
def test_resampled_values_vary_as_with_resampled_rows(metric):
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 8, 300)
    first = np.where(rng.random(300) < 0.8, truth, rng.integers(0, 8, 300))
    second = np.where(rng.random(300) < 0.7, first, rng.integers(0, 8, 300))
    cells = resampled(metric, truth, first, second, resamples=4000, rng=rng)
    rows = rng.integers(0, 300, (1500, 300))
    by_rows = np.array(
        [[METRICS[metric](truth[row], answer[row]) for row in rows] for answer in (first, second)]
    )
    np.testing.assert_allclose(cells.mean(axis=1), by_rows.mean(axis=1), atol=0.003)
    np.testing.assert_allclose(cells.std(axis=1), by_rows.std(axis=1), rtol=0.08)
    # Pairing is kept: the difference varies as on resampled rows, not as for two independent values.
    assert np.std(cells[0] - cells[1]) == pytest.approx(np.std(by_rows[0] - by_rows[1]), rel=0.08)


def test_hits_are_at_most_four_cells_for_two_methods():
    truth = np.arange(100) % 10
    cells = gather_hits(truth, truth, np.zeros(100, dtype=int))
    assert sorted(cells.rows) == [10, 90]


def test_counts_are_drawn_in_blocks_of_bounded_size(monkeypatch):
    monkeypatch.setattr("metier.evaluation.resampling.COUNTS_AT_ONCE", 50)
    cells = gather_cells(np.arange(20), np.arange(20))
    blocks = list(cells.resample(7, np.random.default_rng(0)))
    assert [len(block) for block in blocks] == [2, 2, 2, 1]
    assert all(np.all(block.sum(axis=1) == 20) for block in blocks)
