"""The head of the report."""

import json
from pathlib import Path

import pytest

from metier.report import page


@pytest.mark.parametrize(
    ("task", "title"),
    [("ner", "Named entity recognition"), ("ordinal", "Ordinal classification"), ("own_task", "Own task")],
)
def test_a_task_is_called_by_its_whole_name(task, title):
    report = json.loads((Path(__file__).parent / "small_report.json").read_text("utf-8"))
    assert f"<span>{title} of " in page.render_report(report | {"task": task})
