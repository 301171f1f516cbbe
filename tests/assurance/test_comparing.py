"""Comparing runs, models and files of answers: figures are held against sklearn's and scipy's."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

import metier
from metier.bundles import adapt, load_bundle
from metier.errors import (
    BundleError,
    CallError,
    DataError,
    MissingColumnError,
    UnknownLabelError,
    UnknownNameError,
)
from metier.runs.run_folder import RunFolder


@pytest.fixture(scope="module")
def folder(small_runs, tmp_path_factory):
    """Answers of the run `en` and of a worse model in files, beside the labelled rows with ids and a column."""
    made = tmp_path_factory.mktemp("compared")
    with (small_runs / "en-test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    good = load_bundle(small_runs / "runs" / "en").predict([row["message"] for row in rows])
    worse = [answer if number % 4 else "age_limit" for number, answer in enumerate(good.predicted)]
    truth = [{**row, "id": f"r{n}", "way": "app" if n % 2 else "web"} for n, row in enumerate(rows)]
    write(made / "truth.csv", truth)
    write(
        made / "good.csv",
        [{"id": one["id"], "prediction": a} for one, a in zip(truth, good.predicted, strict=True)][::-1],
    )
    write(
        made / "worse.csv",
        [{"message": one["message"], "predicted": a} for one, a in zip(truth, worse, strict=True)],
    )
    return made


def write(path, records):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def of_label(folder, name):
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_files_from_anywhere_against_the_truth(folder):
    found = metier.compare([folder / "good.csv", folder / "worse.csv"], truth=folder / "truth.csv", by="way")
    [one] = found.facts["comparisons"]
    truth = {row["id"]: row["intent"] for row in of_label(folder, "truth.csv")}
    good = {row["id"]: row["prediction"] for row in of_label(folder, "good.csv")}
    worse = [row["predicted"] for row in of_label(folder, "worse.csv")]
    right = [good[key] == label for key, label in truth.items()]
    wrong = [answer == label for answer, label in zip(worse, truth.values(), strict=True)]
    only_a = sum(a and not b for a, b in zip(right, wrong, strict=True))
    only_b = sum(b and not a for a, b in zip(right, wrong, strict=True))
    assert one["outcome"] == "a is better"
    assert one["difference"] == pytest.approx(np.mean(right) - np.mean(wrong))
    assert (one["mcnemar"]["only_a"], one["mcnemar"]["only_b"]) == (only_a, only_b)
    assert one["mcnemar"]["exact_p"] == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert one["low"] < one["within_low"] < one["difference"] < one["within_high"] < one["high"]
    assert (one["flips"]["worse"], one["flips"]["better"]) == (only_a, only_b)
    listed = one["flips"]["listed"][0]
    assert listed["truth"] == listed["a"] != listed["b"] == "age_limit"
    assert listed["text"] == of_label(folder, "truth.csv")[listed["row"] - 1]["message"]
    assert any("rows are matched by id" in note for note in found.facts["notes"])
    assert any("rows are matched by message" in note for note in found.facts["notes"])
    assert {part["value"] for part in one["slices"] if part["column"] == "way"} == {"app", "web"}
    # Every fourth answer was made wrong, and these are all in even rows.
    assert [part["value"] for part in one["slices"] if part["verdict"] == "a is better" and part["column"]] == [
        "web"
    ]
    assert found.is_worse
    assert not metier.compare([folder / "worse.csv", folder / "good.csv"], truth=folder / "truth.csv").is_worse


def test_a_run_a_bundle_and_its_answers_in_a_file_are_the_same(folder, small_runs):
    """Stored, asked and read: three ways to the same answers, and many rows alike are not yet equality."""
    run = small_runs / "runs" / "en"
    found = metier.compare([run, folder / "good.csv"], truth=folder / "truth.csv").facts
    assert [side["how"] for side in found["sides"]] == ["stored", "file"]
    assert found["comparisons"][0]["difference"] == 0
    assert found["comparisons"][0]["outcome"] == "cannot tell"
    assert found["comparisons"][0]["more_rows"] > 0
    wide = metier.compare([run, folder / "good.csv"], truth=folder / "truth.csv", tolerance=0.1)
    assert wide.outcomes[0][2] == "equivalent"
    half = metier.read(folder / "truth.csv", text="message", label="intent").take(range(40))
    some = metier.compare([run, folder / "good.csv"], truth=half, common=True).facts
    assert [side["how"] for side in some["sides"]] == ["asked", "file"]
    assert some["comparisons"][0]["mcnemar"]["only_a"] == some["comparisons"][0]["mcnemar"]["only_b"] == 0


def test_runs_read_their_test_rows_again_and_say_where_they_are_gone(small_runs, tmp_path):
    shutil.copytree(small_runs / "runs" / "en", tmp_path / "en", symlinks=True)
    pair = [tmp_path / "en", tmp_path / "en" / "majority.v1"]
    found = metier.compare(pair).facts
    assert found["comparisons"][0]["flips"]["listed"][0]["text"]
    assert any(part["by"] == "length" for part in found["comparisons"][0]["slices"])
    stated = (tmp_path / "en" / "data.json").read_text("utf-8")
    (tmp_path / "en" / "data.json").write_text(stated.replace("en-test.csv", "gone.csv"), "utf-8")
    without = metier.compare(pair).facts
    assert "the file of the test rows is not where it was" in without["notes"][0]
    assert without["comparisons"][0]["flips"]["listed"][0]["text"] is None
    assert {part["by"] for part in without["comparisons"][0]["slices"]} == {"label"}
    for name in ("difference", "low", "high", "p_value"):
        assert without["comparisons"][0][name] == found["comparisons"][0][name]


def test_few_rows_have_the_training_rows_of_the_folds_beside(small_runs):
    run = RunFolder(small_runs / "runs" / "en")
    [one] = metier.compare([run.path, run.path / "majority.v1"]).facts["comparisons"]
    truth, _ = run.truth("out_of_fold")
    right = [
        np.mean([a == b for a, b in zip(truth, run.answers(name, "out_of_fold").predicted, strict=True)])
        for name in ("tfidf_linear.v1", "majority.v1")
    ]
    assert one["folds"]["rows"] == len(truth)
    assert one["folds"]["folds"] == len(one["folds"]["differences"]) == 4
    assert one["folds"]["difference"] == pytest.approx(right[0] - right[1])


def test_of_more_than_two_each_is_compared_with_the_first_or_the_best(folder, small_runs):
    given = [folder / "worse.csv", folder / "good.csv", small_runs / "runs" / "en" / "majority.v1"]
    first = metier.compare(given, truth=folder / "truth.csv")
    assert [(Path(a).name, outcome) for a, _, outcome in first.outcomes] == [
        ("worse.csv", "b is better"),
        ("worse.csv", "a is better"),
    ]
    best = metier.compare(given, truth=folder / "truth.csv", against="best")
    assert {Path(a).name for a, _, _ in best.outcomes} == {"good.csv"}
    with pytest.raises(UnknownNameError, match="first"):
        metier.compare(given, truth=folder / "truth.csv", against="last")


def test_the_truth_may_stand_beside_the_answers(folder, tmp_path):
    truth = of_label(folder, "truth.csv")
    both = write(tmp_path / "both.csv", [{**row, "prediction": row["intent"]} for row in truth])
    found = metier.compare([both, folder / "worse.csv"]).facts
    assert found["sides"][0]["metrics"]["accuracy"]["value"] == 1
    assert f"what is right is the column intent of {both} (--truth FILE)" in found["notes"]
    with pytest.raises(CallError, match="give the file of labelled rows with --truth"):
        metier.compare([folder / "good.csv", folder / "worse.csv"])


def test_rows_that_do_not_match_are_refused_or_left_out(folder, tmp_path):
    some = write(tmp_path / "some.csv", of_label(folder, "good.csv")[:50])
    with pytest.raises(DataError, match=r"40 of 90 rows of .*truth\.csv have no answer in it"):
        metier.compare([some, folder / "worse.csv"], truth=folder / "truth.csv")
    found = metier.compare([some, folder / "worse.csv"], truth=folder / "truth.csv", common=True).facts
    assert found["rows"] == 50
    assert found["notes"][-1] == "--common left out 40 rows of 90 that not all have answered"


def test_answers_that_are_no_label_count_as_wrong_and_only_such_are_refused(folder, tmp_path):
    rows = of_label(folder, "good.csv")
    odd = write(
        tmp_path / "odd.csv", [{**row, "prediction": "lost"} if n < 9 else row for n, row in enumerate(rows)]
    )
    found = metier.compare([folder / "good.csv", odd], truth=folder / "truth.csv").facts
    assert any("9 answers are no label" in note for note in found["notes"])
    none = write(tmp_path / "none.csv", [{**row, "prediction": "7"} for row in rows])
    with pytest.raises(UnknownLabelError, match=r"None of the answers of .* the first is '7'"):
        metier.compare([folder / "good.csv", none], truth=folder / "truth.csv")


def test_models_from_elsewhere_are_asked(folder):
    always = adapt(
        lambda items: ["age_limit"] * len(items),
        labels=["age_limit", "card_arrival", "exchange_rate"],
        name="one",
    )
    found = metier.compare([always, folder / "good.csv"], truth=folder / "truth.csv")
    assert found.outcomes == [("one", str(folder / "good.csv"), "b is better")]
    assert found.facts["sides"][0]["metrics"]["accuracy"]["value"] == pytest.approx(1 / 3)


def test_what_cannot_be_compared_says_why(folder, small_runs, tmp_path):
    en, zh = small_runs / "runs" / "en", small_runs / "runs" / "zh"
    with pytest.raises(CallError, match="have different test rows"):
        metier.compare([en, zh])
    with pytest.raises(CallError, match="takes two or more"):
        metier.compare([en])
    with pytest.raises(CallError, match="is given twice"):
        metier.compare([en, en])
    with pytest.raises(CallError, match="There is nothing at"):
        metier.compare([en, tmp_path / "away"])
    with pytest.raises(BundleError, match="neither a bundle"):
        metier.compare([en, tmp_path])
    with pytest.raises(MissingColumnError, match="--by"):
        metier.compare([en, folder / "good.csv"], truth=folder / "truth.csv", by="wax")
    with pytest.raises(UnknownNameError, match="macro_f1"):
        metier.compare([en, folder / "good.csv"], truth=folder / "truth.csv", metric="macro_f2")
    spans = adapt(lambda items: [[]] * len(items), task="ner", labels=["PER"], name="tagger")
    with pytest.raises(CallError, match=r"different tasks \(classification and ner\)"):
        metier.compare([en, spans], truth=folder / "truth.csv")


TRUTHS = {
    "multi_label": [{"text": f"text number {n}", "labels": ["a", "b"] if n % 3 else ["b"]} for n in range(60)],
    "ner": [{"text": f"Ann met Bob {n}", "spans": [[0, 3, "PER"], [8, 11, "PER"]]} for n in range(60)],
    "regression": [{"text": f"text number {n}", "score": n / 7} for n in range(60)],
    "generation": [{"text": f"a long document {n}", "target": f"short summary {n}"} for n in range(60)],
    "extractive_qa": [
        {"text": f"He lives in Paris {n}.", "question": "Where?", "answers": [{"text": "Paris", "start": 12}]}
        for n in range(60)
    ],
}
ANSWERS = {  # Right ones, and others.
    "multi_label": (lambda row: row["labels"], lambda row: []),
    "ner": (lambda row: row["spans"], lambda row: row["spans"][:1]),
    "regression": (lambda row: row["score"], lambda row: row["score"] + 3),
    "generation": (lambda row: row["target"], lambda row: "something else"),
    "extractive_qa": (lambda row: "Paris", lambda row: "He"),
}


@pytest.mark.parametrize("task", TRUTHS)
def test_answers_of_every_form_are_compared(task, tmp_path):
    rows, (right, other) = TRUTHS[task], ANSWERS[task]
    roles = {"labels": "labels", "spans": "spans", "score": "score", "target": "target", "answers": "answers"}
    own = {role: column for role, column in roles.items() if column in rows[0]}
    own |= {"text": "text"} | ({"question": "question"} if "question" in rows[0] else {})
    truth = metier.read(rows, **own)
    for name, answer in (("a", right), ("b", other)):
        lines = [
            json.dumps({"prediction": answer(row) if name == "a" or n % 2 else right(row)})
            for n, row in enumerate(rows)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    found = metier.compare([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], truth=truth, task=task).facts
    assert found["task"] == task
    assert found["comparisons"][0]["outcome"] == "a is better"
    assert found["comparisons"][0]["flips"]["worse"] == 30
    assert found["comparisons"][0]["flips"]["better"] == 0


def test_a_hundred_runs_are_compared_without_loading_one(small_runs, tmp_path, monkeypatch):
    """Their answers are kept: no predictor is loaded and nothing is asked."""
    made = hundred(small_runs / "runs" / "en", tmp_path)
    monkeypatch.setattr("metier.assurance.compared.load_model", None)
    found = metier.compare(made, against="best").facts
    assert len(found["sides"]) == 100
    assert len(found["comparisons"]) == 99
    assert all(side["how"] == "stored" for side in found["sides"])
    best = max(found["sides"], key=lambda side: side["metrics"]["accuracy"]["value"])
    assert {one["a"] for one in found["comparisons"]} == {best["name"]}
    assert "flips" not in found["comparisons"][0]


def hundred(run, folder):
    """Copies of a run whose recommended candidate answered differently."""
    truth, _ = RunFolder(run).truth("test")
    rng = np.random.default_rng(0)
    made = []
    for number in range(100):
        copy = folder / f"run-{number}"
        shutil.copytree(run, copy, symlinks=True, ignore=shutil.ignore_patterns("report.html", "*.safetensors"))
        answered = [label if rng.random() < 0.5 + number / 250 else "age_limit" for label in truth]
        right = float(np.mean([a == b for a, b in zip(answered, truth, strict=True)]))
        lines = "".join(json.dumps([label, None]) + "\n" for label in answered)
        (copy / "answers" / "tfidf_linear.v1.test.jsonl").write_text(lines, "ascii")
        report = json.loads((copy / "report.json").read_text("utf-8"))
        chosen = next(one for one in report["candidates"] if one["name"] == "tfidf_linear.v1")
        chosen["test"]["accuracy"]["value"] = right
        (copy / "report.json").write_text(json.dumps(report), "utf-8")
        made.append(copy)
    return made
