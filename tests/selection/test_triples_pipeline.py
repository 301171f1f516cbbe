"""A tagger and a relation method as one: what it learns from the rows, and what it answers by."""

from pathlib import Path

import pytest

import metier
from metier import catalogue
from metier.errors import SettingsError, TooFewLabelsError
from metier.evaluation.triple_measures import triple_f1
from metier.explanation.explained_answer import explained_of
from metier.predictors.composite.triples_pipeline import PairRules
from metier.predictors.loading import load_predictor
from metier.tasks.triples import Triples

EXAMPLES = Path(__file__).parents[2] / "examples"
PEOPLE, FIRMS = ("Ann", "Bob", "Cid", "Dora"), ("Acme", "Bolt", "Cora", "Dune", "Echo")


def made(n):
    """Sentences in which a person leads or leaves a firm, beside another person without a relation."""
    texts, targets = [], []
    for number in range(n):
        person, other, firm = PEOPLE[number % 4], PEOPLE[(number + 1) % 4], FIRMS[number % 5]
        verb = ("leads", "left")[number // 4 % 2]
        text = f"{person} {verb} {firm} and met {other}"
        at = len(person) + len(verb) + 2
        spans = [
            [0, len(person), "PER"],
            [at, at + len(firm), "ORG"],
            [len(text) - len(other), len(text), "PER"],
        ]
        texts.append(text)
        targets.append({"spans": spans, "relations": [[0, 1, verb]]})
    return texts, targets


def pipeline(**settings):
    return catalogue.resolve("triples_pipeline.v1")(tagger="dictionary_tagger.v1", **settings)


def test_words_between_decide_the_relation_and_the_pair_without_one_is_left_out():
    texts, targets = made(40)
    method = pipeline().fit(texts[:30], targets[:30], validation=(texts[30:], targets[30:]))
    assert triple_f1(targets, method.predict(texts)) > 0.95
    assert method.facts_ == {"pairs": 60, "related": 30}


def test_rules_are_those_of_the_rows():
    rules = PairRules.learned(made(8)[1])
    assert rules.relations == {("PER", "ORG"): ("leads", "left")}
    assert not rules.both_ways
    spans = [[0, 3, "PER"], [9, 13, "ORG"], [300, 304, "ORG"]]
    assert list(rules.pairs(spans)) == [(0, 1)]  # Neither an organization first, nor one so far away.
    assert PairRules.of(rules.settings()) == rules


def test_chinese_rows_are_learned_exported_and_explained(tmp_path):
    rows = metier.read(EXAMPLES / "finre_zh" / "triples.jsonl")
    task = Triples.from_rows(rows)
    items, targets = task.items(rows), task.targets(rows)
    method = pipeline(threshold=0.02).fit(items, targets)
    method.export(tmp_path)
    predictor = load_predictor(tmp_path)
    answers = predictor.predict(items)
    assert answers.predicted == method.predict(items)
    found = next(row for row, record in enumerate(answers.records) if record["relations"])
    explained = explained_of(answers.rows([found]), None)
    assert explained.label.count(" → ") == 2
    assert explained.score(answers.rows([found]))[0] > explained.score(predictor.predict(["没有"]))[0]


def test_settings_of_a_part_that_does_not_have_them_are_refused():
    with pytest.raises(SettingsError, match="tagger_settings: noise is not a setting"):
        pipeline(tagger_settings={"noise": 1}).fit(*made(10))
    with pytest.raises(SettingsError, match=r"relation is 'nothing.v1', which is no method"):
        pipeline(relation="nothing.v1").fit(*made(10))


def test_rows_in_which_everything_is_related_are_refused():
    both = {"spans": [[0, 1, "A"], [2, 3, "A"]], "relations": [[0, 1, "x"], [1, 0, "x"]]}
    with pytest.raises(TooFewLabelsError, match="nothing shows which have none"):
        pipeline().fit(["a b"] * 4, [both] * 4)
