"""Numbers on axes, and what a new section of the report takes."""

import json
import re
from pathlib import Path

import pytest

from metier.report import page
from metier.report.numbers import Scale, percent, plain, points
from metier.report.plots import Estimate, interval_axis, quality_cost_plot
from metier.report.section import Section
from metier.report.section_table import SECTIONS

ERROR = Scale(is_fraction=False, higher_is_better=False)


def test_an_error_of_nothing_is_0_on_its_axis():
    """Errors are drawn upwards with a minus: at the end of their axis stood -0."""
    estimates = [
        Estimate("a.v1", -0.4, -0.8, -0.0, cost_ms=1.0), Estimate("b.v1", -0.7, -0.9, -0.5, cost_ms=9.0)
    ]  # fmt: skip
    drawn = [
        interval_axis((-1.0, 0.0), written=ERROR),
        quality_cost_plot(estimates, metric="MAE", width=400, height=300, written=ERROR),
    ]
    for picture in drawn:
        ticks = re.findall(r">(-?[\d.]+)<", str(picture))
        assert "0" in ticks
        assert "-0" not in ticks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ERROR.tick(0.0), "0"), (ERROR.tick(-0.4), "0.4"), (ERROR.bare(-0.0001, 2), "0.00"),
        (points(-0.0001), "0.0"), (percent(-0.0001, 0), "0 %"), (ERROR.signed(-0.0), "0"), (plain(-0.0), "0"),
    ],
)  # fmt: skip
def test_nothing_has_no_sign(text, expected):
    assert text == expected


def test_a_section_is_one_function_and_one_row(monkeypatch, report):
    def largest(shown):
        """The candidate that takes most room."""
        one = max(shown.trained, key=lambda each: each["size_bytes"])
        table = {"title": "Sizes", "columns": [("candidate", False)], "rows": [[one["name"]]]}
        return {"finding": f"{one['name']} is the largest.", "tables": [table]}

    monkeypatch.setattr(page, "SECTIONS", (*SECTIONS, Section("sizes", "Sizes", largest)))
    html = page.render_report(report)
    assert '<li><a href="#sizes">Sizes</a></li>' in html
    assert "tfidf_linear.v1 is the largest." in html
    assert html.index('id="made"') < html.index('id="sizes"')


def test_a_section_without_anything_to_show_is_left_out(report):
    assert 'href="#seeds"' not in page.render_report(report)


@pytest.fixture
def report():
    return json.loads((Path(__file__).parent / "small_report.json").read_text("utf-8"))
