"""What speaks against shipping: nothing where nothing is wrong, and each worry with the section that shows it."""

import copy
import json
from pathlib import Path

import pytest

from metier.report import page
from metier.report.section import Page
from metier.report.words import Words
from metier.report.worries import worries_of

SMALL = json.loads((Path(__file__).parent / "small_report.json").read_text("utf-8"))


@pytest.fixture
def report():
    return copy.deepcopy(SMALL)


def test_a_sound_run_has_no_worries(report):
    assert worries_of(Page(report)) == []
    assert "What worries remain" not in page.render_report(report)


def spoil(report):
    sentence = "1 label has fewer than 40 rows: a label, 35"
    report["audit"] += [{**report["audit"][0], "severity": "warning", "sentence": sentence}]
    report["audit"] += [
        {**report["audit"][0], "severity": "error", "sentence": "26 test rows are training rows"}
    ]
    figure = {"value": 0.775, "low": 0.54, "high": 0.94}
    weak = {"by": "label", "column": None, "value": "refund", "rows": 40, "figure": figure, "is_worse": True}
    report["slices"] = {"metric": "accuracy", "whole": 0.94, "level": 0.99, "slices": [weak]}
    scores = next(one for one in report["candidates"] if one["name"] == report["recommended"])["test"]
    scores |= {"calibration_error": 0.08, "calibration_error_by_chance": 0.02}
    scores["accuracy"] |= {"low": 0.93, "high": 0.99}
    report["data"]["label_counts"]["chargeback"] = 12


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        (
            "en",
            [
                "26 test rows are training rows",
                "1 warning, the first: 1 label has fewer than 40 rows: a label, 35.",
                "label = refund (78 %)",
                "off by 8.0 points on average; that of a perfectly calibrated model would be by 2.0 points",
                "240 test rows measure its accuracy to ±3.0 points; ±1 point takes about 2,200 rows",
                "“chargeback”",
            ],
        ),
        ("zh", ["1 条警告", "标签 = refund", "平均偏差 8.0", "240 条测试集样本", "“chargeback”"]),
    ],
)
def test_each_worry_is_said_with_its_section(report, language, parts):
    spoil(report)
    found = worries_of(Page(report, Words(language)))
    said = " ".join(one["sentence"] for one in found)
    assert [part for part in parts if part not in said] == []
    assert [one["anchor"] for one in found] == [
        "check",
        "check",
        "slices",
        "reliability",
        "leaderboard",
        "labels",
    ]


def test_the_page_links_each_worry_to_a_section_that_is_there(report):
    spoil(report)
    shown = page.render_report(report)
    for anchor in ("check", "slices", "reliability", "labels"):
        assert f'<a href="#{anchor}">see ' in shown
        assert f'aria-labelledby="{anchor}"' in shown
