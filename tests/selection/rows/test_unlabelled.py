"""`--unlabelled`: what is added, what is refused before any work, and what is reported of the gain."""

import csv
from pathlib import Path

import pytest

from metier.data import read
from metier.errors import CallError, DataError
from metier.progress import ignore
from metier.selection.api import train
from metier.selection.conduct import begin
from metier.selection.decisions import decide
from metier.selection.rows.preparation import Sources
from metier.selection.rows.unlabelled import with_unlabelled
from metier.selection.settings import check_settings
from metier.tasks.task_table import TASKS
from metier.text import LanguageMix

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
LABELS = ("card_arrival", "exchange_rate", "age_limit", "change_pin")


def write(path, rows, columns):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    found = {}
    for name in ("train", "test"):
        with (EXAMPLES / "banking77" / f"{name}.csv").open(encoding="utf-8") as file:
            found[name] = [row for row in csv.DictReader(file) if row["label"] in LABELS]
    few = [row for label in LABELS for row in [row for row in found["train"] if row["label"] == label][:9]]
    write(folder / "train.csv", few, ["text", "label"])
    write(folder / "test.csv", found["test"], ["text", "label"])
    # The whole pile: labelled rows and test rows stand in it too, as they do in life.
    write(folder / "archive.csv", [*found["train"], *found["test"][:20]], ["text"])
    return folder


@pytest.fixture(scope="module")
def finished(files, small_base, tmp_path_factory):
    return train(
        files / "train.csv",
        test=files / "test.csv",
        candidates=["majority", "self_training"],
        settings={
            "data": {"unlabelled": str(files / "archive.csv")},
            "base": str(small_base),
            "refit": False,
            "methods": {
                "frozen_linear": {"precision": "fp32"},
                "self_training": {"confidence": 0.5, "precision": "fp32"},
            },
        },
        run=tmp_path_factory.mktemp("runs") / "run",
    )


def test_the_supervised_counterpart_is_a_candidate_too_and_the_verdict_is_reported(finished):
    names = {one["name"] for one in finished.candidates}
    assert names == {"majority.v1", "frozen_linear.v1", "self_training.v1"}
    notes = finished.report["data"]["notes"]
    verdict = next(note for note in notes if "unlabelled rows" in note)
    assert "supervised counterpart frozen_linear.v1" in verdict
    # Sixteen validation rows show nothing: what is not shown to be better is not shipped.
    assert "no help" in verdict
    assert finished.report["recommended"] != "self_training.v1"


def test_what_unlabelled_rows_did_not_help_is_no_member_of_a_fusion(files, small_base, tmp_path):
    finished = train(
        files / "train.csv",
        test=files / "test.csv",
        candidates=["tfidf_linear", "frozen_linear", "self_training", "average"],
        settings={
            "data": {"unlabelled": str(files / "archive.csv")},
            "base": str(small_base),
            "refit": False,
            "methods": {"frozen_linear": {"precision": "fp32"}, "self_training": {"precision": "fp32"}},
        },
        run=tmp_path / "run",
    )
    found = {one["name"]: one for one in finished.candidates}
    assert found["self_training.v1"]["status"] == "trained"
    assert any("no help to self_training.v1" in note for note in finished.report["data"]["notes"])
    assert set(found["average.v1"]["members"]) == {"tfidf_linear.v1", "frozen_linear.v1"}


def test_what_stands_in_the_splits_is_no_unlabelled_row(finished):
    note = next(note for note in finished.report["data"]["notes"] if note.startswith("--unlabelled gives"))
    assert "more also appear in the labelled rows and were left out" in note
    facts = next(one for one in finished.candidates if one["name"] == "self_training.v1")["facts"]
    assert f"gives {facts['unlabelled']:,} different texts" in note
    assert facts["pseudo_labelled"][0] > 0


def test_the_texts_are_not_written_into_the_settings(finished):
    written = (finished.folder / "settings.yaml").read_text("utf-8")
    assert "archive.csv" in written
    assert len(written) < 8_000


LEARNERS = TASKS["classification"].learn_from_unlabelled


def test_who_is_added():
    names = ["majority.v1", "frozen_linear.v1"]
    assert set(with_unlabelled(names, LEARNERS, is_open=True)) == {*names, "self_training.v1"}
    assert with_unlabelled(["majority.v1"], LEARNERS, is_open=True) == ["majority.v1"]
    assert "frozen_linear.v1" in with_unlabelled(["self_training.v1"], LEARNERS, is_open=False)
    assert "encoder.v1" not in LEARNERS


def test_bad_input_is_reported_before_any_work(files, tmp_path):
    rows = read(files / "train.csv")
    chinese = write(tmp_path / "zh.csv", [{"text": "我的卡丢了，怎么办"}] * 3, ["text"])
    settings = check_settings({"data": {"unlabelled": str(chinese)}})
    with pytest.raises(DataError, match=r"The labelled rows are English, and 0 % of the 1 texts.*Chinese"):
        begin(Sources(rows, None, None), settings, ignore)
    with pytest.raises(CallError, match="learns from unlabelled rows, but there are none"):
        decide(rows, check_settings({"candidates": ["self_training"]}))
    pairs = read(
        [{"text": f"a {n}", "text_pair": f"c {n}", "label": str(n % 2)} for n in range(40)],
        text_pair="text_pair",
    )
    with pytest.raises(
        CallError, match=r"a pair of texts, and the unlabelled rows of .* have no column text_pair"
    ):
        begin(Sources(pairs, None, None), settings, ignore)
    triples = read(EXAMPLES / "semeval2010_task8" / "triples.jsonl")
    with pytest.raises(CallError, match=r"for the task triples.*each part learns this way by itself"):
        decide(triples, settings)


def test_the_language_is_detected_once_and_passed_on(files, tmp_path, monkeypatch):
    rows = read(files / "train.csv")
    monkeypatch.setattr(
        "metier.selection.decisions.detect_language",
        lambda texts: LanguageMix({"zh": 0.6, "en": 0.4, "other": 0.0}, len(texts)),
    )
    begun = begin(Sources(rows, None, None), check_settings({"candidates": ["majority"]}), ignore)
    assert begun.decisions.language == "zh"
    assert begun.prepared.audit.facts["language_shares"] == {"zh": 0.6, "en": 0.4, "other": 0.0}
    english = write(tmp_path / "en.csv", [{"text": "where is my new card?"}] * 3, ["text"])
    settings = check_settings(
        {"data": {"unlabelled": str(english)}, "candidates": ["majority", "self_training"]}
    )
    with pytest.raises(DataError, match=r"The labelled rows are Chinese, and 0 % .* most are English"):
        begin(Sources(rows, None, None), settings, ignore)
