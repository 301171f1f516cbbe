"""`--augment` on a run: training rows only, counted and said."""

import csv
from pathlib import Path

import pytest

from metier.data import read
from metier.errors import CallError, SettingsError
from metier.selection.api import train
from metier.selection.rows.augmenting import check_augmentation
from metier.selection.settings import check_settings

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
LABELS = ("card_arrival", "exchange_rate", "age_limit")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for name in ("train", "test"):
        with (EXAMPLES / "banking77" / f"{name}.csv").open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["label"] in LABELS]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["text", "label"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows[::4])
    return folder


@pytest.fixture(scope="module")
def runs(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def run(name, **data):
        settings = {"data": data, "refit": False}
        return train(
            files / "train.csv",
            test=files / "test.csv",
            candidates=["majority", "tfidf_linear"],
            settings=settings,
            run=folder / name,
        ).report["data"]

    return run("plain"), run("made", augment="swap:0.3,keyboard", augment_times=2)


def test_only_training_rows_are_made(runs):
    plain, made = (run["rows"] for run in runs)
    assert made["train"] > 2 * plain["train"]
    assert (made["validation"], made["test"]) == (plain["validation"], plain["test"])


def test_the_report_says_how_many(runs):
    plain, made = runs
    note = next(note for note in made["notes"] if "--augment" in note)
    added = made["rows"]["train"] - plain["rows"]["train"]
    assert note.startswith(
        f"--augment swap:0.3,keyboard added {added:,} rows to {plain['rows']['train']:,} training rows"
    )
    assert not any("--augment" in note for note in plain["notes"])


def test_what_cannot_be_done_is_said_before_any_work():
    rows = read([("my card", "a"), ("my pin", "b")] * 3)
    with pytest.raises(SettingsError, match="there is no augmentation 'typos'"):
        check_augmentation(rows, check_settings({"data": {"augment": "typos"}}))
    written = read([{"text": "bonjour", "target": "hello"}] * 4, target="target")
    with pytest.raises(CallError, match="the target text"):
        check_augmentation(written, check_settings({"data": {"augment": "eda"}, "task": "generation"}))
