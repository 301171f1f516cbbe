"""Kappa and alpha on examples that were published with their values."""

import numpy as np
import pytest

from metier.evaluation.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha

# Fleiss (1971), table 1, as Wikipedia gives it: 10 rows, 14 labellers, 5 labels; kappa .210.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
# Krippendorff (2011), section D: four observers, twelve units, missing values; alpha .743 for nominal data.
KRIPPENDORFF = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""


def test_fleiss_as_published():
    found = fleiss_kappa(np.array(FLEISS))
    assert found.value == pytest.approx(0.210, abs=0.0005)
    assert found.low < 0.210 < found.high


def test_krippendorff_as_published():
    rows = [line.split() for line in KRIPPENDORFF.strip().splitlines()]
    counts = np.array(
        [[column.count(str(label)) for label in range(1, 6)] for column in zip(*rows, strict=True)]
    )
    found = krippendorff_alpha(counts)
    assert found.value == pytest.approx(0.743, abs=0.0005)
    assert found.n_rows == 11


def test_cohen_is_that_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    one = rng.integers(0, 4, 200)
    other = np.where(rng.random(200) < 0.6, one, rng.integers(0, 4, 200))
    found = cohen_kappa(one, other)
    assert found.value == pytest.approx(cohen_kappa_score(one, other))
    assert cohen_kappa(one, other, level=None).low == found.value


def test_alpha_of_two_is_nearly_the_kappa_of_scott_and_one_where_all_agree():
    one = np.array([0, 0, 1, 1, 2, 2, 0, 1])
    assert krippendorff_alpha(2 * np.eye(3, dtype=int)[one]).value == 1.0


def test_where_only_one_label_was_given_nothing_can_be_told():
    found = krippendorff_alpha(np.array([[2, 0], [3, 0]]))
    assert np.isnan([found.value, found.low, found.high]).all()
    assert np.isnan(cohen_kappa(np.zeros(5, int), np.zeros(5, int)).value)


def test_intervals_hold_the_value_as_often_as_they_say():
    rng, hits = np.random.default_rng(1), 0
    labels, noise = 3, 0.4
    # Kappa of two who each answer by chance in 40 % of rows, else the same: (1 - noise)^2 for equal shares.
    for seed in range(200):
        truth = rng.integers(0, labels, 150)
        one, other = (np.where(rng.random(150) < noise, rng.integers(0, labels, 150), truth) for _ in range(2))
        found = cohen_kappa(one, other, random_state=seed)
        hits += found.low <= (1 - noise) ** 2 <= found.high
    assert 178 <= hits <= 199


def test_words_of_one_text_are_drawn_together():
    counts = np.repeat([[2, 0], [1, 1], [0, 2], [1, 1]], 30, axis=0)
    apart = krippendorff_alpha(counts)
    together = krippendorff_alpha(counts, groups=np.repeat(np.arange(4), 30))
    assert together.value == pytest.approx(apart.value)
    assert together.n_rows == 4
    assert together.high - together.low > apart.high - apart.low


def test_rows_of_different_numbers_have_no_fleiss():
    with pytest.raises(ValueError, match="as many labels of each row"):
        fleiss_kappa(np.array([[2, 0], [1, 2]]))
