"""The command line in Chinese: what `train`, `check`, `predict` and `evaluate` print, and how it is asked for."""

import ast
import json
import re
from pathlib import Path

import click
import pytest
import yaml
from rich.cells import cell_len

import metier
from metier.cli import program
from metier.cli.commands import COMMANDS
from metier.cli.runs import runs
from metier.cli.speech import PACKAGES, lang_option, spoken

PACKAGE = Path(metier.__file__).parent
OWN = yaml.safe_load((PACKAGE / "cli" / "zh.yaml").read_text("utf-8"))
REPORT = yaml.safe_load((PACKAGE / "report" / "zh.yaml").read_text("utf-8"))
PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Three words in a row are a sentence; names of methods, commands and flags are not.
SENTENCE = re.compile(r"(?<![-_./=A-Za-z])[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")


@pytest.fixture
def told(capsys, monkeypatch):
    monkeypatch.setenv("METIER_LANG", "zh")

    def call(*args, code=0):
        assert program.run([*map(str, args)]) == code
        shown = capsys.readouterr()
        return shown.out + shown.err

    return call


def english_of(text):
    """The lines with an English sentence of ours; a command to type is none."""
    lines = [line.partition("metier ")[0] for line in text.splitlines()]
    return [line for line in lines if SENTENCE.search(line)]


def said():
    """Every text that the command line says by itself, read from its sources."""
    for path in (PACKAGE / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_say = isinstance(node, ast.Call) and (
                getattr(node.func, "id", "") == "say"
                or getattr(node.func, "attr", "") == "say"
                or (isinstance(node.func, ast.Call) and getattr(node.func.func, "id", "") == "spoken")
            )
            if is_say and node.args and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def test_every_text_of_the_command_line_has_its_chinese():
    texts = set(said())
    assert len(texts) > 40
    assert sorted(texts - set(OWN["page"]) - set(REPORT["page"])) == []


def test_no_translation_is_left_over():
    metrics = {"log-loss", "calibration error"}  # Said by their names.
    assert sorted(set(OWN["page"]) - set(said()) - metrics) == []


@pytest.mark.parametrize("part", ["page", "told"])
def test_translations_fill_the_same_placeholders(part):
    for english, chinese in OWN[part].items():
        wanted, found = set(PLACEHOLDER.findall(english)), set(PLACEHOLDER.findall(chinese))
        assert found <= wanted, english
        assert part == "told" or found == wanted, english


def test_rows_are_checked_in_chinese(told, small_runs):
    shown = told("check", small_runs / "zh-train.csv", "--test", small_runs / "zh-test.csv")
    assert "90 条样本，text = message，label = intent（3 个标签）" in shown
    assert "下一步：metier train" in shown
    assert english_of(shown) == []


def test_training_is_told_in_chinese_from_the_plan_to_the_end(told, small_runs, tmp_path):
    files = (small_runs / "zh-train.csv", "--test", small_runs / "zh-test.csv")
    run = ("--candidates", "majority,tfidf_linear,average", "--budget", "2m", "--run", tmp_path / "run")
    shown = told("train", *files, *run, "--verbose")
    for begins in ("计划   ", "读取并检查样本", "上线   tfidf_linear.v1", "候选 ", "用时   ", "报告   "):
        assert any(line.startswith(begins) for line in shown.splitlines()), begins
    assert english_of(shown) == []
    report = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert report["settings"]["report_language"] == "zh"
    assert '<html lang="zh-CN">' in (tmp_path / "run" / "report.html").read_text("utf-8")
    # What is resumed may be told in another language.
    assert "is finished: nothing is trained" in told("train", "--resume", tmp_path / "run", "--lang", "en")


def test_files_are_answered_and_measured_in_chinese(told, small_runs, tmp_path):
    run, file = small_runs / "runs" / "zh", small_runs / "zh-test.csv"
    shown = told("predict", run, "--input", file, "--output", tmp_path / "out.csv", "--min-confidence", "0.9")
    assert "待人工复核：" in shown
    assert english_of(shown) == []
    part = tmp_path / "part.csv"
    part.write_text("\n".join(file.read_text("utf-8").splitlines()[:50]) + "\n", "utf-8")
    shown = told("evaluate", run, part)
    assert "训练时的测试集" in shown
    assert english_of(shown) == []


def test_runs_are_listed_and_compared_in_chinese(told, small_runs):
    runs = small_runs / "runs"
    shown = told("runs", "list", runs) + told("runs", "show", runs / "zh")
    shown += told("runs", "compare", runs / "zh", runs / "en")
    assert "没有配对检验：" in shown
    assert english_of(shown) == []


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS), *(["runs", name] for name in runs.commands)]
)
def test_help_is_in_chinese_and_no_wider_than_asked(told, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = told(*command, "--help")
    assert shown.startswith("用法：metier")
    assert english_of(shown) == []
    assert [line for line in shown.splitlines() if cell_len(line) > 84 and not line.startswith("用法")] == []
    monkeypatch.delenv("METIER_LANG")
    assert told(*command, "--help").startswith("Usage: metier")


def test_methods_and_the_machine_are_told_in_chinese(told):
    shown = told("methods") + told("methods", "--task", "ner") + told("doctor")
    assert "方法" in shown
    assert "机器" in shown
    assert english_of(shown) == []


def test_the_next_command_keeps_the_flag_it_was_asked_with(told, small_runs, monkeypatch):
    rows = small_runs / "zh-train.csv"
    assert "--lang" not in told("check", rows)  # The environment stays.
    monkeypatch.delenv("METIER_LANG")
    assert " --lang zh\n" in told("check", rows, "--lang", "zh")
    assert "metier check FILE --lang zh" in told("doctor", "--lang", "zh")


def test_a_flag_wins_over_the_environment(told, small_runs):
    shown = told("check", small_runs / "zh-train.csv", "--lang", "en")
    assert "90 rows, text = message, label = intent (3 labels), Chinese" in shown
    assert "'fr' 不在可选值之中：'en'、'zh'" in told(
        "check", small_runs / "zh-train.csv", "--lang", "fr", code=2
    )


@pytest.mark.parametrize(
    ("value", "language"), [("zh_CN.UTF-8", "zh"), ("ZH", "zh"), ("en_GB", "en"), ("fr", "en"), ("", "en")]
)
def test_the_environment_names_a_language_as_lang_does(monkeypatch, value, language):
    """What another program reads from the same variable must not stop this one."""
    monkeypatch.setenv("METIER_LANG", value)
    found = []

    @click.command()
    @lang_option()
    def command(lang):
        found.append(spoken().language)

    command.main([], standalone_mode=False)
    assert found == [language]


def test_a_language_that_is_not_spoken_is_said_once(told, monkeypatch):
    monkeypatch.setenv("METIER_LANG", "de")
    assert told("methods").count("METIER_LANG=de is not known (en, zh); English is used\n") == 1
    assert "is not known" not in told("methods", "--lang", "zh")
    monkeypatch.setenv("METIER_LANG", "zh.UTF-8")
    assert "is not known" not in told("methods")


def test_outside_a_command_it_is_english():
    assert spoken().language == "en"
    assert spoken("zh").told("encoder.v1: fine-tuning") == "encoder.v1：微调"
    assert PACKAGES[0] == "metier.cli"
