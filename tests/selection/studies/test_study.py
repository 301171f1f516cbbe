"""Seeds and learning curves of a run: on real rows, with the candidates that take seconds."""

import csv
import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import metier
from metier.data import read
from metier.data.strata import nested_order
from metier.selection.api import train
from metier.selection.scores import Scores
from metier.selection.studies.growing_rows import curve_sizes
from metier.selection.studies.learning_curve import curve_of
from metier.selection.studies.seeds import seeds_that_fit, spread_of
from metier.tasks import Classification

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def part(split, target, *, letters):
    """The rows of banking77 whose label begins with one of some letters."""
    with (EXAMPLES / f"banking77/{split}.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"][0] in letters]
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(rows)
    return target


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    return part("train", folder / "train.csv", letters="et"), part("test", folder / "test.csv", letters="et")


@pytest.fixture(scope="module")
def curves(files, tmp_path_factory):
    """Made from Python; `studied` reads what it left."""
    return metier.learning_curve(
        files[0],
        test=files[1],
        candidates=["majority", "tfidf_linear"],
        budget="5m",
        settings={"seeds": 3, "random_state": 5},
        run=tmp_path_factory.getbasetemp() / "studied",
    )


@pytest.fixture(scope="module")
def studied(curves, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "studied"
    return SimpleNamespace(folder=folder, report=json.loads((folder / "report.json").read_text("utf-8")))


def test_the_spread_is_that_of_the_seeds_answers(studied, files):
    facts = {one["name"]: one for one in studied.report["seeds"]["candidates"]}["tfidf_linear.v1"]
    assert facts["seeds"] == [5, 6, 7]
    spread = facts["test"]["accuracy"]
    assert spread["min"] <= spread["mean"] <= spread["max"]
    assert spread["sd"] == pytest.approx(np.std(spread["values"], ddof=1))
    truth = read(files[1]).labels
    for folder, value in zip(("first", "seed-6", "seed-7"), spread["values"], strict=True):
        lines = (studied.folder / "reruns" / folder / "answers" / "tfidf_linear.v1.test.jsonl").read_text()
        found = [json.loads(line)[0] for line in lines.splitlines()]
        assert np.mean([a == b for a, b in zip(found, truth, strict=True)]) == pytest.approx(value)


def test_what_takes_no_seed_is_not_trained_again(studied):
    facts = {one["name"]: one for one in studied.report["seeds"]["candidates"]}["majority.v1"]
    assert not facts["is_random"]
    assert facts["test"]["accuracy"]["sd"] == pytest.approx(0, abs=1e-12)
    assert not (studied.folder / "reruns/seed-6/train.log").read_text().count("majority")


def test_the_curve_rises_and_says_what_twice_the_rows_would_buy(studied):
    [curve] = studied.report["learning_curve"]["candidates"]
    assert curve["name"] == "tfidf_linear.v1"  # The baseline has no curve.
    values = [point["value"] for point in curve["points"]]
    assert len(values) == 5
    assert values[0] < values[2] < values[-1]
    assert [len(point["values"]) for point in curve["points"]] == [3, 3, 3, 3, 1]
    doubled, gain = curve["doubled"], curve["gain"]
    assert doubled["rows"] == 2 * curve["points"][-1]["rows"]
    assert doubled["low"] <= doubled["value"] <= doubled["high"]
    assert gain["value"] == pytest.approx(doubled["value"] - values[-1])
    assert curve["backtest"]["held"] == (curve["backtest"]["low"] <= values[-1] <= curve["backtest"]["high"])
    assert "with twice the rows" in curve["sentence"]


def test_the_page_shows_both(studied):
    page = (studied.folder / "report.html").read_text("utf-8")
    assert "What would more labels buy?" in page
    assert "What would another seed give?" in page
    assert studied.report["learning_curve"]["candidates"][0]["sentence"] in page.replace("<wbr>", "")


def test_models_of_reruns_do_not_stay(studied):
    assert not list((studied.folder / "reruns").glob("*/candidates"))
    (label,) = metier.load(studied.folder / "best").predict(["where is my transfer"]).predicted
    assert label in studied.report["data"]["labels"]


@pytest.mark.serial
def test_a_budget_too_small_for_the_seeds_says_so(files, tmp_path):
    finished = train(
        files[0], test=files[1], candidates=["tfidf_linear"], budget="16s", settings={"seeds": 90},
        run=tmp_path / "run",
    )  # fmt: skip
    [note] = finished.report["seeds"]["notes"]
    assert "of 90 seeds fit into the budget" in note
    assert "--budget" in note


def test_seeds_are_given_to_the_cheap_first():
    assert seeds_that_fit({"expensive": 100.0, "cheap": 1.0}, 5, 120.0) == {"cheap": 5, "expensive": 1}
    assert seeds_that_fit({"expensive": 100.0}, 3, 1000.0) == {"expensive": 3}


def test_spread_by_hand():
    spread = spread_of([0.9, 0.92, 0.94])
    assert [spread[key] for key in ("mean", "sd", "min", "max")] == pytest.approx([0.92, 0.02, 0.9, 0.94])


def test_every_beginning_of_the_order_holds_each_label_in_its_share(files):
    rows = read(files[0])
    order = nested_order(rows, random_state=1)
    assert sorted(order) == list(range(len(rows)))
    labels = np.array(rows.labels)
    for size in (len(rows) // 16, len(rows) // 4):
        for label in np.unique(labels):
            share = np.mean(labels == label)
            assert abs(np.sum(labels[order[:size]] == label) - share * size) <= 1.5


def test_groups_stay_whole():
    rows = read([{"text": f"text {n}", "label": "ab"[n % 2], "group": f"g{n // 5}"} for n in range(200)])
    order = nested_order(rows, random_state=0)
    groups = [int(index) // 5 for index in order]
    changes = sum(a != b for a, b in pairwise(groups))
    assert changes == 39


def test_sizes_double_where_a_sixteenth_is_enough():
    assert curve_sizes(8000, 77) == [500, 1000, 2000, 4000, 8000]
    assert curve_sizes(640, 77)[0] == 154
    assert curve_sizes(300, 77) == [300]


def test_too_few_mistakes_are_no_curve():
    task = Classification(labels=("a", "b"))
    truth = ["a", "b"] * 50
    wrong = [*truth[:97], "b" if truth[97] == "a" else "a", *truth[98:]]
    worse = ["a"] * 100
    answers = {100: [worse], 200: [wrong], 400: [wrong], 800: [wrong], 1600: [wrong]}
    curve = curve_of("x.v1", Scores(task, truth), answers)
    assert curve.doubled is None
    assert "too few to estimate" in curve.sentence


def test_what_does_not_learn_is_said_not_to():
    task = Classification(labels=("a", "b"))
    truth = ["a", "b"] * 50
    answers = {size: [["a"] * 100] for size in (100, 200, 400, 800)}
    assert "no evidence that more would help" in curve_of("x.v1", Scores(task, truth), answers).sentence


def test_from_python_the_curve_is_that_of_the_report(curves, studied):
    assert [one.as_dict() for one in curves.values()] == studied.report["learning_curve"]["candidates"]
    curve = curves["tfidf_linear.v1"]
    assert curve.points[-1].rows == curve.doubled.rows // 2


def answers_with(wrong, rows=400):
    """Truth of two labels, and answers with so many wrong."""
    truth = ["a", "b"] * (rows // 2)
    return [("b" if one == "a" else "a") if at * 7 % rows < wrong else one for at, one in enumerate(truth)]


def test_a_curve_whose_backtest_missed_foretells_nothing():
    task = Classification(labels=("a", "b"))
    # A curve that stops falling: the smaller parts promise far more than all rows gave.
    wrong = {100: 160, 200: 80, 400: 40, 800: 20, 1600: 90}
    answers = {size: [answers_with(count)] * 2 for size, count in wrong.items()}
    curve = curve_of("x.v1", Scores(task, ["a", "b"] * 200), answers)
    assert curve.backtest.held is False
    assert (curve.doubled, curve.gain) == (None, None)
    assert "for all 1,600 rows, which gave 77.5 %" in curve.sentence
    assert "is not foretold" in curve.sentence
    assert [one.rows for one in curve.points] == list(wrong)


def test_sizes_that_taught_no_more_than_the_most_frequent_answer_count_for_nothing():
    task = Classification(labels=("a", "b"))
    truth = ["a"] * 300 + ["b"] * 100
    constant = ["a"] * 400

    def answers(right_of_b):
        return truth[:300] + ["b"] * right_of_b + ["a"] * (100 - right_of_b)

    late = {100: [constant], 200: [constant], 400: [constant], 800: [answers(30)], 1600: [answers(50)]}
    curve = curve_of("x.v1", Scores(task, truth), late)
    assert curve.doubled is None
    assert "only 2 of 5 parts of the rows taught it more than the most frequent answer" in curve.sentence
    early = {100: [constant]} | {100 * 2**at: [answers(right)] for at, right in enumerate((20, 45, 60, 70), 1)}
    with_constant = curve_of("x.v1", Scores(task, truth), early)
    without = curve_of("x.v1", Scores(task, truth), dict(list(early.items())[1:]))
    assert (with_constant.doubled, with_constant.gain) == (without.doubled, without.gain)
    assert with_constant.doubled is not None
    assert len(with_constant.points) == 5


def test_gains_hold_where_curves_bend_from_the_law():
    rng = np.random.default_rng(0)
    task, sizes = Classification(labels=("a", "b")), [200, 400, 800, 1600, 3200]
    truth = ["a", "b"] * 150
    ease, held, foretold = rng.random(300), 0, 0

    def drawn(size):
        away = np.log(size / 3200)
        error = (0.05 + 0.1 * np.exp(-0.4 * away - 0.05 * away**2)) * (1 + 0.04 * rng.standard_normal())
        return [
            ("b" if one == "a" else "a") if sure < error else one for one, sure in zip(truth, ease, strict=True)
        ]

    for _ in range(8):
        ease = rng.random(300)
        answers = {size: [drawn(size) for _ in range(3 if size < 3200 else 1)] for size in sizes}
        scores = Scores(task, truth)
        curve = curve_of("x.v1", scores, answers)
        if curve.gain is not None:
            foretold += 1
            gained = scores.measure("accuracy", drawn(6400)) - curve.points[-1].value
            held += curve.gain[1] <= gained <= curve.gain[2]
    assert foretold >= 5
    assert held >= foretold - 1
