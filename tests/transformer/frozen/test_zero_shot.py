import json

import numpy as np
import pytest

from metier.errors import SettingsError, TooFewLabelsError
from metier.predictors import load_predictor
from metier.transformer.frozen.zero_shot import UNCALIBRATED_TEMPERATURE, ZeroShot

LABELS = (
    "card_arrival",
    "exchange_rate",
    "change_pin",
    "age_limit",
    "lost_or_stolen_card",
    "Refund_not_showing_up",
)


@pytest.fixture(scope="module")
def rows(banking77):
    texts, labels = banking77("test")
    kept = [row for row, label in enumerate(labels) if label in LABELS]
    return [texts[row] for row in kept], [labels[row] for row in kept]


@pytest.fixture(scope="module")
def fitted(rows):
    return ZeroShot(base="minilm", precision="fp32").fit(*rows)


def test_names_of_labels_are_enough_to_beat_chance_by_far(fitted, rows):
    right = np.mean(fitted.predict(rows[0]) == np.array(rows[1]))
    assert right > 0.7
    assert fitted.facts_["described"]["lost_or_stolen_card"] == ["lost or stolen card"]


def test_no_label_of_a_row_is_learned_from(fitted, rows):
    turned = [LABELS[-1 - LABELS.index(label)] if row % 3 == 0 else label for row, label in enumerate(rows[1])]
    other = ZeroShot(base="minilm").fit(rows[0], turned)
    assert other.predict(rows[0]).tolist() == fitted.predict(rows[0]).tolist()


def test_labelled_rows_calibrate(fitted, rows):
    probabilities = fitted.predict_proba(rows[0])
    right = fitted.classes_[probabilities.argmax(axis=1)] == np.array(rows[1])
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.1
    assert fitted.facts_["is_calibrated"]


def test_without_labels_it_says_that_it_is_not_calibrated(rows):
    descriptions = {label: label.replace("_", " ") for label in LABELS}
    method = ZeroShot(base="minilm", descriptions=descriptions).fit(rows[0])
    assert method.classes_.tolist() == sorted(LABELS)
    assert not method.facts_["is_calibrated"]
    assert method.head_.decoder.temperature == UNCALIBRATED_TEMPERATURE
    assert np.mean(method.predict(rows[0]) == np.array(rows[1])) > 0.7


def test_descriptions_change_what_is_near(rows, tmp_path):
    path = tmp_path / "labels.json"
    meant = {
        "a": ["The customer asks how old one has to be.", "Can my child have an account?"],
        "b": "A new PIN",
    }
    path.write_text(json.dumps(meant), encoding="utf-8")
    kept = [row for row, label in enumerate(rows[1]) if label in ("age_limit", "change_pin")]
    texts = [rows[0][row] for row in kept]
    truth = ["a" if rows[1][row] == "age_limit" else "b" for row in kept]
    method = ZeroShot(base="minilm", descriptions=path).fit(texts, truth)
    assert np.mean(method.predict(texts) == np.array(truth)) > 0.95
    assert method.facts_["undescribed"] == []
    partly = ZeroShot(base="minilm", descriptions={"a": meant["a"]}).fit(texts, truth)
    assert partly.facts_["undescribed"] == ["b"]


def test_exported_answers_as_in_memory(fitted, rows, tmp_path):
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(rows[0][:30])
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(rows[0][:30]), atol=1e-3)
    assert answers.answered_by[0] == "zero_shot.v1"
    assert json.loads((tmp_path / "predictor.json").read_text())["kind"] == "onnx_encoder.v1"


def test_chinese_labels_are_words_already(e5_base, csl):
    texts, labels = csl("test")
    kept = [row for row, label in enumerate(labels) if label in ("医学", "文学", "工学")][:60]
    truth = np.array([labels[row] for row in kept])
    method = ZeroShot(base=str(e5_base.folder)).fit([texts[row] for row in kept], truth)
    right = np.mean(method.predict([texts[row] for row in kept]) == truth)
    assert right > 0.6


@pytest.mark.parametrize(
    ("descriptions", "said"),
    [
        ({"a": "", "b": "x"}, "the description of 'a'"),
        ({"a": [], "b": "x"}, "expected a sentence or several"),
        (["a", "b"], "is a list, expected a mapping"),
        ("/nowhere/labels.json", "are not in /nowhere/labels.json"),
    ],
)
def test_descriptions_that_describe_nothing_are_refused(descriptions, said):
    with pytest.raises(SettingsError, match=said):
        ZeroShot(descriptions=descriptions).fit(["a text"])


def test_nothing_to_tell_apart_is_refused():
    with pytest.raises(TooFewLabelsError, match="found 0"):
        ZeroShot().fit(["a text"])
    with pytest.raises(TooFewLabelsError):
        ZeroShot().fit(["a text", "b"], ["x", "x"])
