"""The dossier: what is known stands in it, what is not says how to state it, and bad files are refused before any work."""

import json

import pytest

import metier
from metier.assurance.dossier.stated import Stated, read_stated
from metier.cli import program
from metier.errors import CallError
from tests.conftest import few_rows, write_records

LABELS = ("age_limit", "exchange_rate")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dossier")
    write_records(folder / "train.csv", few_rows("banking77", "train", LABELS, 30))
    write_records(folder / "test.csv", few_rows("banking77", "test", LABELS, 30))
    metier.train(
        folder / "train.csv",
        test=folder / "test.csv",
        text="message",
        label="intent",
        candidates=["tfidf_linear"],
        budget=2,
        run=folder / "run",
    )
    return folder


def test_what_is_not_known_says_how_to_state_it(place, capsys):
    assert program.run(["dossier", str(place / "run"), "--output", str(place / "bare")]) == 0
    said = capsys.readouterr().out
    assert "not stated: owner (state owner in dossier.yaml)" in said
    assert "--suite fairness" in said
    facts = json.loads((place / "bare" / "dossier.json").read_text(encoding="utf-8"))
    titles = {part["title"] for part in facts["sections"]}
    assert {"Intended use", "Lineage of the data", "Fairness", "Release gate"} <= titles
    fingerprint = facts["manifest"]["data"]["fingerprint"]
    page = (place / "bare" / "dossier.html").read_text(encoding="utf-8")
    assert fingerprint in page
    assert "not stated" in page
    assert "http" not in page.replace("http-equiv", "")  # It opens without a network.


def test_a_full_dossier_in_chinese(place, capsys):
    stated = place / "dossier.yaml"
    stated.write_text("".join(f"{name}: 已说明<b>{name}\n" for name in Stated.model_fields), encoding="utf-8")
    policy = place / "policy.yaml"
    policy.write_text(f"rows: {place / 'test.csv'}\nconditions:\n  - accuracy >= 0.5\n", encoding="utf-8")
    assert program.run(["gate", str(place / "run"), "--policy", str(policy)]) == 0
    call = ["dossier", str(place / "run"), "--output", str(place / "full"), "--stated", str(stated)]
    assert program.run([*call, "--rows", str(place / "test.csv"), "--lang", "zh"]) == 0
    capsys.readouterr()
    page = (place / "full" / "dossier.html").read_text(encoding="utf-8")
    assert "各部分均已说明" in page
    assert "已说明&lt;b&gt;owner" in page
    assert "accuracy &gt;= 0.5" in page
    assert "invariance.typos" in page
    for english in ("not stated", "Intended use", "share that fails", "licence of"):
        assert english not in page
    assert program.run(call) == 2  # It is there already.


def test_evidence_is_taken_from_files_of_this_model(place, tmp_path, capsys):
    tested = tmp_path / "fairness.json"
    run, rows = str(place / "run"), str(place / "test.csv")
    assert program.run(["test", run, rows, "--suite", "fairness", "--output", str(tested)]) == 0
    call = ["dossier", run, "--output", str(tmp_path / "out")]
    assert program.run([*call, "--evidence", str(tested), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "metier.fairness.v1" in facts["tested"]
    other = tmp_path / "other.json"
    found = json.loads(tested.read_text(encoding="utf-8"))
    for change, said in (
        ({"bundle": "other.v1"}, "was found of 'other.v1'"),
        ({"format": "metier.else.v1"}, "no evidence"),
        ({}, "which another file is too"),
    ):
        other.write_text(json.dumps(found | change), encoding="utf-8")
        files = ["--evidence", str(tested)] if not change else []
        assert program.run([*call, *files, "--evidence", str(other), "--overwrite"]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("owner: [a, b]", "Expected a text"),
        ("ownr: 我", "Did you mean 'owner'"),
        ("- owner", "not a list of entries"),
        ("owner: [", "cannot be read as statements"),
    ],
)
def test_a_statement_that_is_none_is_refused(tmp_path, written, said):
    path = tmp_path / "dossier.yaml"
    path.write_text(written, encoding="utf-8")
    with pytest.raises(CallError, match=said):
        read_stated(path)
    with pytest.raises(CallError, match="There is no file"):
        read_stated(tmp_path / "none.yaml")
