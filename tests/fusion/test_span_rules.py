"""Rules beside a tagger: over it, under it, and what they may not say."""

import pytest

from metier.classical.dictionary_tagger import DictionaryTagger
from metier.errors import SettingsError
from metier.features.gazetteer import Gazetteer
from metier.fusion.span_rules import TaggerWithRules
from metier.predictors import load_predictor
from metier.predictors.composite.span_rules import SpanRules

TEXTS = ["Ada met Bob in New York.", "Bob is in York"]
SPANS = [[[0, 3, "PER"], [8, 11, "PER"], [15, 23, "LOC"]], [[0, 3, "PER"], [10, 14, "LOC"]]]
QUESTION = "Ada of New York Times, order AB-123, and Bob"


@pytest.fixture
def gazetteer(tmp_path):
    path = tmp_path / "known.csv"
    path.write_text("phrase,label\nNew York Times,ORG\nZoe,PER\n")
    return path


def tagger(gazetteer, precedence, **options):
    texts = [*TEXTS, "The Times"]
    spans = [*SPANS, [[4, 9, "ORG"]]]
    method = TaggerWithRules(member=DictionaryTagger(), gazetteer=gazetteer, precedence=precedence, **options)
    return method.fit(texts, spans)


def words(spans):
    return [(QUESTION[start:end], label) for start, end, label in spans]


def test_rules_over_the_model_win_where_they_overlap(gazetteer):
    assert words(tagger(gazetteer, "over").predict([QUESTION])[0]) == [
        ("Ada", "PER"),
        ("New York Times", "ORG"),
        ("Bob", "PER"),
    ]


def test_rules_under_the_model_fill_in_where_it_found_nothing(gazetteer):
    method = tagger(gazetteer, "under", patterns=[(r"order ([A-Z]+-\d+)", "ORG")])
    assert words(method.predict([QUESTION])[0]) == [
        ("Ada", "PER"),
        ("New York", "LOC"),
        ("Times", "ORG"),
        ("AB-123", "ORG"),
        ("Bob", "PER"),
    ]


def test_patterns_come_before_phrases():
    rules = SpanRules(
        Gazetteer({"new york": "LOC"}), [(r"New York \w+", "ORG"), (r"x*", "PER")], probability=0.9
    )
    assert rules.spans("in New York City") == [(3, 16, "ORG", 0.9)]


@pytest.mark.parametrize("precedence", ["over", "under"])
def test_exported_answers_alike(gazetteer, precedence, tmp_path):
    method = tagger(gazetteer, precedence, patterns=[(r"AB-\d+", "ORG")], probability=0.8)
    method.export(tmp_path / "out")
    answers = load_predictor(tmp_path / "out").predict([QUESTION, "", TEXTS[0]])
    assert answers.predicted == method.predict([QUESTION, "", TEXTS[0]])
    assert answers.answered_by == ("span_rules.v1",) * 3
    assert {span["probability"] for span in answers.record(0)["spans"] if span["label"] == "ORG"} >= {0.8}


def test_what_rules_may_not_say(gazetteer):
    with pytest.raises(SettingsError, match="not a regular expression"):
        tagger(gazetteer, "over", patterns=[("(", "ORG")])
    with pytest.raises(SettingsError, match="'XYZ', which no row has"):
        tagger(gazetteer, "over", patterns=[("a", "XYZ")])
    with pytest.raises(SettingsError, match="expected one of over, under"):
        tagger(gazetteer, "beside")
    with pytest.raises(SettingsError, match="member is None, expected an unfitted span method"):
        TaggerWithRules().fit(TEXTS, SPANS)
