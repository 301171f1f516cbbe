"""What a linear method says its fit will hold in memory."""

import pytest

from metier.classical import TfidfLinear
from metier.classical.learned_features import BYTES_OF_A_WEIGHT, MOST_WEIGHTS, evenly_taken


def rows(n_rows, n_labels):
    texts = [f"card number {n} was lost at shop {n * 7} on day {n % 31}" for n in range(n_rows)]
    return texts, [f"label {n % n_labels}" for n in range(n_rows)]


def test_weights_grow_with_labels_up_to_what_is_kept_of_them():
    few, many, most = (TfidfLinear().memory_bytes(*rows(3_000, n_labels)) for n_labels in (2, 200, 1_500))
    largest = MOST_WEIGHTS * BYTES_OF_A_WEIGHT
    assert few < many / 5
    assert largest < most < 1.5 * largest


def test_numbers_grow_with_rows():
    small, large = (TfidfLinear().memory_bytes(*rows(n_rows, 2)) for n_rows in (1_000, 8_000))
    assert 4 * small < large < 16 * small


def test_few_rows_are_counted_as_they_are():
    assert 0 < TfidfLinear().memory_bytes(*rows(40, 2)) < 10**8


@pytest.mark.parametrize(("n", "most", "taken"), [(10, 5, [0, 2, 4, 6, 9]), (3, 5, [0, 1, 2])])
def test_samples_are_spread_over_the_rows(n, most, taken):
    assert evenly_taken(range(n), most) == taken
