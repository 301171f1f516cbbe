import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.training.batching import TokenisedRows, padding_fraction, plan_epoch


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=200),
    token_budget=st.integers(1, 500),
    window=st.integers(1, 64),
    epoch=st.integers(0, 5),
)
@settings(deadline=None, max_examples=60)
def test_every_row_comes_once_an_epoch_and_no_batch_is_over_budget(lengths, token_budget, window, epoch):
    lengths = np.array(lengths)
    plan = plan_epoch(lengths, token_budget=token_budget, epoch=epoch, random_state=3, window=window)
    assert sorted(np.concatenate(plan)) == list(range(len(lengths)))
    for rows in plan:
        assert len(rows) == 1 or len(rows) * lengths[rows].max() <= token_budget


def test_the_plan_depends_on_seed_and_epoch_alone():
    lengths = np.random.default_rng(0).integers(3, 60, 500)

    def plan(epoch, seed):
        return [rows.tolist() for rows in plan_epoch(lengths, token_budget=256, epoch=epoch, random_state=seed)]

    assert plan(2, 7) == plan(2, 7)
    assert plan(2, 7) != plan(3, 7)
    assert plan(2, 7) != plan(2, 8)


def test_batches_hold_rows_of_like_length_but_do_not_come_in_order_of_length():
    lengths = np.random.default_rng(0).geometric(1 / 16, 4_000).clip(3, 100)
    plan = plan_epoch(lengths, token_budget=1024, epoch=0, random_state=0)
    assert padding_fraction(lengths, plan) < 0.1  # Batches of 32 in random order would waste more than half.
    longest = np.array([lengths[rows].max() for rows in plan])
    assert abs(np.corrcoef(np.arange(len(plan)), longest)[0, 1]) < 0.3


def test_padding_is_counted_as_computed_tokens_that_are_no_text():
    lengths = np.array([2, 4, 5])
    assert padding_fraction(lengths, [np.array([0, 1]), np.array([2])]) == pytest.approx(1 - 11 / 13)


def test_a_batch_is_padded_to_its_own_longest_row_with_the_pad_id():
    rows = TokenisedRows([[5, 6], [7, 8, 9], [4]], np.array([1, 0, 2]), pad_id=1)
    batch = rows.batch(np.array([2, 0]))
    assert batch.input_ids.tolist() == [[4, 1], [5, 6]]
    assert batch.mask.tolist() == [[1, 0], [1, 1]]
    assert batch.labels.tolist() == [2, 1]
