"""The page of a finished run written again, and what is printed of it, in English and Chinese."""

import html
import json
import shutil
from pathlib import Path

import pytest

from metier.cli.program import run as metier
from metier.cli.run_summary import print_report
from metier.data.output_files import held_output
from metier.report.page import render_report

SMALL = Path(__file__).parents[1] / "report" / "small_report.json"


@pytest.fixture
def finished(tmp_path):
    """The folder of a run, as far as its report needs it."""
    for part in ("candidates", "answers"):
        (tmp_path / part).mkdir()
    (tmp_path / "settings.yaml").write_text("{}\n", encoding="utf-8")
    shutil.copy(SMALL, tmp_path / "report.json")
    (tmp_path / "report.html").write_text("as trained", encoding="utf-8")
    return tmp_path


def test_the_page_is_written_in_chinese_beside_the_other(finished, capsys):
    assert metier(["report", str(finished), "--lang", "zh"]) == 0
    page = (finished / "report.zh.html").read_text("utf-8")
    assert capsys.readouterr().out.strip() == str(finished / "report.zh.html")
    assert page == render_report(json.loads(SMALL.read_text("utf-8")), language="zh")
    assert (finished / "report.html").read_text("utf-8") == "as trained"


def test_the_page_is_written_where_it_is_wanted(finished, tmp_path, capsys):
    assert metier(["report", str(finished), "--output", str(tmp_path / "page.html")]) == 0
    assert "Ship tfidf_linear.v1" in (tmp_path / "page.html").read_text("utf-8")


def test_a_page_that_another_process_writes_is_left_to_it(finished, tmp_path, capsys):
    page = tmp_path / "page.html"
    with held_output(page):
        assert metier(["report", str(finished), "--output", str(page)]) == 1
    assert f"{page} is in use by process" in capsys.readouterr().err
    assert not page.exists()


def test_a_run_without_a_report_says_how_to_go_on(finished, capsys):
    (finished / "report.json").unlink()
    assert metier(["report", str(finished)]) == 1
    assert "metier train --resume" in capsys.readouterr().err


def test_the_end_of_a_run_is_told_in_the_words_of_its_page(capsys):
    report = json.loads(SMALL.read_text("utf-8"))
    print_report(report, verbose=True)
    shown = capsys.readouterr().out
    page = html.unescape(render_report(report))
    assert shown.startswith("ship   tfidf_linear.v1: accuracy 98.8 % [97.1, 100.0] on 240 test rows, ")
    for line in shown.splitlines()[1:5]:
        assert line.strip() in page  # What was chosen on validation, the refit, and why no other one.
    assert "tfidf_linear.v1 is more accurate than majority.v1. +82.1 points" in shown


def test_the_end_of_a_run_is_told_in_chinese(capsys):
    print_report(json.loads(SMALL.read_text("utf-8")), verbose=False, language="zh")
    shown = capsys.readouterr().out
    assert shown.startswith("上线   tfidf_linear.v1：准确率 98.8 %")
    assert "选定之后在训练集 + 验证集上重新训练" in shown
    assert "average.v1 未训练：平均集成至少需要两个候选" in shown


def test_a_run_of_the_terminal_and_its_page_have_one_latency_and_one_duration(capsys):
    report = json.loads(SMALL.read_text("utf-8"))
    for one in report["candidates"]:
        if one["status"] == "trained":
            one |= {"train_seconds": 0.004, "latency_ms": {"p50": 0.3, "p95": 0.5, "mean": 0.4123}}
    print_report(report, verbose=False)
    shown, page = capsys.readouterr().out, render_report(report)
    assert "0.41 ms a row" in shown
    assert ">0.41 ms<" in page
    assert "< 0.1 s" in shown
    assert "&lt; 0.1 s" in page
