"""Every task asked of a base on this machine; what a tiny one writes means nothing, but it is read as a reply is."""

import json
import re

import numpy as np
import pytest

from metier.errors import SettingsError
from metier.predictors import load_predictor
from metier.predictors.text.asked_rows import TASKS
from metier.transformer.generation.prompted import Prompted

TEXTS = ["Ann met Bob in Rome", "what is the rate today?", "Carl saw Ann in Oslo", "change my PIN please"]
ITEMS = {
    "text_pair": [{"text": text, "text_pair": "a rate"} for text in TEXTS],
    "relation": [{"text": f"Ann: {text}", "head": [0, 3], "tail": [5, len(text) + 5]} for text in TEXTS],
    "extractive_qa": [{"question": "Who?", "passage": text} for text in TEXTS],
    "generation": [{"messages": [{"role": "user", "content": text}]} for text in TEXTS],
}
TARGETS = {
    "multi_label": [["a"], ["b"], ["a", "b"], []],
    "ordinal": ["low", "high"] * 2,
    "regression": [1.0, 2.0, 3.0, 4.0],
    "ner": [
        [[*found.span(), "NAME"] for found in re.finditer(r"\b(?:Ann|Bob|Carl)\b", text)] for text in TEXTS
    ],
    "extractive_qa": [[{"text": text[:3], "start": 0}] for text in TEXTS],
    "generation": TEXTS,
}


@pytest.fixture(scope="module")
def llama(tiny_writers, tmp_path_factory):
    texts = [*TEXTS, "Labels: Parts: Number: Answer: [] {} text label user assistant", "low high a b"]
    return str(tiny_writers.make_llama(tmp_path_factory.mktemp("llama"), texts))


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_asked_about_and_exported(llama, task, tmp_path):
    items, targets = ITEMS.get(task, TEXTS), TARGETS.get(task, ["a", "b"] * 2)
    method = Prompted(base=llama, task=task, n_examples=1, most_scored=2, most_prompt_tokens=600)
    predicted = method.fit(items, targets).predict(items)
    method.export(tmp_path)
    answers = load_predictor(tmp_path).predict(items)
    assert list(map(str, answers.predicted)) == list(map(str, predicted))
    assert len(answers) == 4
    assert json.dumps(answers.record(0), allow_nan=False)
    again = Prompted(**method.get_params() | method.chosen_params_).fit(items, targets)
    assert list(map(str, again.predict(items))) == list(map(str, predicted))
    if "asked" in method.facts_:
        assert method.facts_["asked"] == 2
        assert method.facts_["prompt_tokens_per_row"] > method.facts_["examples_per_row"] > 0


def test_examples_change_what_labels_are_scored(llama):
    labels = ["a", "b"] * 2
    plain = Prompted(base=llama, temperature=1.0).fit(TEXTS, labels)
    shown = Prompted(base=llama, temperature=1.0, n_examples=2).fit(TEXTS, labels)
    other = Prompted(base=llama, temperature=1.0, n_examples=2).fit(TEXTS, labels[::-1])
    one, two, three = (method.predict_proba(["Ann met Carl"]) for method in (plain, shown, other))
    assert not np.allclose(one, two)
    assert not np.allclose(two, three)
    assert shown.measure(TEXTS, labels).seconds_per_answer > 0


def test_rows_that_fit_into_no_prompt_are_said(llama):
    with pytest.raises(SettingsError, match="no training row fits beside a question"):
        Prompted(base=llama, task="ner", most_prompt_tokens=64).fit(TEXTS, TARGETS["ner"])
