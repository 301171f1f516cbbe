from types import SimpleNamespace

import pytest

from metier.errors import SettingsError
from metier.tasks.setting_ranges import check_ranges


def method(**settings):
    return SimpleNamespace(name="some.v1", **settings)


def check(one, more=()):
    check_ranges(one, choices={"model": ("svc", "logistic")}, above_zero=("C",), counts=("most",), more=more)


def test_what_is_in_range_or_left_open_passes():
    check(method(model=None, C=None, most=1))
    check(method(model="svc", C=0.1, most=5))


def test_all_faults_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        check(method(model="tree", C=0.0, most=0), more=["order is empty"])
    said = str(caught.value)
    assert "The settings of some.v1" in said
    assert "model is 'tree', expected None or one of svc, logistic" in said
    assert "C is 0.0, expected None or a number above 0" in said
    assert "most is 0, expected a number above 0" in said
    assert "order is empty" in said


def test_no_number_is_above_nothing():
    with pytest.raises(SettingsError, match="C is nan"):
        check(method(model=None, C=float("nan"), most=1))
