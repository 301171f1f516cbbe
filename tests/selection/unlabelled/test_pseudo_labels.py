"""Self-training of any method: what it is sure of is learned, of each sort in its share, and helps where it can."""

import numpy as np
import pytest

from metier.errors import SettingsError
from metier.evaluation.entity_measures import entity_f1
from metier.predictors.loading import load_predictor
from metier.selection.unlabelled.pseudo_labels import PseudoLabels, choose_confident

NAMES = [
    f"{first}{last}"
    for first in ("Bel", "Dor", "Fal", "Gor", "Hul", "Kim")
    for last in ("mont", "ska", "tor", "vik")
]


def test_of_each_sort_the_most_certain_are_taken_in_the_shares_of_the_rows():
    sure = np.array([0.9, 0.95, 0.7, 0.99, 0.5, 0.97])
    sorts = (["a", "a", "b"], ["a", "a", "a", "b", "b", "c"])
    assert choose_confident(sure, sorts, confidence=0.6, growth=1.0) == [0, 1, 3]
    assert choose_confident(sure, sorts, confidence=0.96, growth=1.0) == [3]
    assert choose_confident(None, sorts, confidence=0.0, growth=1.0) == []


def marked(start, name, end=""):
    return start + name + end, [[len(start), len(start) + len(name), "place"]]


WORDS = (
    "Winter",
    "Summer",
    "Monday",
    "Dinner",
    "Coffee",
    "Water",
    "Paper",
    "Music",
    "Rain",
    "Snow",
    "Fire",
    "Wood",
)


def planted():
    """Names that labelled rows never show: a telling context in unlabelled texts, none in those asked about."""
    telling = ("she flew to the city of ", " on Friday")
    known = [marked(telling[0], name, telling[1]) for name in NAMES[:6]] * 2
    known += [marked("", name, " is cold") for name in NAMES[:6]]
    known += [(f"{word} is cold", []) for word in WORDS[:6]]
    unlabelled = [marked(telling[0], name, telling[1])[0] for name in NAMES[6:]]
    unlabelled += [f"yes, {text}" for text in unlabelled]
    asked = [marked("", name, " is cold") for name in NAMES[6:]] + [
        (f"{word} is cold", []) for word in WORDS[6:]
    ]
    return known, unlabelled, asked


def test_a_tagger_that_teaches_itself_knows_names_that_its_counterpart_does_not():
    known, unlabelled, asked = planted()
    texts, spans = (list(part) for part in zip(*known, strict=True))
    given = {"method": "crf.v1", "answer": "spans", "arguments": {"c1": 0.01, "c2": 0.02}}
    plain, taught = (
        PseudoLabels(**given, unlabelled=items, confidence=0.5, growth=4.0).fit(texts, spans)
        for items in (None, unlabelled)
    )
    questions, truth = (list(part) for part in zip(*asked, strict=True))
    scores = [entity_f1(truth, model.predict(questions)) for model in (plain, taught)]
    assert taught.facts_["pseudo_labelled"][0] > 0
    assert scores[1] > scores[0] + 0.2, scores


def test_its_files_answer_as_it_does(tmp_path):
    known, unlabelled, asked = planted()
    texts, spans = (list(part) for part in zip(*known, strict=True))
    taught = PseudoLabels(method="crf.v1", answer="spans", unlabelled=unlabelled).fit(texts, spans)
    taught.export(tmp_path)
    predictor = load_predictor(tmp_path, threads=1)
    questions = [text for text, _ in asked]
    assert predictor.name == "pseudo_labels.v1"
    assert predictor.predict(questions).predicted == taught.predict(questions)


RELATIONS = [("{} founded {}", "founded"), ("{} left {}", "left")]


def relation(pattern, label, one, other):
    text = pattern.format(one, other)
    start = text.index(other)
    return {"text": text, "head": [0, len(one)], "tail": [start, start + len(other)]}, label


@pytest.mark.parametrize(
    ("method", "answer", "rows", "items"),
    [
        (
            "relation_linear.v1",
            "relation",
            [
                relation(*kind, one, other)
                for kind in RELATIONS
                for one, other in zip(NAMES[:6], NAMES[6:12], strict=True)
            ],
            [
                relation(*kind, one, other)[0]
                for kind in RELATIONS
                for one, other in zip(NAMES[12:18], NAMES[18:], strict=True)
            ],
        ),
        (
            "many_labels_linear.v1",
            "label_set",
            [
                (f"{word} {name}", labels)
                for word, labels in (("seat", ["a"]), ("meal seat", ["a", "b"]), ("day", []))
                for name in NAMES[:6]
            ],
            [f"{word} {name}" for word in ("seat", "meal seat", "day") for name in NAMES[6:]],
        ),
        (
            "ordinal_logistic.v1",
            "grade",
            [
                (f"{word} {name}", grade)
                for word, grade in (("bad", "1"), ("fair", "2"), ("good", "3"))
                for name in NAMES[:6]
            ],
            [f"{word} {name}" for word in ("bad", "fair", "good") for name in NAMES[6:]],
        ),
        (
            "pair_linear.v1",
            "label",
            [
                ({"text": f"is {a} open", "text_pair": f"is {b} open"}, "yes" if a == b else "no")
                for a in NAMES[:5]
                for b in (a, NAMES[7])
            ],
            [
                {"text": f"is {a} open", "text_pair": f"is {b} open"}
                for a in NAMES[8:14]
                for b in (a, NAMES[20])
            ],
        ),
    ],
    ids=["relation", "label_set", "grade", "pair"],
)
def test_answers_of_every_kind_are_learned_again(method, answer, rows, items):
    X, y = (list(part) for part in zip(*rows, strict=True))
    taught = PseudoLabels(method=method, answer=answer, unlabelled=items, confidence=0.4).fit(X, y)
    assert sum(taught.facts_["pseudo_labelled"]) > 0
    assert len(taught.predict(items)) == len(items)
    settled = PseudoLabels(method=method, answer=answer, unlabelled=items, **taught.chosen_params_).fit(X, y)
    assert len(settled.predict(items)) == len(items)


def test_numbers_are_not_taught_by_themselves():
    with pytest.raises(SettingsError, match="least squares on its own answers stays where it is"):
        PseudoLabels(method="ridge.v1", answer="score", unlabelled=["c"]).fit(["a", "b"], [1.0, 2.0])
