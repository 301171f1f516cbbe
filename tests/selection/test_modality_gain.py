"""The verdict on the second modality, from stored answers."""

import numpy as np
import pytest

from metier.selection.modality_gain import gain_facts, what_reads
from metier.selection.scores import Scores
from metier.tasks.classification import Classification

LABELS = ("a", "b", "c")
N = 300


@pytest.fixture(scope="module")
def task():
    import metier

    rows = metier.read([{"text": f"word {label}", "label": label} for label in LABELS * 4])
    return Classification.from_rows(rows)


def answers(truth, right, random):
    """Answers of which a share is right, the others of another label."""
    wrong = [LABELS[(LABELS.index(label) + 1) % 3] for label in truth]
    return [
        one if keep else other for one, other, keep in zip(truth, wrong, random.random(N) < right, strict=True)
    ]


def test_a_modality_adds_only_what_test_and_interval_show(task):
    random = np.random.default_rng(0)
    truth = [LABELS[number] for number in random.integers(0, 3, N)]
    predicted = {
        "text": answers(truth, 0.7, random),
        "image": answers(truth, 0.5, random),
        "joint": answers(truth, 0.9, random),
    }
    image, text = gain_facts(Scores(task, truth), "accuracy", predicted)
    assert (image["modality"], image["gain"]) == ("image", "adds")
    assert image["low"] > 0.1
    assert (text["modality"], text["gain"]) == ("text", "adds")
    same = gain_facts(Scores(task, truth), "accuracy", predicted | {"joint": predicted["text"]})
    assert same[0]["gain"] == "not shown"
    assert same[0]["difference"] == 0
    worse = gain_facts(Scores(task, truth), "accuracy", predicted | {"joint": predicted["image"]})
    assert worse[0]["gain"] == "takes"


def test_an_image_by_chance_adds_nothing(task):
    """Of 40 draws in which the joint answers are as good as those by text alone, at most 2 say otherwise."""
    random = np.random.default_rng(1)
    said = []
    for _ in range(40):
        truth = [LABELS[number] for number in random.integers(0, 3, N)]
        predicted = {"text": answers(truth, 0.7, random), "joint": answers(truth, 0.7, random)}
        said.append(gain_facts(Scores(task, truth), "accuracy", predicted)[0]["gain"])
    assert said.count("adds") <= 2


def test_without_a_joint_candidate_there_is_no_verdict(task):
    assert gain_facts(Scores(task, ["a", "b"]), "accuracy", {"text": ["a", "b"]}) == []


@pytest.mark.parametrize(
    ("each", "found"),
    [
        (["text"], "text"),
        (["image", "image"], "image"),
        (["joint"], "joint"),
        (["text", "image"], "joint"),
        (["text", "text", "image"], None),
        (["joint", "text"], None),
        (["joint", "joint"], None),
        ([], None),
    ],
)
def test_an_ensemble_stands_for_both_only_where_it_has_one_model_of_each(each, found):
    assert what_reads(each) == found
