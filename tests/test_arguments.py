"""Arguments of another type than is expected are refused with a sentence, wherever Python calls."""

import numpy as np
import pytest

import metier
from metier.cli.confidence_rule import ConfidenceRule
from metier.data.reading import iterate
from metier.data.weak_labels.label_model import expand_soft_labels
from metier.errors import CallError
from metier.tasks.inputs import TEXT, check_items
from metier.text.given_texts import as_texts

ROWS = [("good film", "pos"), ("bad film", "neg")] * 20

WRONG = {
    "candidates: found 5": lambda: metier.train(ROWS, candidates=5),
    "order: found 5": lambda: metier.train(ROWS, order=5),
    r"budget: found \[\]": lambda: metier.train(ROWS, budget=[]),
    "budget: found True": lambda: metier.train(ROWS, budget=True),
    "found 'nan'": lambda: metier.train(ROWS, budget=float("nan")),
    "tolerance: .*found nan": lambda: metier.train(ROWS, tolerance=float("nan")),
    "methods.tfidf_linear.C: .*found inf": lambda: metier.train(
        ROWS, settings={"methods": {"tfidf_linear": {"C": float("inf")}}}
    ),
    "least is a number from 0 to 1; found nan": lambda: expand_soft_labels(np.eye(2), least=float("nan")),
    "min_confidence is a number from 0 to 1; found nan": lambda: ConfidenceRule(float("nan")),
    r"settings are .*found \[\]": lambda: metier.train(ROWS, settings=[]),
    "5: unknown": lambda: metier.train(ROWS, settings={5: 1}),
    "metrics.0: .*found 5": lambda: metier.train(ROWS, metrics=[5]),
    "run: found 5": lambda: metier.train(ROWS, run=5),
    "resume: found 5": lambda: metier.train(resume=5),
    "listener: found 5": lambda: metier.train(ROWS, listener=5),
    "settings are .*found 5": lambda: metier.learning_curve(ROWS, settings=5),
    r"The run: found 5 \(int\), expected the path of a run": lambda: metier.Run.open(5),
    "The model: found None": lambda: metier.evaluate(None, ROWS),
    "by: found 5": lambda: metier.evaluate("runs/x", ROWS, by=5),
    "The bundle: found 3": lambda: metier.load(3),
    "threads: found 'two'": lambda: metier.load("runs/x", threads="two"),
    "threads is a whole number, 1 or more; found 0": lambda: metier.load("runs/x", threads=0),
    "Found int where rows": lambda: metier.read(5),
    "text: found 5": lambda: metier.read(ROWS, text=5),
    "encoding: found 5": lambda: metier.read("rows.csv", encoding=5),
    "delimiter: found 5": lambda: metier.read("rows.csv", delimiter=5),
    r"header: found 'x' \(str\), expected True, False or None": lambda: metier.read("rows.csv", header="x"),
    "header: found 1": lambda: next(iterate("rows.csv", header=1)),
    "label_names: found 5": lambda: metier.read("rows.csv", label_names=5),
    "batch_rows is a whole number": lambda: next(iterate(ROWS, batch_rows=0)),
    "Expected a list of questions, found NoneType": lambda: check_items(None, TEXT),
    "Expected a list of texts, found int": lambda: as_texts(5),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_an_argument_of_another_type_is_a_sentence(sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # Nothing is begun, so nothing is written.
    with pytest.raises(CallError, match=sentence):
        WRONG[sentence]()
    assert not list(tmp_path.iterdir())
