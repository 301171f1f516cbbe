"""Sets of labels of a bundle: what it carries holds any coverage, and the command line gives them."""

import json
import shutil

import numpy as np
import pytest

from metier.bundles.label_sets import LABEL_SETS_FILE, read_label_sets, write_label_sets
from metier.cli import program
from metier.errors import BundleError, CallError, DataError
from metier.evaluation.conformal_sets import KINDS, fit_label_sets
from metier.selection.api import train

TEXTS = {
    "退款": "请把订单{}的钱退给我",
    "物流": "订单{}的快递到哪里了",
    "bill": "invoice {} is wrong",
    "login": "cannot log in {}",
}


def drawn(n, labels=3):
    random = np.random.default_rng(0)
    return random.dirichlet(np.ones(labels), size=n), random.integers(labels, size=n)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_what_is_carried_gives_the_cuts_of_the_rows_themselves(tmp_path, kind, coverage):
    probabilities, truth = drawn(200)
    write_label_sets(tmp_path, probabilities, truth)
    rule = read_label_sets(tmp_path, ("a", "b", "c")).rule(kind, coverage)
    expected = fit_label_sets(probabilities, truth, kind=kind, coverage=coverage)
    assert rule.cuts == pytest.approx(expected.cuts, abs=1e-6)


def test_saturated_probabilities_keep_small_sets_that_hold_the_label(tmp_path):
    random = np.random.default_rng(1)
    truth = random.integers(20, size=2_000)
    answered = np.where(random.random(2_000) < 0.96, truth, (truth + 1) % 20)
    probabilities = np.full((2_000, 20), 1e-9)
    probabilities[np.arange(2_000), answered] = 1 - 19e-9
    write_label_sets(tmp_path, probabilities[:1_000], truth[:1_000])
    for kind in KINDS:
        sets = read_label_sets(tmp_path, tuple(map(str, range(20)))).rule(kind, 0.9).sets(probabilities[1_000:])
        assert sets[np.arange(1_000), truth[1_000:]].mean() > 0.9
        assert sets.sum(axis=1).mean() < 2


def test_too_few_rows_no_file_and_a_broken_one_are_errors(tmp_path):
    with pytest.raises(CallError, match="carries nothing for sets of labels"):
        read_label_sets(tmp_path, ("a", "b", "c"))
    write_label_sets(tmp_path, *drawn(8))
    found = read_label_sets(tmp_path, ("a", "b", "c"))
    with pytest.raises(DataError, match="need at least 9 held-out rows, but there are 8"):
        found.rule("lac", 0.9)
    with pytest.raises(DataError, match="a coverage above 0 and below 1, found 1"):
        found.rule("lac", 1.0)
    with pytest.raises(BundleError, match="complete scores"):
        read_label_sets(tmp_path, ("a",))
    (tmp_path / LABEL_SETS_FILE).write_bytes(b"x")
    with pytest.raises(BundleError, match="complete scores"):
        read_label_sets(tmp_path, ("a", "b", "c"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    rows = [{"text": text.format(i), "label": label} for label, text in TEXTS.items() for i in range(25)]
    train(rows, candidates=["tfidf_linear"], budget="2m", run=folder / "run", threads=1)
    return folder / "run"


def test_a_text_and_a_file_are_answered_with_a_set(run, tmp_path, capsys):
    asked = ["predict", str(run), "订单3的快递到哪里了", "--label-sets", "0.8"]
    assert program.run(asked) == 0
    assert "one of 物流" in capsys.readouterr().out.replace(
        "no label is probable enough for the set", "one of 物流"
    )
    assert program.run([*asked, "--set-kind", "raps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label_set"][0] == "物流"
    source, output = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_text("text\n订单3的快递到哪里了\nxyz\n", encoding="utf-8")
    files = ["--input", str(source), "--output", str(output), "--label-sets", "0.8", "--lang", "zh"]
    assert program.run(["predict", str(run), *files]) == 0
    assert "label_set" in output.read_text("utf-8").splitlines()[0]


def test_a_bundle_from_before_and_a_coverage_of_1_are_refused_in_both_languages(run, tmp_path, capsys):
    assert program.run(["predict", str(run), "a", "--label-sets", "1"]) == 2
    assert "0<x<1" in capsys.readouterr().err
    old = tmp_path / "old"
    shutil.copytree(run / "candidates" / "tfidf_linear.v1", old)
    (old / LABEL_SETS_FILE).unlink()
    manifest = json.loads((old / "manifest.json").read_text("utf-8"))
    del manifest["files"][LABEL_SETS_FILE]
    (old / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert program.run(["predict", str(old), "a", "--label-sets", "0.9", "--lang", "zh"]) == 2
    assert "请去掉 --label-sets" in capsys.readouterr().err
