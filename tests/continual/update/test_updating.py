"""A trained run learns new labels from the command line, twice; the old bundle stays as it is."""

import json
import subprocess
import sys

import pytest

from metier.bundles import load_bundle, verify
from metier.cli.program import run as run_program
from metier.continual.update.replay_store import ReplayStore
from tests.conftest import few_rows, write_records

NEW, THIRD = ("lost_or_stolen_card", "top_up_failed"), ("pin_blocked",)


def rows(labels, part="train", n=40, subject=None):
    found = few_rows("banking77", part, labels, n)
    return [one | ({"subject": subject} if subject else {}) for one in found]


def call(small_runs, folder):
    """The update of May; a run from Python does not know the files of its rows."""
    old = ["--old", str(small_runs / "en-train.csv"), "--test", str(small_runs / "en-test.csv")]
    return ["update", str(small_runs / "runs" / "en"), str(folder / "may.csv"), *old]


@pytest.fixture(scope="module")
def updated(small_runs, tmp_path_factory):
    """A folder with a bundle that learned two labels, and one that went on from it without the old rows."""
    folder = tmp_path_factory.mktemp("updates")
    write_records(folder / "may.csv", rows(NEW, subject="ada"))
    write_records(folder / "june.csv", rows(THIRD))
    replay = ["--replay", str(folder / "replay.sqlite")]
    first = [*call(small_runs, folder), "--new-labels", "--json", *replay]
    assert run_program([*first, "--output", str(folder / "may")]) == 0
    test = ["--test", str(small_runs / "en-test.csv"), "--method", "replay"]
    second = ["update", str(folder / "may"), str(folder / "june.csv"), "--new-labels", *replay, *test]
    assert run_program([*second, "--output", str(folder / "june"), "--rename", "age_limit=age"]) == 0
    return folder


def test_new_labels_are_known_and_old_ones_kept(updated, small_runs):
    bundle = load_bundle(updated / "june")
    assert {*NEW, *THIRD, "age"} <= set(bundle.labels)
    assert "age_limit" not in bundle.labels
    facts = bundle.manifest.update
    assert facts["method"] == "replay.v1"
    assert facts["figures"]["old"]["after"]["value"] > 0.6
    assert facts["figures"]["new"]["after"]["value"] > 0.6
    assert facts["figures"]["forgetting"]["low"] <= facts["figures"]["forgetting"]["value"]
    naive = load_bundle(updated / "may").manifest.update["methods"]["naive.v1"]
    assert naive["forgetting"]["value"] > facts["figures"]["forgetting"]["value"]
    verify(small_runs / "runs" / "en" / "best")
    assert "lost_or_stolen_card" not in load_bundle(small_runs / "runs" / "en").labels


def test_ids_go_on_through_updates(updated):
    state = json.loads((updated / "june" / "update" / "state.json").read_text("utf-8"))
    ids = [one["id"] for one in state["labels"]]
    assert ids == list(range(len(ids)))
    assert [one["formerly"] for one in state["labels"] if one["name"] == "age"] == [["age_limit"]]
    assert [one["method"] for one in state["history"]][-1] == "replay.v1"


def test_it_answers_without_torch(updated):
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['transformers'] = None\n"
        "from metier.bundles import load_bundle\n"
        f"print(load_bundle({str(updated / 'june')!r}).predict(['my card was stolen']).record(0)['label'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "lost_or_stolen_card"


def test_the_same_call_again_ends_in_the_same(updated, small_runs, capsys):
    before = (updated / "may" / "manifest.json").read_bytes()
    again = [*call(small_runs, updated), "--new-labels", "--json", "--output", str(updated / "may")]
    again += ["--replay", str(updated / "replay.sqlite")]
    assert run_program(again) == 0
    assert (updated / "may" / "manifest.json").read_bytes() == before
    assert json.loads(capsys.readouterr().out)["method"]
    assert run_program([*again, "--method", "naive"]) == 2  # Another update, and the place is taken.


def test_unknown_labels_change_nothing(updated, small_runs, capsys):
    assert run_program([*call(small_runs, updated), "--output", str(updated / "nowhere")]) == 1
    assert "--new-labels" in capsys.readouterr().err
    assert not (updated / "nowhere").exists()


def test_erasing_reaches_the_store(updated, capsys):
    store = ReplayStore(updated / "replay.sqlite")
    before = store.rows()
    own = [one for one in before if one.subject is not None]
    assert own
    assert {one.label for one in own} == set(NEW)
    assert "ada" not in {one.subject for one in own}
    assert run_program(["erase", "--subject", "ada", "--replay", str(updated / "replay.sqlite")]) == 0
    assert [one for one in store.rows() if one.subject is not None] == []
    assert len(store.rows()) == len(before) - len(own)
    store.keep([*before], digest="again")
    assert len(store.rows()) == len(before) - len(own)  # None of theirs is taken again.
    store.close()
    assert (updated / "replay.sqlite").read_bytes().find(own[0].text.encode()) == -1
