"""Hearing is part of the budget: where it would take all of it, the run says so and stops."""

import time

import pytest

from metier.errors import BudgetError
from metier.selection.budget import Clock
from metier.selection.rows.hearing import _check_pace


def test_hearing_that_takes_more_than_the_budget_is_refused_once_its_pace_is_known():
    clock, begun = Clock(60), time.monotonic() - 20
    _check_pace(clock, time.monotonic(), "rows.csv", 1, 1_000)  # Too early to know.
    _check_pace(clock, begun, "rows.csv", 50, 100)  # 20 s more of 60.
    with pytest.raises(BudgetError, match=r"takes about 200 s .* Give more time with --budget"):
        _check_pace(clock, begun, "rows.csv", 10, 100)
