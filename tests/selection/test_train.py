"""The whole way on real rows, with the candidates that take seconds."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import metier
from metier.errors import (
    CallError,
    DataError,
    IdLabelError,
    InterruptedRunError,
    MetierError,
    SettingsError,
    UnknownNameError,
)
from metier.progress import Progress
from metier.selection.api import train

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CHEAP = ["majority", "tfidf_linear", "average", "cascade"]


def sample(source, target, *, every, labels=None):
    with (EXAMPLES / source).open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if labels is None or row["label"] in labels]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(rows[::every])
    return target


LABELS = {"card_arrival", "card_linking", "exchange_rate", "age_limit", "change_pin", "lost_or_stolen_card"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    return (
        sample("banking77/train.csv", folder / "train.csv", every=1, labels=LABELS),
        sample("banking77/test.csv", folder / "test.csv", every=1, labels=LABELS),
    )


@pytest.fixture(scope="module")
def finished(files, tmp_path_factory):
    return train(
        files[0], test=files[1], candidates=CHEAP, budget="2m", run=tmp_path_factory.mktemp("runs") / "run"
    )


def test_the_linear_model_is_recommended_over_the_floor(finished):
    assert finished.report["recommended"] == "tfidf_linear.v1"
    scores = {one["name"]: one["test"] for one in finished.candidates if one["test"]}
    assert scores["tfidf_linear.v1"]["accuracy"]["value"] > 0.9
    assert scores["majority.v1"]["accuracy"]["value"] < 0.3


def test_the_report_on_disk_is_the_report_in_memory(finished):
    assert json.loads((finished.folder / "report.json").read_text("utf-8")) == finished.report
    page = (finished.folder / "report.html").read_text("utf-8")
    assert all(one["name"] in page for one in finished.candidates)
    assert finished.report["detail"]["mistakes"][0]["text"].split()[0] in page


def test_the_report_has_the_promised_shape(finished):
    report = finished.report
    assert {"run", "task", "primary_metric", "recommended", "candidates", "comparisons", "cascade"} <= set(
        report
    )
    one = next(one for one in report["candidates"] if one["status"] == "trained")
    assert {
        "name",
        "validation",
        "test",
        "train_seconds",
        "latency_ms",
        "rows_per_second",
        "size_bytes",
    } <= set(one)
    assert set(one["latency_ms"]) >= {"p50", "p95"}
    for split in ("validation", "test"):
        for metric in ("accuracy", "macro_f1"):
            interval = one[split][metric]
            assert interval["low"] <= interval["value"] <= interval["high"]
    assert all(
        {"a", "b", "difference", "low", "high", "p_value", "verdict"} <= set(pair)
        for pair in report["comparisons"]
    )


def test_test_figures_are_what_the_sealed_bundle_answers(finished, files):
    with files[1].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    answers = finished.best.predict([row["text"] for row in rows])
    accuracy = np.mean([found == row["label"] for found, row in zip(answers.predicted, rows, strict=True)])
    entry = next(one for one in finished.candidates if one["name"] == finished.report["recommended"])
    assert accuracy == pytest.approx(entry["test"]["accuracy"]["value"])


def test_a_fusion_that_does_not_pay_says_why(finished):
    why = {one["name"]: one["why"] for one in finished.candidates if one["status"] == "dropped"}
    assert "at least two" in why["average.v1"]
    assert "does not pay" in why["cascade.v1"]


def test_a_refit_model_is_marked(finished):
    entry = next(one for one in finished.candidates if one["name"] == "tfidf_linear.v1")
    assert entry["trained_on"] == "train + validation"


def test_same_seed_same_answers(finished, files, tmp_path):
    again = train(files[0], test=files[1], candidates=CHEAP, budget="2m", run=tmp_path / "again")
    name = "tfidf_linear.v1.test.npy"
    np.testing.assert_array_equal(
        np.load(finished.folder / "answers" / name), np.load(again.folder / "answers" / name)
    )


def test_an_interrupted_run_resumes_to_the_same_answer(finished, files, tmp_path):
    def interrupt(progress: Progress):
        if progress.what.startswith("tfidf_linear.v1: predicting"):
            raise KeyboardInterrupt

    run = tmp_path / "run"
    settings = {
        "data": {"train": str(files[0]), "test": str(files[1])},
        "candidates": ["majority", "tfidf_linear"],
    }
    with pytest.raises(InterruptedRunError, match=f"--resume {run}"):
        train(settings=settings, run=run, listener=interrupt)
    assert not (run / "report.json").exists()
    log = (run / "train.log").read_text()
    kept = json.loads((run / "clock.json").read_text("utf-8"))
    kept["spent_seconds"] += 30.0
    kept["phases"]["tfidf_linear.v1"] += 30.0
    (run / "clock.json").write_text(json.dumps(kept), "utf-8")
    resumed = train(resume=run)
    # The time is that of both runs together.
    assert resumed.report["seconds"] > kept["spent_seconds"]
    assert resumed.report["phases"]["tfidf_linear.v1"] == kept["phases"]["tfidf_linear.v1"]
    assert not (run / "clock.json").exists()
    assert log.count("tfidf_linear.v1: trained") == (run / "train.log").read_text().count(
        "tfidf_linear.v1: trained"
    )
    name = "tfidf_linear.v1.test.npy"
    np.testing.assert_array_equal(
        np.load(finished.folder / "answers" / name), np.load(resumed.folder / "answers" / name)
    )


def test_resuming_with_changed_rows_is_refused(files, tmp_path):
    mine = tmp_path / "mine.csv"
    shutil.copy(files[0], mine)

    def interrupt(progress: Progress):
        if progress.what.startswith("tfidf_linear.v1: training"):
            raise KeyboardInterrupt

    settings = {"data": {"train": str(mine), "test": str(files[1])}, "candidates": ["majority", "tfidf_linear"]}
    with pytest.raises(InterruptedRunError):
        train(settings=settings, run=tmp_path / "run", listener=interrupt)
    with mine.open("a", encoding="utf-8") as file:
        file.write("where is my card,card_arrival\n")
    with pytest.raises(CallError, match="started with other rows: "):
        train(resume=tmp_path / "run")


def test_chinese_rows_go_the_same_way(tmp_path):
    train_file = sample(
        "csl_category_zh/train.csv", tmp_path / "t.csv", every=4, labels={"医学", "法学", "农学"}
    )
    test_file = sample("csl_category_zh/test.csv", tmp_path / "e.csv", every=1, labels={"医学", "法学", "农学"})
    run = train(
        train_file, test=test_file, candidates=["majority", "tfidf_linear"], budget="1m", run=tmp_path / "run"
    )
    assert run.report["data"]["language"] == "zh"
    assert run.best.predict(["急性心肌梗死患者的护理体会"]).predicted == ["医学"]


def test_rows_from_memory_with_a_test_part_held_out(files, tmp_path):
    with files[0].open(encoding="utf-8") as file:
        rows = [dict(row) for row in csv.DictReader(file)]
    run = metier.train(rows, candidates=["tfidf_linear"], budget="1m", run=tmp_path / "run")
    assert run.best.predict(["How do I change my PIN?"]).predicted == ["change_pin"]
    parts = run.report["data"]["rows"]
    assert sum(parts.values()) == len(rows)
    assert parts["test"] == pytest.approx(0.2 * len(rows), rel=0.1)


def test_an_unknown_candidate_is_refused_before_any_work(files, tmp_path):
    with pytest.raises(UnknownNameError, match=r"tfidf_linear\.v1"):
        train(files[0], test=files[1], candidates=["tfidf_liner"], run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("encoder", "tfidf_linear", "soup", "relation_syntax"),
        *("dictionary_translation", "nearest_reply", "reader", "frequent_triples"),
    ],
)
def test_a_candidate_of_another_task_is_refused_before_any_work(name, tmp_path):
    rows = [{"text": f"Ada {n} came", "spans": [[0, 3, "PER"]]} for n in range(30)]
    with pytest.raises(CallError, match=rf"{name}\.v1 is a method of .* the task is ner\..*token_encoder\.v1"):
        train(rows, candidates=[name], run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_rules_without_a_method_are_refused_before_any_work(tmp_path):
    rows = [{"text": f"Ada {n} came", "spans": [[0, 3, "PER"]]} for n in range(30)]
    for settings in ({}, {"methods": {"span_rules": {"member": "crf"}}}):
        with pytest.raises(
            SettingsError, match=r"span_rules\.v1: member is .*only Python can give.*member=Crf"
        ):
            train(rows, candidates=["crf", "span_rules"], settings=settings, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_labels_like_ids_are_refused_before_any_work(tmp_path):
    rows = [{"text": f"a text {n}", "ticket": f"T-{n}", "intent": "ab"[n % 2]} for n in range(60)]
    with pytest.raises(IdLabelError, match=r"60 different values.*55 more.*intent \(2 values\).*--label"):
        train(rows, label="ticket", run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_one_label_only_is_refused_before_any_work(tmp_path):
    rows = [{"text": f"text {n}", "label": "same"} for n in range(50)]
    with pytest.raises(DataError, match="'same'"):
        train(rows, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_leaks_are_left_out_when_asked_and_told(files, tmp_path):
    with files[1].open(encoding="utf-8") as file:
        leaked = next(csv.DictReader(file))
    mine = tmp_path / "mine.csv"
    shutil.copy(files[0], mine)
    with mine.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow([leaked["text"], leaked["label"]])
    settings = {"data": {"drop_leaks": True}}
    run = train(mine, test=files[1], candidates=["tfidf_linear"], settings=settings, run=tmp_path / "run")
    assert any("--drop-leaks left out" in note for note in run.report["data"]["notes"])
    honest = train(mine, test=files[1], candidates=["tfidf_linear"], run=tmp_path / "honest")
    assert any(finding["severity"] == "error" for finding in honest.report["audit"])


def test_a_method_that_breaks_does_not_cost_the_others_their_work(files, tmp_path, monkeypatch):
    from metier.classical import Majority

    def broken(self, *args, **kwargs):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(Majority, "fit", broken)
    run = train(files[0], test=files[1], candidates=["majority", "tfidf_linear"], run=tmp_path / "run")
    failed = next(one for one in run.candidates if one["name"] == "majority.v1")
    assert failed["status"] == "failed"
    assert "RuntimeError" in failed["why"]
    assert run.report["recommended"] == "tfidf_linear.v1"


def test_every_error_can_be_caught_as_one(files, tmp_path):
    with pytest.raises(MetierError):
        train(files[0], test=files[1], text="massage", run=tmp_path / "run")
