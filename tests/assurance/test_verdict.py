"""The three verdicts: what passes, what fails, and how many rows would tell."""

import numpy as np
import pytest

from metier.assurance.verdict import CANNOT_TELL, FAIL, PASS, judge
from metier.evaluation.figure import Figure


@pytest.mark.parametrize(
    ("hits", "rows", "sign", "threshold", "outcome"),
    [
        (960, 1000, ">=", 0.92, PASS),
        (900, 1000, ">=", 0.92, FAIL),
        (39, 40, ">=", 0.92, CANNOT_TELL),
        (10, 1000, "<=", 0.05, PASS),
        (80, 1000, "<=", 0.05, FAIL),
        (1, 20, "<=", 0.05, CANNOT_TELL),
    ],
)
def test_a_condition_passes_fails_or_cannot_be_told(hits, rows, sign, threshold, outcome):
    assert judge(Figure.of_share(hits, rows), sign, threshold, level=0.95).outcome == outcome


def test_so_many_more_rows_tell():
    figure = Figure.of_share(190, 200)
    found = judge(figure, ">=", 0.93, level=0.95)
    assert found.outcome == CANNOT_TELL
    for factor, outcome in ((1.1, PASS), (0.7, CANNOT_TELL)):
        rows = round(200 + factor * found.more_rows)
        assert judge(Figure.of_share(round(0.95 * rows), rows), ">=", 0.93, level=0.95).outcome == outcome


def test_what_stands_at_the_threshold_is_told_by_no_number_of_rows():
    assert judge(Figure.of_share(19, 20), ">=", 0.95, level=0.95).more_rows is None


def test_an_interval_of_no_share_narrows_with_the_root_of_the_rows():
    figure = Figure(0.9, 0.8, 1.0, 100, is_share=False)
    found = judge(figure, ">=", 0.85, level=0.95)
    assert found.outcome == CANNOT_TELL
    assert found.more_rows == pytest.approx(300, abs=1)
    assert judge(figure, ">=", 0.85, level=0.5).outcome == PASS


def test_a_figure_without_an_interval_tells_nothing():
    assert judge(Figure(0.9, None, None, 3), ">=", 0.5, level=0.95).outcome == CANNOT_TELL


def test_a_wrong_pass_is_as_rare_as_the_level_says():
    rng = np.random.default_rng(0)
    truth = 0.9
    passed = sum(
        judge(Figure.of_share(int(hits), 300), ">=", truth + 0.001, level=0.95).outcome == PASS
        for hits in rng.binomial(300, truth, 2000)
    )
    assert passed / 2000 <= 0.05


def test_a_figure_survives_json():
    figure = Figure.of_share(3, 7, higher_is_better=False)
    assert Figure.from_dict(figure.as_dict()) == figure
