"""`metier audit` and `metier erase` on the command line, in English and Chinese."""

import json

import pytest

from metier.cli import program
from metier.serving.guards.audit_chain import files_of
from metier.serving.guards.audit_log import AuditLog


@pytest.fixture
def run(capsys):
    def call(*words, code=0):
        assert program.run([*map(str, words)]) == code
        shown = capsys.readouterr()
        return shown.out + shown.err

    return call


@pytest.fixture
def folder(tmp_path):
    log = AuditLog(tmp_path / "audit", sync="never")
    log.write("request", subject=log.subject("4711")[0])
    log.close()
    return tmp_path / "audit"


def test_a_whole_log_and_a_broken_one(run, folder):
    assert "whole: 2 lines in 1 file" in run("audit", "verify", folder)
    last = json.loads(run("audit", "verify", folder, "--json"))["last_hash"]
    run("audit", "verify", folder, "--last", last)
    assert "cut off" in run("audit", "verify", folder, "--last", "0" * 64, code=1)
    [path] = files_of(folder).values()
    path.write_bytes(path.read_bytes().replace(b'"begin"', b'"Begin"'))
    assert "broken at audit-000001.jsonl, line 2: it does not hold" in run("audit", "verify", folder, code=1)
    assert json.loads(run("audit", "verify", folder, "--json", code=1))["is_whole"] is False


def test_a_subject_is_erased_and_the_chain_holds(run, folder):
    assert "erased in" in run("erase", "--subject", "4711", "--audit", folder)
    assert "nothing of the subject" in run("erase", "--subject", "4711", "--audit", folder)
    assert "whole: 4 lines" in run("audit", "verify", folder)
    [path] = files_of(folder).values()
    assert b"4711" not in path.read_bytes()


def test_a_wrong_call_is_a_sentence_and_makes_nothing(run, tmp_path):
    assert "There is no audit log" in run("audit", "verify", tmp_path, code=1)
    assert "Name what to erase" in run("erase", "--subject", "x", code=2)
    assert "There is no audit log" in run("erase", "--subject", "x", "--audit", tmp_path / "no", code=1)
    assert "There is no store of predictions" in run(
        "erase", "--subject", "x", "--predictions", tmp_path / "no", code=2
    )
    assert "Missing option" in run("erase", code=2)
    assert not list(tmp_path.iterdir())


def test_chinese(run, folder, monkeypatch):
    monkeypatch.setenv("METIER_LANG", "zh")
    assert "完整：1 个文件，2 行" in run("audit", "verify", folder)
    assert "已从" in run("erase", "--subject", "4711", "--audit", folder)
    assert "请指定从何处删除" in run("erase", "--subject", "x", code=2)
