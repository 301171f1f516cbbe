"""What a comparison comes to, on answers whose difference is known."""

import numpy as np
import pytest

from metier.assurance.conclusion import conclude
from metier.selection.scores import Scores
from metier.tasks.classification import Classification
from metier.tasks.regression import Regression


def labels_with(n_rows, wrong):
    """Truth, and answers that are wrong in these rows."""
    truth = ["ab"[row % 2] for row in range(n_rows)]
    return truth, [("b" if label == "a" else "a") if row in wrong else label for row, label in enumerate(truth)]


def concluded(n_rows, wrong_a, wrong_b, *, tolerance=0.01):
    truth, a = labels_with(n_rows, set(wrong_a))
    _, b = labels_with(n_rows, set(wrong_b))
    scores = Scores(Classification(("a", "b")), truth)
    found = scores.compare("accuracy", a, b)
    return found, conclude(scores, "accuracy", (a, b), found, tolerance=tolerance)


def test_a_large_difference_is_one_and_says_whose():
    assert concluded(400, range(10), range(60))[1].outcome == "a is better"
    found, one = concluded(400, range(60), range(10))
    assert one.outcome == "b is better"
    assert found.difference == pytest.approx(-50 / 400)
    assert (one.more_rows, one.is_within) == (None, False)


def test_the_same_answers_to_many_rows_are_equivalent_and_to_few_are_not():
    assert concluded(2_000, range(100), range(100))[1].outcome == "equivalent"
    _, few = concluded(60, range(3), range(3))
    assert few.outcome == "cannot tell"
    assert few.more_rows > 0


def test_equivalence_needs_both_sides_of_the_tolerance():
    """A difference that is shown may still be smaller than matters."""
    _, one = concluded(4_000, range(40), range(10, 52))
    assert one.outcome == "equivalent"
    assert -0.01 < one.within_low < one.within_high < 0.01
    found, shown = concluded(4_000, range(0), range(12), tolerance=0.01)
    assert (shown.outcome, shown.is_within) == ("a is better", True)
    assert found.low > 0


def test_as_many_rows_as_it_says_do_tell():
    """The foretold number of further rows of the same kind settles what was open; half of them does not."""
    found, open_one = concluded(300, range(10), range(5, 21))
    assert open_one.outcome == "cannot tell"
    more = open_one.more_rows
    times = (300 + more) / 300

    def again(factor):
        n_rows = round(300 * factor)
        return concluded(n_rows, range(round(10 * factor)), range(round(5 * factor), round(21 * factor)))[1]

    assert 1 < times < 20
    assert again(1.25 * times).outcome != "cannot tell"
    assert again(1 + 0.4 * (times - 1)).outcome == "cannot tell"
    assert found.difference == pytest.approx(6 / 300)


def test_an_error_is_better_where_it_is_lower_and_its_tolerance_is_a_share():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300).tolist()
    near = (np.array(truth) + rng.normal(scale=0.1, size=300)).tolist()
    far = (np.array(truth) + rng.normal(scale=0.5, size=300)).tolist()
    scores = Scores(Regression(), truth)
    one = conclude(scores, "mae", (near, far), scores.compare("mae", near, far), tolerance=0.01)
    assert one.outcome == "a is better"
    assert one.tolerance == pytest.approx(0.01 * scores.measure("mae", far))
