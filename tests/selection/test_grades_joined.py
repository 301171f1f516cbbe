"""Methods that know the order of grades and methods that do not, joined."""

from pathlib import Path

import numpy as np
import pytest

import metier
from metier.bundles import load_bundle

NEWS = Path(__file__).parents[2] / "examples" / "twitter_financial_news" / "train.csv"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rows = metier.read(NEWS)
    rows = rows.take(np.random.default_rng(0).permutation(len(rows))[:600])
    return metier.train(
        rows,
        task="grading",
        candidates=["tfidf_linear", "ordinal_logistic", "average"],
        budget="4m",
        run=tmp_path_factory.mktemp("grades") / "run",
        settings={"refit": False, "order": ("bearish", "neutral", "bullish")},
    )


def test_members_of_another_order_are_averaged_label_by_label(run):
    by_name = {one["name"]: one for one in run.candidates}
    assert by_name["average.v1"]["status"] == "trained"
    answers = {
        name: load_bundle(run.folder / "candidates" / name).predict(["shares fall after profit warning"])
        for name in by_name
    }
    assert answers["average.v1"].labels == ("bearish", "neutral", "bullish")
    assert answers["tfidf_linear.v1"].labels == ("bearish", "bullish", "neutral")
    accuracy = {name: one["test"]["accuracy"]["value"] for name, one in by_name.items()}
    assert accuracy["average.v1"] >= min(accuracy["tfidf_linear.v1"], accuracy["ordinal_logistic.v1"]) - 0.02
