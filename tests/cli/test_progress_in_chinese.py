"""What a command is doing is said in Chinese too, and what a user wrote is never taken for a sentence of ours."""

import ast
from pathlib import Path

import pytest

import metier
from metier.cli.speech import PACKAGES
from metier.report.words import Words

SAY = Words("zh", PACKAGES)
PACKAGE = Path(metier.__file__).parent
MADE_OF_PARTS = {"x7: c1 = x7, c2 = x7", "x7: trainingx7", "x7: refit on x7train + validation"}


def literals(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(piece.value if isinstance(piece, ast.Constant) else "x7" for piece in node.values)
    elif isinstance(node, ast.IfExp):
        yield from (*literals(node.body), *literals(node.orelse))


def steps():
    """The names of all steps, each placeholder filled."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        if "Progress(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Progress" and node.args:
                yield from literals(node.args[0])


def test_every_step_is_said_in_chinese():
    found = set(steps())
    assert len(found) > 40
    assert sorted(one for one in found - MADE_OF_PARTS if SAY.told(one) == one) == []


@pytest.mark.parametrize(
    "written",
    [
        "Names and account numbers were replaced before training.",
        "All of our support rows",
        "Contracts and invoices",
        "Who answers for it: the sales rows team",
    ],
)
def test_what_a_user_wrote_stays_as_it_is(written):
    assert SAY.told(written) == written


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("2/4 settings", "2/4 组设置"),
        ("1 row", "1 条"),
        ("12,000 rows", "12,000 条"),
        ("a.v1: the edit typos", "a.v1：改写 typos"),
        ("a.v1: other groups of gender", "a.v1：换成其他群体（gender）"),
        (
            "a.v1 says what is out of scope by max probability: it keeps 96.5 % [92.9 %, 98.6 %] of the test rows",
            "a.v1 用最大概率判断范围外：保留了 96.5 % [92.9 %, 98.6 %] 的测试样本",
        ),
        ("state owner in dossier.yaml", "在 dossier.yaml 中写明 owner"),
    ],
)
def test_a_count_is_a_count(english, chinese):
    assert SAY.told(english) == chinese
