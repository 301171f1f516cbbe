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


def test_the_calibration_error_stands_beside_what_chance_alone_would_show(report):
    assert "perfectly calibrated" not in page.render_report(
        report | {"detail": without(report["detail"], BY_CHANCE)}
    )
    report["detail"] |= {"calibration_error": 0.046, BY_CHANCE: 0.031}
    text = re.sub(r"\s+", " ", page.render_report(report))
    assert (
        "the expected calibration error is 4.6 points. A perfectly calibrated model would show 3.1 points"
        in text
    )


def test_the_accuracy_of_what_is_answered_when_confident_has_its_curve_and_table(report):
    html = page.render_report(report)
    section = html[html.index('aria-labelledby="coverage"') : html.index('aria-labelledby="mistakes"')]
    assert "It answers all 240 rows with 98.8 % right." in section
    assert 'class="plot medium"' in section
    shares = [
        float(share)
        for share in re.findall(r'class="figure"><bdi>(\d+)</bdi></td><td class="figure"><bdi>\d+\.', section)
    ]
    assert shares[0] == 100
    assert shares == sorted(shares, reverse=True)


def test_the_share_of_each_label_in_each_split_is_shown(report):
    html = page.render_report(report)
    section = html[html.index('aria-labelledby="distribution"') :]
    counts = report["data"]["label_counts_by_split"]
    for label, rows in counts["train"].items():
        assert re.search(
            rf"{label.replace('_', '_<wbr>')}</bdi></td><td class=\"figure\"><bdi>{rows}</bdi>", section
        )
    assert "The shares of test and train differ most for" in section


def test_the_weakest_parts_say_how_their_intervals_were_widened(report):
    html = page.render_report(report)
    section = html[html.index('aria-labelledby="slices"') : html.index('aria-labelledby="distribution"')]
    n = len(report["slices"]["slices"])
    assert f"{n} parts of at least 20 rows were measured" in section
    assert "channel = mail" in section
    worse = report["slices"]["slices"][0] | {"is_worse": True}
    report["slices"]["slices"][0] = worse
    assert "Shown worse than all test rows together" in page.render_report(report)


BY_CHANCE = "calibration_error_by_chance"


def without(facts, name):
    return {key: value for key, value in facts.items() if key != name}
