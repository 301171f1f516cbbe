"""Few-shot and zero-shot answers of every task: what is exported answers alike, and what cannot be done is said."""

import numpy as np
import pytest

import metier
from metier.errors import SettingsError
from metier.features.relation_phrases import relation_phrase
from metier.features.span_labels import candidate_parts
from metier.predictors import load_predictor
from metier.tasks.task_table import load_task
from metier.text.tokens import token_offsets
from metier.transformer.frozen.descriptions import verbalised
from metier.transformer.frozen.few_shot import WAYS as FEW
from metier.transformer.frozen.few_shot import FewShot
from metier.transformer.frozen.zero_shot import WAYS as ZERO
from metier.transformer.frozen.zero_shot import ZeroShot

SETS = {
    "multi_label": ("sgd_dialogues/acts/train.jsonl", {}),
    "relation": ("semeval2010_task8/train.jsonl", {}),
    "ner": ("ncbi_disease/train.conll", {}),
    "text_pair": ("covid_faq/question_pairs.csv", {}),
    "ordinal": ("twitter_financial_news/train.csv", {}),
    "regression": ("covid_faq/question_pairs.csv", {"score": "similar", "label": "none"}),
}


@pytest.fixture(scope="module")
def rows_of():
    found = {}

    def rows(task):
        if task not in found:
            file, roles = SETS[task]
            every = metier.read(f"examples/{file}", **roles)
            order = np.random.default_rng(0).permutation(len(every))[:70]
            some = every.take(order)
            known = load_task(task).from_rows(some)
            found[task] = (list(known.items(some)), list(known.targets(some)), known)
        return found[task]

    return rows


@pytest.mark.parametrize(
    ("method", "task"),
    [*((FewShot, task) for task in SETS), *((ZeroShot, task) for task in SETS if task in ZERO)],
)
def test_what_is_exported_answers_as_what_was_learned(rows_of, small_base, method, task, tmp_path):
    items, targets, known = rows_of(task)
    order = {"order": ["bearish", "neutral", "bullish"]} if known.is_ordered else {}
    settings = {"task": task, "base": str(small_base), "precision": "fp32"}
    settings |= order if method is ZeroShot else {}
    fitted = method(**settings).fit(items, targets)
    predicted = fitted.predict(items[:20])
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(items[:20])
    if task == "regression":
        np.testing.assert_allclose(answers.predicted, predicted, atol=1e-3)
    else:
        same = [str(one) == str(two) for one, two in zip(answers.predicted, predicted, strict=True)]
        assert np.mean(same) >= 0.9, "a tie may fall otherwise, no more"
    assert {"base", *fitted.answer.chooses} <= fitted.chosen_params_.keys()
    again = method(**settings | fitted.chosen_params_).fit(items, targets)
    assert len(list(again.predict(items[:20]))) == 20


def test_both_know_the_tasks_that_they_state():
    assert set(ZERO) < set(FEW) == set(FewShot.capabilities.tasks)
    assert set(ZeroShot.capabilities.tasks) == set(ZERO)


@pytest.mark.parametrize(
    ("method", "task", "said"),
    [
        (ZeroShot, "regression", "a number has no name that could be described"),
        (ZeroShot, "generation", "there are no labels to describe"),
        (FewShot, "extractive_qa", "a base that has read passages with questions"),
        (FewShot, "sorting", "it does not know how"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused_with_the_reason(method, task, said):
    with pytest.raises(SettingsError, match=said):
        method(task=task).fit(["a text", "another"], [1.0, 2.0])


def test_names_that_say_nothing_have_to_be_described(small_base):
    texts, labels = ["a", "b", "c", "d"], ["0", "1"] * 2
    with pytest.raises(SettingsError, match=r"the names of the labels \('0', '1'\) say nothing"):
        ZeroShot(base=str(small_base)).fit(texts, labels)
    described = {"0": "The customer is angry.", "1": "The customer is pleased."}
    ZeroShot(base=str(small_base), descriptions=described).fit(texts, labels)


def test_pairs_need_a_label_that_means_a_match(small_base):
    pairs = [{"text": "a card", "text_pair": other} for other in ("card", "pin", "my card", "no")]
    with pytest.raises(SettingsError, match="one is known to mean that two texts belong together"):
        ZeroShot(task="text_pair", base=str(small_base)).fit(pairs, ["left", "right"] * 2)
    method = ZeroShot(task="text_pair", base=str(small_base), match_label="left").fit(
        pairs, ["left", "right"] * 2
    )
    assert method.predict([{"text": "a card", "text_pair": "a card"}]).tolist() == ["left"]


def test_a_relation_is_read_by_its_phrase_and_said_of_its_entities():
    text = "In spring the big company Acme bought, as papers say, the rival Bolt for a lot of money in the end of it all."
    item = {
        "text": text,
        "head": [text.index("Acme"), text.index("Acme") + 4],
        "tail": [text.index("Bolt"), text.index("Bolt") + 4],
    }
    phrase = relation_phrase(item)
    assert phrase.startswith("Acme, Bolt: ")
    assert "Acme bought, as papers say, the rival Bolt" in phrase
    assert "end of it all" not in phrase
    assert verbalised("Cause-Effect(e2,e1)", "flood", "rain", {}) == ["rain and flood: cause effect"]
    assert verbalised("父亲", "甲", "乙", {}) == ["甲是乙的父亲"]
    assert verbalised("own", "A", "B", {"own": ["{tail} belongs to {head}."]}) == ["B belongs to A."]


def test_parts_that_may_be_named_are_found_in_english_and_chinese():
    def parts(text):
        offsets = np.array(token_offsets(text))
        return {
            text[offsets[first, 0] : offsets[stop - 1, 1]] for first, stop in candidate_parts(text, offsets)
        }

    assert {"Bank of England", "England", "London", "2024"} <= parts("the Bank of England in London, 2024")
    assert "of" not in parts("the Bank of England in London, 2024")
    assert "breast cancer" in parts("a case of breast cancer was seen")
    assert {"上海", "复旦大学"} <= parts("他在上海的复旦大学工作")
    assert candidate_parts("", np.zeros((0, 2), dtype=np.int64)) == []
