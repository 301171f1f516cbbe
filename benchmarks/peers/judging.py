"""Whether one side answers the same test rows better than another: intervals, and paired tests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from metier.evaluation.comparison import compare
from metier.evaluation.intervals import bootstrap_interval


def judge(truth: Sequence[str], answers: Mapping[str, Sequence[str]], ours: str) -> dict[str, Any]:
    """Give the accuracy of each side with its 95 % interval, and what ours has more than each other side.

    Parameters
    ----------
    truth : sequence of str
        Labels of the test rows.
    answers : dict of str to sequence of str
        What each side answered; those that failed are missing.
    ours : str
        The side that the others are compared with.

    Returns
    -------
    dict
        `interval_95` of each side, and `over` with `difference`, its interval `low` and `high`, `p_value` (McNemar's
        mid-p) and `verdict`, where "a" is ours.
    """
    codes = {
        label: code
        for code, label in enumerate(sorted({*truth, *(one for some in answers.values() for one in some)}))
    }
    given = {name: np.array([codes[one] for one in some]) for name, some in answers.items()}
    right = np.array([codes[one] for one in truth])
    found: dict[str, Any] = {"interval_95": {}, "over": {}}
    for name, predicted in given.items():
        interval = bootstrap_interval("accuracy", right, predicted)
        found["interval_95"][name] = [round(interval.low, 4), round(interval.high, 4)]
        if ours in given and name != ours:
            found["over"][name] = asdict(compare(right, given[ours], predicted))
    return found
