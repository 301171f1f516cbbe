"""The head of the report."""

import json
from pathlib import Path

import pytest

from metier.report import page
from metier.tasks.ner import NamedEntities


@pytest.mark.parametrize(
    ("facts", "title"),
    [
        ({"task": "ner", "task_title": NamedEntities.title}, "Named entity recognition"),
        ({"task": "classification"}, "Classification"),
    ],
)
def test_a_task_is_called_by_its_whole_name(facts, title):
    report = json.loads((Path(__file__).parent / "small_report.json").read_text("utf-8"))
    assert f"<span>{title} · " in page.render_report(report | facts)
