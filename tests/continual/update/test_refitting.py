"""The bundle's own method fitted again: nothing is lost by a sketch, labels are edited, a later update goes on."""

import json

import numpy as np
import pytest

from metier.bundles import load_bundle, verify
from metier.cli import program
from metier.continual.update import Edits, UpdateOptions, update
from metier.errors import CallError
from metier.monitoring.run_answers import run_answers
from metier.registry.registry import Registry
from metier.text.duplicates import text_keys
from tests.conftest import few_rows, write_records

NEW, THIRD = ("lost_or_stolen_card", "top_up_failed"), ("pin_blocked",)
OPTIONS = UpdateOptions(accepts_new=True)


@pytest.fixture(scope="module")
def folder(small_runs, tmp_path_factory):
    """A folder with a run's bundle that learned two labels, and what was learned."""
    made = tmp_path_factory.mktemp("refitted")
    write_records(made / "may.csv", few_rows("banking77", "train", NEW, 40))
    write_records(made / "june.csv", few_rows("banking77", "train", THIRD, 40))
    write_records(
        made / "old.csv", few_rows("banking77", "train", ("card_arrival", "exchange_rate", "age_limit"), 30)
    )
    learned(
        small_runs, made, "may", OPTIONS, bundle=small_runs / "runs" / "en" / "candidates" / "tfidf_linear.v1"
    )
    return made


def learned(small_runs, folder, month, options, *, bundle, old="old", suffix=""):
    return update(
        bundle,
        folder / f"{month}.csv",
        old=None if old is None else folder / f"{old}.csv",
        test=small_runs / "en-test.csv",
        output=folder / f"{month}-{options.method}-{old}{suffix}",
        options=options,
    )


def test_tfidf_is_fitted_again_by_itself(folder):
    bundle = load_bundle(folder / "may-auto-old")
    facts = bundle.manifest.update
    assert facts["method"] == "refit.v1"
    assert bundle.manifest.method == "tfidf_linear.v1"
    assert set(NEW) < set(bundle.labels)
    assert "streaming_lda.v1" in facts["methods"]
    own = facts["methods"]["refit.v1"]
    assert own == facts["figures"]
    assert own["old"]["after"]["value"] >= facts["methods"]["joint.v1"]["old"]["after"]["value"]
    assert facts["validation"]["refit.v1"] > 0.7
    verify(folder / "may-auto-old")


def test_words_of_the_new_rows_are_known(folder):
    first = load_bundle(folder / "may-auto-old").predict(["my card was stolen", "the top up did not work"])
    assert list(first.predicted) == list(NEW)


def test_a_watch_measures_by_what_the_bundle_carries(folder, small_runs):
    known = run_answers(folder / "may-auto-old")
    bundle = load_bundle(folder / "may-auto-old")
    figures = bundle.manifest.update["figures"]
    n_old, n_new = figures["old"]["rows"], figures["new"]["rows"]
    right = n_old * figures["old"]["after"]["value"] + n_new * figures["new"]["after"]["value"]
    assert known.correct.sum() == pytest.approx(right)
    assert known.labels == bundle.labels
    rows = few_rows("banking77", "test", ("card_arrival",), 3) + few_rows("banking77", "train", NEW, 40)
    is_learned = np.isin(text_keys([row["message"] for row in rows]), known.learned)
    assert not is_learned[:3].any()
    assert 0.7 < is_learned[3:].mean() < 0.9  # A fifth is held out.
    assert run_answers(small_runs / "runs" / "en" / "candidates" / "tfidf_linear.v1") is None


def test_a_later_update_goes_on_without_the_old_rows(folder, small_runs):
    found = learned(small_runs, folder, "june", OPTIONS, bundle=folder / "may-auto-old", old=None)
    assert found.method == "streaming_lda.v1"
    after = load_bundle(found.folder)
    assert {*NEW, *THIRD} < set(after.labels)
    assert found.facts["figures"]["old"]["after"]["value"] > 0.8
    state = json.loads((found.folder / "update" / "state.json").read_text("utf-8"))
    assert [one["method"] for one in state["history"]] == ["refit.v1", "streaming_lda.v1"]


def test_rows_of_earlier_updates_are_not_left_out_silently(folder, small_runs):
    bundle = folder / "may-auto-old"
    found = learned(small_runs, folder, "june", OPTIONS, bundle=bundle)
    assert found.method == "streaming_lda.v1"
    assert any("learned in earlier updates are not among the old rows" in one for one in found.facts["notes"])
    asked = UpdateOptions(method="refit", accepts_new=True)
    with pytest.raises(CallError, match="'lost_or_stolen_card' has no rows"):
        learned(small_runs, folder, "june", asked, bundle=bundle)
    rows = [(folder / f"{name}.csv").read_text("utf-8").splitlines() for name in ("old", "may")]
    (folder / "all.csv").write_text("\n".join([*rows[0], *rows[1][1:]]) + "\n", encoding="utf-8")
    again = learned(small_runs, folder, "june", OPTIONS, bundle=bundle, old="all")
    assert again.method == "refit.v1"
    assert set(load_bundle(again.folder).labels) >= {*NEW, *THIRD, "age_limit"}


def test_labels_are_edited(folder, small_runs):
    edits = Edits.parse(("age_limit=age",), ("card_arrival,exchange_rate=other",), ())
    asked = UpdateOptions(method="refit", accepts_new=True, edits=edits)
    bundle = small_runs / "runs" / "en" / "candidates" / "tfidf_linear.v1"
    found = learned(small_runs, folder, "may", asked, bundle=bundle, suffix="-edited")
    assert set(load_bundle(found.folder).labels) == {"age", "other", *NEW}
    assert found.facts["figures"]["old"]["after"]["value"] > 0.8


def test_what_cannot_be_fitted_again_is_said(folder, small_runs):
    head = learned(
        small_runs, folder, "june", UpdateOptions(method="nearest_mean", accepts_new=True),
        bundle=folder / "may-auto-old", old=None,
    )  # fmt: skip
    with pytest.raises(CallError, match="a bundle of one method that metier train has fitted"):
        learned(small_runs, folder, "may", UpdateOptions(method="refit", accepts_new=True), bundle=head.folder)


def test_an_update_is_promoted_where_the_gate_lets_it(folder, small_runs, capsys):
    registry = Registry(folder / "registry")
    bundle = small_runs / "runs" / "en" / "candidates" / "tfidf_linear.v1"
    registry.add(bundle, "support")
    registry.promote("support", 1, force=True, why="first")
    command = [
        "update",
        bundle,
        folder / "may.csv",
        "--old",
        folder / "old.csv",
        "--test",
        small_runs / "en-test.csv",
    ]
    command += [
        "--new-labels",
        "--promote",
        "support",
        "--registry",
        folder / "registry",
        "--output",
        folder / "asked",
    ]
    code = program.run([*map(str, command), "--json"])  # So few test rows cannot tell.
    told = json.loads(capsys.readouterr().out)
    assert told["method"] == "refit.v1"
    assert code == (0 if told["gate"]["may_go_live"] else 1)
    assert registry.version("support").number == (2 if code == 0 else 1)
    assert told["gate"]["promotion"]["is_promoted"] is (code == 0)
    assert told["gate"]["forgetting"]["items"]
