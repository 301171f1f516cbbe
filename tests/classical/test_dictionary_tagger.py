"""The baseline of NER: it finds again what it has seen, and says how sure that is."""

import pytest
from sklearn.exceptions import NotFittedError

from metier.classical.dictionary_tagger import DictionaryTagger
from metier.predictors import load_predictor

TEXTS = ["Ada met Bob in Rome.", "Rome is old", "may I see Bob in May?", "you may go, May said", "it may be"]
SPANS = [
    [[0, 3, "PER"], [8, 11, "PER"], [15, 19, "LOC"]],
    [[0, 4, "LOC"]],
    [[10, 13, "PER"]],
    [[12, 15, "PER"]],
    [],
]


@pytest.fixture(scope="module")
def fitted():
    return DictionaryTagger().fit(TEXTS, SPANS)


def test_finds_what_it_has_seen_in_any_case(fitted):
    assert fitted.predict(["ROME and ada"]) == [[[0, 4, "LOC"], [9, 12, "PER"]]]


def test_a_phrase_that_mostly_is_no_span_is_forgotten(fitted):
    # "may" stands five times in the texts and is a span once.
    assert fitted.predict(["May came"]) == [[]]
    assert DictionaryTagger(least_precision=0.1).fit(TEXTS, SPANS).predict(["May came"]) == [[[0, 3, "PER"]]]


def test_sureness_grows_with_what_was_seen(fitted):
    rome, ada = fitted.predict_spans(["Rome, Ada"])[0]
    assert (rome.probability, ada.probability) == (3 / 4, 2 / 3)


def test_exported_answers_alike(fitted, tmp_path):
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(TEXTS)
    assert answers.predicted == fitted.predict(TEXTS)
    assert answers.answered_by == ("dictionary_tagger.v1",) * len(TEXTS)
    assert answers.record(1)["spans"] == [
        {"start": 0, "end": 4, "label": "LOC", "text": "Rome", "probability": 0.75}
    ]


def test_unfitted_says_so():
    with pytest.raises(NotFittedError):
        DictionaryTagger().predict(["a"])
