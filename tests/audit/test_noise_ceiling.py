import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from metier.audit import examine
from metier.audit.noise_ceiling import agreement_of, highest_accuracy
from metier.data import read
from metier.report.words import Words


def labelled_twice(right, n_labels, n_rows=2_000, seed=0):
    """Rows that two people labelled who are each right so often, and err evenly."""
    random = np.random.default_rng(seed)
    truth = random.integers(n_labels, size=n_rows)

    def labels():
        errs = random.random(n_rows) > right
        return np.where(errs, (truth + random.integers(1, n_labels, size=n_rows)) % n_labels, truth)

    return labels(), labels()


@pytest.mark.parametrize(("right", "n_labels"), [(0.9, 2), (0.8, 5), (0.95, 40)])
def test_the_ceiling_is_how_often_labellers_are_right(right, n_labels):
    first, second = labelled_twice(right, n_labels, n_rows=40_000)
    agreement, _ = agreement_of(first, second)
    assert highest_accuracy(agreement, n_labels) == pytest.approx(right, abs=0.01)


def test_kappa_is_that_of_scikit_learn():
    first, second = labelled_twice(0.8, 4)
    assert agreement_of(first, second)[1] == pytest.approx(cohen_kappa_score(first, second))


def test_a_column_of_a_second_labeller_is_found_with_the_rows_to_decide():
    first, second = labelled_twice(0.9, 3, n_rows=200)
    rows = [
        {"text": f"text number {n}", "label": f"标签{a}", "second": f"标签{b}", "source": "web"}
        for n, (a, b) in enumerate(zip(first, second, strict=True))
    ]
    found = {f.check: f for f in examine(read(rows, label="label")).findings}["noise-ceiling"]
    assert found.rows == tuple(np.flatnonzero(first != second).tolist())
    assert found.facts["column"] == "second"
    low, high = found.facts["ceiling_interval"]
    assert low < 0.9 < high
    assert Words("zh").told(found.sentence) != found.sentence


@pytest.mark.parametrize("kind", ["equal", "unrelated", "few", "other values"])
def test_other_columns_are_no_second_labellers(kind):
    random = np.random.default_rng(1)
    first, second = labelled_twice(0.9, 3, n_rows=10 if kind == "few" else 300)
    second = {"equal": first, "unrelated": random.permutation(second)}.get(kind, second)
    prefix = "z" if kind == "other values" else "l"
    rows = [
        {"text": f"text number {n}", "label": f"l{a}", "second": f"{prefix}{b}"}
        for n, (a, b) in enumerate(zip(first, second, strict=True))
    ]
    assert "noise-ceiling" not in {f.check for f in examine(read(rows, label="label")).findings}


def test_agreement_of_guessing_allows_guessing():
    assert highest_accuracy(0.2, 2) == 0.5
    assert highest_accuracy(1.0, 2) == 1.0
