"""What a bundle has forgotten is found label by label, what it has not passes, and few rows cannot tell."""

import csv
import json
import shutil

import numpy as np
import pytest

from metier.assurance.forgetting.judging import ALL, LABEL, ForgettingSettings, Item, judge_items
from metier.assurance.forgetting.result import Forgotten
from metier.assurance.gating import gate
from metier.assurance.policy import forgetting_policy, read_policy
from metier.cli import program
from metier.errors import CallError
from metier.evaluation.paired_shares import PairedCounts
from tests.conftest import few_rows, write_records

LABELS = ("card_arrival", "exchange_rate", "age_limit", "activate_my_card", "atm_support", "cancel_transfer")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Runs fitted on few rows of five labels (old), on more rows of six (new), and on these with one label lost."""
    import metier

    folder = tmp_path_factory.mktemp("forgetting")
    rows = few_rows("banking77", "train", LABELS, 110)
    random = np.random.default_rng(0)
    rows = [rows[int(place)] for place in random.permutation(len(rows))]
    write_records(folder / "test.csv", rows[300:])
    made = {
        "old": [row for row in rows[:150] if row["intent"] != LABELS[5]],
        "new": rows[:300],
        "lost": [row | ({"intent": LABELS[1]} if row["intent"] == LABELS[0] else {}) for row in rows[:300]],
    }
    for name, some in made.items():
        write_records(folder / f"{name}.csv", some)
        metier.train(
            folder / f"{name}.csv",
            candidates=["tfidf_linear"],
            text="message",
            label="intent",
            run=folder / name,
            budget=1,
        )
    return folder


def judged(bundles, name, **settings):
    policy = forgetting_policy(ForgettingSettings(**settings))
    found = gate(bundles / name, policy, rows=bundles / "test.csv", live=bundles / "old", seals=False)
    return found.result, found.facts["forgetting"]


def test_a_bundle_that_learned_more_has_forgotten_nothing(bundles):
    result, facts = judged(bundles, "new")
    assert result.outcome == "pass", [one for one in facts["items"] if one["verdict"] != "pass"]
    assert result.may_go_live
    assert facts["new_labels"][LABELS[5]]["right"] > 0
    assert {one["kind"] for one in facts["items"]} == {"all", "label", "slice", "behaviour"}
    assert LABELS[5] not in {one["name"] for one in facts["items"]}


def test_a_label_that_was_lost_is_named(bundles):
    result, facts = judged(bundles, "lost")
    assert result.outcome == "fail"
    assert not result.may_go_live
    failed = {one["name"]: one for one in facts["items"] if one["verdict"] == "fail"}
    assert {"all rows", LABELS[0]} <= set(failed)
    assert failed[LABELS[0]]["high"] < -0.5
    assert LABELS[1] not in failed


def test_a_label_of_another_name_is_the_same(bundles, tmp_path):
    for name in ("old", "test"):
        with (bundles / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        renamed = [row | {"intent": "arrival"} if row["intent"] == LABELS[0] else row for row in rows]
        write_records(tmp_path / f"{name}.csv", renamed)
    import metier

    metier.train(
        tmp_path / "old.csv",
        candidates=["tfidf_linear"],
        text="message",
        label="intent",
        run=tmp_path / "new",
        budget=1,
    )
    policy = forgetting_policy(ForgettingSettings(renamed={LABELS[0]: "arrival"}, edits=False))
    found = gate(tmp_path / "new", policy, rows=tmp_path / "test.csv", live=bundles / "old", seals=False)
    [label] = [one for one in found.facts["forgetting"]["items"] if one["name"] == "arrival"]
    assert (label["lost"], label["verdict"]) == (0, "pass")


def items(*counts, tolerance=0.1):
    return [Item(ALL, "all rows", PairedCounts(0, 0, 5_000), 0.01)] + [
        Item(LABEL, f"label {place}", PairedCounts(*one), tolerance) for place, one in enumerate(counts)
    ]


def test_few_rows_cannot_tell_and_say_how_many_would():
    found = judge_items(items((0, 0, 12), (3, 3, 60)), level=0.95)
    assert [one.outcome for one in found] == ["pass", "cannot tell", "pass"]
    needed = 12 + found[1].more_rows
    assert judge_items(items((0, 0, needed)), level=0.95)[1].outcome == "pass"
    assert judge_items(items((0, 0, needed - 2)), level=0.95)[1].outcome == "cannot tell"


def test_a_fall_among_many_labels_needs_more_evidence_than_alone():
    alone = judge_items([Item(LABEL, "one", PairedCounts(7, 1, 40), 0.1)], level=0.95)
    among = judge_items(items((7, 1, 40), *[(1, 1, 400)] * 60), level=0.95)
    assert alone[0].outcome == "fail"
    assert among[1].outcome == "cannot tell"


def test_what_cannot_be_told_blocks_unless_it_is_said_otherwise():
    found = judge_items(items((0, 0, 12)), level=0.95)
    whole = [Forgotten(found, ForgettingSettings(cannot_tell=how), 0.95, {}) for how in ("blocks", "passes")]
    assert [one.may_go_live for one in whole] == [False, True]
    assert whole[0].more_rows == found[1].more_rows
    of_all = judge_items([Item(ALL, "all rows", PairedCounts(9, 9, 300), 0.01)], level=0.95)
    assert not Forgotten(of_all, ForgettingSettings(cannot_tell="passes"), 0.95, {}).may_go_live


def test_a_policy_asks_for_it(bundles, tmp_path, capsys):
    shutil.copytree(bundles / "new", tmp_path / "new", symlinks=True)
    shutil.copy(bundles / "test.csv", tmp_path)
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"rows: test.csv\nlive: {bundles / 'old'}\nforgetting:\n  labels: 0.15\n  edits: false\n")
    assert (
        program.run(
            ["gate", str(tmp_path / "new"), "--policy", str(policy), "--junit", str(tmp_path / "j.xml")]
        )
        == 0
    )
    shown = capsys.readouterr().out
    assert "all rows" in shown
    assert f"new label {LABELS[5]}" in shown
    assert "forgetting: label card_arrival" in (tmp_path / "j.xml").read_text()


def test_the_command_names_what_was_lost_in_chinese(bundles, capsys):
    command = [
        "gate",
        str(bundles / "lost"),
        "--against",
        str(bundles / "old"),
        "--rows",
        str(bundles / "test.csv"),
    ]
    assert program.run([*command, "--no-seal", "--lang", "zh"]) == 1
    shown = capsys.readouterr().out
    assert f"标签 {LABELS[0]}" in shown
    assert "变错" in shown
    assert program.run([*command, "--no-seal", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["forgetting"]["verdict"] == "fail"


@pytest.mark.parametrize("entry", ["labels: 2", "cannot_tell: maybe", "label: 0.1", "[1]"])
def test_a_wrong_entry_is_named(tmp_path, entry):
    (tmp_path / "policy.yaml").write_text(f"forgetting:\n  {entry}\n")
    with pytest.raises(CallError, match=r"policy\.yaml, forgetting"):
        read_policy(tmp_path / "policy.yaml")
