"""Models from elsewhere: what they give is checked before it counts, and then they are evaluated as bundles are."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import metier
from metier.assurance.gating import gate
from metier.bundles import Bundle, Model, adapt, load_bundle, load_model
from metier.errors import CallError, UnknownNameError, UnsafeFileError, WrongTypeError
from metier.explanation import explain
from metier.tasks.task_table import TASKS

LABELS = ["a", "b"]


def test_a_bundle_and_an_adapted_model_keep_the_same_contract(small_runs):
    bundle = load_model(small_runs / "runs" / "en")
    assert isinstance(bundle, Bundle)
    assert isinstance(bundle, Model)
    assert isinstance(adapt(lambda items: ["a"] * len(items), labels=LABELS), Model)


@pytest.mark.parametrize("estimator", [LogisticRegression(), LinearSVC()])
def test_a_pipeline_of_scikit_learn_is_evaluated_as_it_scores_itself(queries, estimator):
    texts, labels = queries
    pipeline = make_pipeline(TfidfVectorizer(), estimator).fit(texts[:120], labels[:120])
    model = adapt(pipeline, name="theirs")
    assert model.labels == tuple(sorted(set(labels)))
    rows = [{"text": text, "label": label} for text, label in zip(texts[120:], labels[120:], strict=True)]
    found = metier.evaluate(model, rows)
    assert found.metrics["accuracy"]["value"] == pytest.approx(pipeline.score(texts[120:], labels[120:]))
    assert ("log_loss" in found.metrics) == isinstance(estimator, LogisticRegression)


def test_a_pipeline_with_probabilities_is_explained(queries):
    texts, labels = queries
    model = adapt(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels))
    found = explain(model.predict, model.input_kind, texts[0], folder=model.folder)
    assert found.label == model.predict([texts[0]]).predicted[0]
    assert len(found.words) > 2


def test_a_model_from_elsewhere_goes_through_the_gate_and_nothing_is_sealed(queries, tmp_path):
    texts, labels = queries
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts[:120], labels[:120])
    rows = [{"text": text, "label": label} for text, label in zip(texts[120:], labels[120:], strict=True)]
    policy = tmp_path / "policy.yaml"
    policy.write_text("conditions:\n- accuracy >= 0.5\n- accuracy >= 0.999\n", "utf-8")
    found = gate(adapt(pipeline, name="theirs"), policy, rows=rows)
    assert [one.verdict.outcome for one in found.result.judged] == ["pass", "fail"]
    assert found.facts["bundle"] == "theirs"


def test_numbers_as_classes_get_the_names_that_are_given(queries):
    texts, labels = queries
    known = sorted(set(labels))
    codes = [known.index(label) for label in labels]
    names = [f"intent of {name}" for name in known]
    for estimator in (LogisticRegression(), LinearSVC()):
        model = adapt(make_pipeline(TfidfVectorizer(), estimator).fit(texts, codes), labels=names)
        assert model.predict(texts[:5]).predicted == [f"intent of {label}" for label in labels[:5]]


def test_columns_follow_the_classes_whatever_the_order_that_is_given(queries):
    texts, labels = queries
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels)
    model = adapt(pipeline, labels=sorted(set(labels), reverse=True))
    assert model.predict(texts[:20]).predicted == pipeline.predict(texts[:20]).tolist()


def test_any_number_of_labels_and_numbers():
    several = adapt(lambda items: np.array([[0.9, 0.6]] * len(items)), task="multi_label", labels=LABELS)
    assert several.predict(["x"]).predicted == [["a", "b"]]
    assert several.predict(["x"]).record(0) == {
        "labels": {"a": 0.9, "b": 0.6},
        "none": False,
        "answered_by": several.name,
    }
    listed = adapt(lambda items: [["b"], *([[]] * (len(items) - 1))], task="multi_label", labels=LABELS)
    assert listed.predict(["x", "y"]).predicted == [["b"], []]
    indicators = OneVsRestClassifier(LogisticRegression())
    pipeline = make_pipeline(TfidfVectorizer(), indicators).fit(
        ["red", "blue", "red blue"], [[1, 0], [0, 1], [1, 1]]
    )
    assert adapt(pipeline, task="multi_label", labels=LABELS).predict(["red"]).probabilities.shape == (1, 2)
    numbers = adapt(lambda items: np.arange(len(items), dtype=np.float32)[:, None], task="regression")
    assert numbers.predict(["x", "y"]).predicted == [0.0, 1.0]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_trial_questions_and_a_metric(task):
    answers = {
        "label": "a",
        "grade": "a",
        "relation": "a",
        "label_set": ["a"],
        "score": 1.5,
        "spans": [[0, 1, "a"]],
        "triples": {"spans": [[0, 1, "a"]], "relations": []},
    }
    answer = answers.get(TASKS[task].answer, ["a"] if task == "retrieval" else "a")
    model = adapt(lambda items: [answer] * len(items), task=task, labels=LABELS)
    assert model.task.primary_metric in metier.evaluation.MEASURES or model.task.primary_metric in (
        "accuracy",
        "macro_f1",
    )
    assert model.predict([model.input_kind.trial]).predicted == [answer]


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (
            lambda n: np.ones((2, n)) / 2,
            r"shape \(2, 3\) for 3 questions and 2 labels. Expected the shape \(3, 2\)",
        ),
        (lambda n: np.full((n, 3), 1 / 3), r"shape \(3, 3\)"),
        (lambda n: np.full((n, 2, 1), 0.5), r"shape \(3, 2, 1\)"),
        (lambda n: np.full((n, 2), np.nan), "gave nan as the probability of 'a' at position 0"),
        (lambda n: np.array([[3.2, -1.0]] * n), "of logits take the softmax first"),
        (lambda n: np.full((n, 2), 0.9), "sum to 1.8 at position 0. Expected 1"),
        (lambda n: ["a"], "gave 1 answers to 3 questions"),
        (lambda n: "a", "gave str to 3 questions"),
        (lambda n: ["a", "c", "b"], "answered 'c', which is not among its labels"),
        (lambda n: ["a", None, "b"], "answered None at position 1, and there is no label"),
        (lambda n: {}[n], r"failed on 3 questions \(KeyError: 3\)"),
    ],
)
def test_wrong_shapes_are_refused_in_a_sentence_before_any_work(gives, said):
    with pytest.raises((WrongTypeError, CallError), match=said):
        adapt(lambda items: gives(len(items)), labels=LABELS)


def test_a_fault_that_shows_later_is_refused_then():
    model = adapt(lambda items: ["a"] * min(len(items), 3), labels=LABELS)
    with pytest.raises(WrongTypeError, match="3 answers to 4 questions"):
        model.predict(list("wxyz"))


def test_what_cannot_be_asked_or_has_no_labels_says_so():
    with pytest.raises(CallError, match=r"does not say which labels it gives"):
        adapt(lambda items: ["a"] * len(items))
    with pytest.raises(WrongTypeError, match=r"found str\. Adapt an object that answers"):
        adapt("runs/x", labels=LABELS)
    with pytest.raises(CallError, match="are not all different"):
        adapt(lambda items: ["a"] * len(items), labels=["a", "a"])
    with pytest.raises(UnknownNameError, match="classification"):
        adapt(lambda items: ["a"] * len(items), labels=LABELS, task="clasification")
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["red", "blue"], [0, 1])
    with pytest.raises(CallError, match="has 2 classes, and labels= names 3"):
        adapt(pipeline, labels=["a", "b", "c"])


def test_files_that_run_code_are_not_loaded(tmp_path):
    (tmp_path / "model.joblib").write_bytes(b"\x80\x04.")
    with pytest.raises(UnsafeFileError, match=r"metier\.adapt\(model, labels=\.\.\.\)"):
        load_model(tmp_path / "model.joblib")
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "config.json").write_text("{}")
    (tmp_path / "hub" / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(UnsafeFileError, match=r"its weights in pytorch_model\.bin, a pickle"):
        load_model(tmp_path / "hub")


def test_load_bundle_still_gives_bundles_alone(small_runs):
    assert load_bundle(small_runs / "runs" / "en").fingerprint is not None
