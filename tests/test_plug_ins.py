"""Plug-ins are found by their entry points, also those of a folder that comes into the import path later."""

import pytest

from metier.bases.known_base import known_base
from metier.catalogue import capabilities, names
from metier.errors import PlugInError
from metier.evaluation import describe_metric, measure
from metier.fusion.ensemble import check_builder, ensemble_builder
from metier.plug_ins import plug_ins

CODE = """
from metier.classical import Majority
from metier.evaluation.row_statistics import RowMeasure, mean_value
import numpy as np


class Own(Majority):
    name = "own.v1"


def lengths(truth, predicted):
    return np.array([[abs(len(a) - len(b)), 1.0] for a, b in zip(truth, predicted)])


LENGTHS = RowMeasure("length_error", lengths, mean_value, higher_is_better=False, is_fraction=False, title="length error")
"""


def test_a_method_and_a_metric_of_a_plug_in(tmp_path, monkeypatch):
    assert "own.v1" not in names()
    (tmp_path / "own_parts.py").write_text(CODE)
    folder = tmp_path / "own_parts-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: own-parts\nVersion: 1.0\n")
    points = "[metier.methods]\nown.v1 = own_parts:Own\n[metier.metrics]\nlength_error = own_parts:LENGTHS\n"
    (folder / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert plug_ins("metier.methods")["own.v1"] == "own_parts:Own"
    assert names()[-1] == "own.v1"
    assert capabilities("own").is_baseline
    assert describe_metric("length_error") == {
        "title": "length error", "higher_is_better": False, "is_fraction": False,
    }  # fmt: skip
    assert measure("length_error", ["a", "bcd"], ["ab", "b"]) == 1.5


BROKEN = """
from metier.classical import Majority


class NoParts:
    pass


class UntypedCapabilities(Majority):
    capabilities = {"cost": 1}


def builds_nothing(name):
    return None


RAISES = 3
"""
POINTS = """
[metier.methods]
raises.v1 = raises_on_import:Method
exits.v1 = exits_on_import:Method
missing.v1 = needs_what_is_not_there:Method
parts.v1 = broken_parts:NoParts
capable.v1 = broken_parts:UntypedCapabilities
[metier.metrics]
number = broken_parts:RAISES
[metier.bases]
number = broken_parts:RAISES
[metier.ensembles]
nothing.v1 = broken_parts:builds_nothing
raises_too.v1 = raises_on_import:ensemble
"""


@pytest.fixture
def broken(tmp_path, monkeypatch):
    (tmp_path / "broken_parts.py").write_text(BROKEN)
    (tmp_path / "raises_on_import.py").write_text("raise ValueError('on import')")
    (tmp_path / "exits_on_import.py").write_text("raise SystemExit(0)")
    (tmp_path / "needs_what_is_not_there.py").write_text("import not_there_at_all")
    folder = tmp_path / "broken-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize(
    ("load", "name", "fault"),
    [
        (capabilities, "raises.v1", "ValueError: on import"),
        (capabilities, "exits.v1", "SystemExit: 0"),
        (capabilities, "missing.v1", "not_there_at_all"),
        (capabilities, "parts.v1", "NoParts has no fit, predict, export"),
        (capabilities, "capable.v1", "dict has no cost"),
        (capabilities, "raises_too.v1", "ValueError: on import"),
        (describe_metric, "number", "int has no name"),
        (known_base, "number", "int has no name"),
        (
            lambda name: check_builder(name, ensemble_builder(name)),
            "nothing.v1",
            "NoneType has no guarantee, build",
        ),
    ],
)
def test_a_broken_plug_in_is_named_with_what_is_wrong(broken, load, name, fault):
    with pytest.raises(PlugInError, match=fault) as caught:
        load(name)
    assert name in str(caught.value)
    assert "uninstall" in str(caught.value)
    assert "majority.v1" in names()
