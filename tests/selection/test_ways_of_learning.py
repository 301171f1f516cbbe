"""The table of ways and tasks has no empty cell, and every reason can be read in Chinese."""

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from metier.cli.methods import methods
from metier.cli.speech import spoken
from metier.selection.ways_of_learning import every_way, ways_of
from metier.tasks.task_table import TASKS
from metier.tasks.ways import ASKED, WAYS, no_way, why_not

ROOT = Path(__file__).parents[2]


def test_every_cell_has_methods_or_a_reason_and_not_both():
    found = every_way()
    assert {(one.way, one.task) for one in found} == {(way, task) for way in WAYS for task in TASKS}
    assert [one for one in found if bool(one.takes) is (one.why_not is not None)] == []


def test_what_is_read_from_the_methods_is_there():
    of_tags = {one.way: one.takes for one in ways_of("ner")}
    assert of_tags["self_training"] == ("pseudo_labels.v1",)
    assert of_tags["distillation"] == ("token_encoder.v1",)
    assert "token_encoder.v1" in of_tags["weak_labels"]
    of_scores = {one.way: one for one in ways_of("regression")}
    assert "stays where it is" in of_scores["self_training"].why_not


def test_reasons_and_titles_have_chinese():
    say = spoken("zh")
    texts = {str(why_not(way, task)) for way in WAYS for task in TASKS if why_not(way, task)}
    texts |= {way.title for way in WAYS.values()}
    assert [text for text in texts if say.translated(text) == text] == []
    told = say.translated(no_way("--unlabelled", "generation"))
    assert "任务 generation 没有自训练、继续预训练、一致性训练。" in told
    assert "请去掉 --unlabelled。" in told
    assert "says nothing" not in told


@pytest.mark.parametrize("flag", ASKED)
def test_a_flag_without_a_way_is_told_why(flag):
    without = [task for task in TASKS if all(why_not(way, task) for way in ASKED[flag])]
    for task in without:
        assert str(why_not(ASKED[flag][0], task)) in no_way(flag, task)


def test_the_command_shows_the_table():
    found = json.loads(CliRunner().invoke(methods, ["--ways", "--task", "regression", "--json"]).output)
    assert [one["way"] for one in found] == list(WAYS)
    shown = CliRunner().invoke(methods, ["--ways"]).output
    assert "self-training" in shown
    refused = CliRunner().invoke(methods, ["crf", "--ways"])
    assert refused.exit_code != 0


def test_the_page_is_current():
    spec = importlib.util.spec_from_file_location("ways_script", ROOT / "scripts" / "ways.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = (ROOT / "docs" / "ways.md").read_text("utf-8")
    assert text == script.page(text), "python scripts/ways.py --page"
