"""`metier registry` on the command line, in English and Chinese."""

import json
from pathlib import Path

import pytest

from metier.cli import program

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("METIER_REGISTRY", str(tmp_path / "registry"))

    def call(*words, code=0):
        assert program.run(["registry", *map(str, words)]) == code
        shown = capsys.readouterr()
        return shown.out + shown.err

    return call


def test_from_a_bundle_to_what_answers_and_back(run):
    assert "support 1: answers nobody yet" in run("add", SEALED / "linear.v1", "support")
    run("add", SEALED / "constant.v1", "support", "--why", "a try")
    assert "has not passed a release gate: it was not asked" in run("promote", "support", 1, code=1)
    assert "support 1: answers as champion" in run("promote", "support", 1, "--force")
    run("promote", "support", 2, "--force", "--why", "better")
    assert "support 1: answers as champion" in run("rollback", "support")
    shown = run("history", "support")
    for part in ("promote, forced", "roll back", "a try", "better"):
        assert part in shown
    listed = run("list")
    assert "champion" in listed.splitlines()[1]
    assert "answers as champion" in run("remove", "support", 1, code=1)
    run("remove", "support", 2)


def test_programs_read_json(run):
    added = json.loads(run("add", SEALED / "linear.v1", "support", "--json"))
    assert (added["version"], added["aliases"], added["may_go_live"]) == (1, [], False)
    assert [one["version"] for one in json.loads(run("list", "--json"))] == [1]
    [change] = json.loads(run("history", "support", "--json"))
    assert (change["action"], change["version"]) == ("add", 1)


def test_what_is_not_there_is_a_sentence(run, tmp_path):
    assert "There is no registry at" in run("list", code=2)
    assert not (tmp_path / "registry").exists()
    run("add", SEALED / "linear.v1", "support")
    assert "Did you mean 'support'?" in run("list", "suport", code=2)
    assert "called '7'" in run("promote", "support", 7, code=2)


def test_chinese(run, monkeypatch):
    monkeypatch.setenv("METIER_LANG", "zh")
    assert "尚未在线" in run("add", SEALED / "linear.v1", "support")
    assert "未通过发布检查：尚未检查" in run("promote", "support", 1, code=1)
    run("promote", "support", 1, "--force")
    assert "上线, 强制" in run("history", "support")
    assert "没有更早的版本，无法回退" in run("rollback", "support", code=1)
