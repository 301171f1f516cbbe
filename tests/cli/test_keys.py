"""`metier keys` on the command line, in English and Chinese."""

import json

import pytest

from metier.cli import program


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("METIER_KEYS", str(tmp_path / "keys.json"))

    def call(*words, code=0):
        assert program.run(["keys", *map(str, words)]) == code
        return capsys.readouterr()

    return call


def test_a_key_is_shown_once_and_its_hash_is_kept(run, tmp_path):
    shown = run("create", "billing", "--scopes", "predict,metrics", "--expires", "90d")
    key = shown.out.strip()
    assert key.startswith("mt_")
    assert "shown once" in shown.err
    kept = (tmp_path / "keys.json").read_text()
    assert key not in kept
    assert key.rpartition("_")[2] not in kept
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]
    listed = run("list").out
    assert key not in listed
    assert "predict, metrics" in listed


def test_from_creation_to_revocation(run):
    made = json.loads(run("create", "billing", "--scopes", "operator", "--rows-per-minute", 50, "--json").out)
    assert made["scopes"] == ["predict", "explain", "feedback", "metrics"]
    again = json.loads(run("rotate", "billing", "--overlap", "30m", "--json").out)
    assert (again["scopes"], again["rows_per_minute"], again["expires"]) == (made["scopes"], 50, None)
    old, new = json.loads(run("list", "--json").out)
    assert (old["state"], old["expires"] is None, new["state"]) == ("active", False, "active")
    assert "salt" not in old
    assert f"billing ({old['prefix']}): revoked" in run("revoke", old["prefix"]).out
    [ended] = json.loads(run("revoke", "billing", "--json").out)
    assert ended["prefix"] == new["prefix"]
    assert [one["state"] for one in json.loads(run("list", "--json").out)] == ["revoked", "revoked"]
    run("create", "billing")  # The name is free again.


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create", "../x"), "cannot be the name of a key"),
        (("create", "x", "--scopes", "predikt"), "Did you mean 'predict'?"),
        (("create", "x", "--scopes", ","), "found no name"),
        (("create", "x", "--expires", "soon"), "takes a time such as"),
        (("create", "x", "--expires", "999999w"), "at most 100 years"),
        (("create", "x", "--requests-per-minute", "0"), "x>=1"),
        (("create", "kept"), "has an active key already"),
        (("rotate", "keps"), "Did you mean 'kept'?"),
        (("rotate", "kept", "--overlap", "-1d"), "takes a time such as"),
        (("revoke", "nobody"), "There is no active key called 'nobody'"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_changes_nothing(run, tmp_path, words, says):
    run("create", "kept")
    before = (tmp_path / "keys.json").read_bytes()
    assert says in run(*words, code=2).err
    assert (tmp_path / "keys.json").read_bytes() == before


def test_a_file_that_is_none_is_told(run, tmp_path):
    assert "There is no file of keys" in run("list", code=2).err
    assert not (tmp_path / "keys.json").exists()
    (tmp_path / "keys.json").write_text("[]")
    (tmp_path / "keys.json").chmod(0o600)
    assert "is no file of keys" in run("create", "x", code=1).err
    (tmp_path / "keys.json").write_text('{"format_version": 9, "keys": []}')
    assert "keys of format 9" in run("list", code=1).err
    (tmp_path / "keys.json").chmod(0o644)
    assert "can be read or written by other users" in run("list", code=1).err


def test_chinese(run, monkeypatch):
    monkeypatch.setenv("METIER_LANG", "zh")
    assert "只显示一次" in run("create", "billing").err
    assert "有效" in run("list").out
    assert "没有名为" in run("revoke", "nobody", code=2).err
