"""Plug-ins are found by their entry points, also those of a folder that comes into the import path later."""

from metier.catalogue import capabilities, names
from metier.evaluation import describe_metric, measure
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
