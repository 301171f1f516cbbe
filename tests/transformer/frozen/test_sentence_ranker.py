"""Sentences chosen by a frozen encoder: a random one here, so what is known of each sentence has to tell."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")

from metier.bundles.safety import check_is_data, walk_files
from metier.errors import SettingsError
from metier.evaluation.text_measures import rouge_l
from metier.features.sentence_features import N_NUMBERS, features_of, split_pieces
from metier.predictors import load_predictor
from metier.tasks.answers import WRITTEN_TEXT
from metier.transformer.frozen.sentence_ranker import SentenceRanker, _check, _equivalence_check

EXAMPLES = Path(__file__).parents[3] / "examples"


def read(split, most):
    with (EXAMPLES / "scitldr" / f"{split}.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][:most]
    return [row["document"] for row in rows], [row.get("references") or [row["summary"]] for row in rows]


@pytest.fixture(scope="module")
def last_matters():
    """Texts whose summary is their last sentence: what the lead sentence never finds."""
    texts, _ = read("train", 60)
    return texts, [split_pieces(text, "sentence")[-1] for text in texts]


@pytest.fixture(scope="module")
def fitted(tiny_base, last_matters):
    texts, summaries = last_matters
    return SentenceRanker(base=str(tiny_base), precision="fp32").fit(texts[:40], summaries[:40])


def test_learns_where_the_summary_stands(fitted, last_matters):
    texts, summaries = last_matters
    right = [given == true for given, true in zip(fitted.predict(texts[40:]), summaries[40:], strict=True)]
    assert np.mean(right) > 0.8
    assert fitted.chosen_params_["n_pieces"] == 1


def test_exported_then_loaded_answers_alike(fitted, last_matters, tmp_path):
    fitted.export(tmp_path)
    for path in walk_files(tmp_path):
        check_is_data(path)
    texts = [
        *last_matters[0][40:],
        "",
        "   ",
        "One sentence only.",
        "\ud83d half",
        "我的卡还没有到。钱也没有。",
    ]
    answers = load_predictor(tmp_path).predict(texts)
    assert answers.predicted == fitted.predict(texts)
    assert answers.answered_by == ("sentence_ranker.v1",) * len(texts)
    assert load_predictor(tmp_path).predict([]).predicted == []
    assert all(one in text for one, text in zip(answers.predicted[:20], texts[:20], strict=True))


def test_what_was_chosen_needs_no_validation(tiny_base, last_matters):
    texts, summaries = last_matters
    chosen = SentenceRanker(base=str(tiny_base)).fit(
        texts[:30], summaries[:30], validation=(texts[30:], summaries[30:])
    )
    again = SentenceRanker(**chosen.chosen_params_).fit(texts[:30], summaries[:30])
    assert again.predict(texts[30:]) == chosen.predict(texts[30:])


def test_chinese_titles_may_be_clauses(tiny_base):
    text = "随着经济发展，用电量不断增长。本文提出一种电网规划方法，结果表明该方法有效。"
    assert split_pieces(text, "clause") == [
        "随着经济发展",
        "用电量不断增长",
        "本文提出一种电网规划方法",
        "结果表明该方法有效",
    ]
    fitted = SentenceRanker(base=str(tiny_base)).fit([text] * 12, ["一种电网规划方法"] * 12)
    assert fitted.unit_ == "clause"
    assert fitted.predict([text]) == ["本文提出一种电网规划方法"]


def test_every_reference_counts(tiny_base):
    texts, references = read("train", 12)
    first = [one[0] for one in references]
    several = [[one, split_pieces(text, "sentence")[-1]] for text, one in zip(texts, first, strict=True)]
    assert WRITTEN_TEXT.training_targets(_check(texts, several)) == first
    plain = SentenceRanker(base=str(tiny_base)).fit(texts, first)
    more = SentenceRanker(base=str(tiny_base)).fit(texts, several)
    figures = [max(one.facts_["rouge_l"].values()) for one in (plain, more)]
    assert figures[1] > figures[0]


def test_a_long_text_and_a_text_of_one_sentence(fitted):
    assert fitted.predict(["Only one."]) == ["Only one."]
    pages = "The first sentence stands here. " * 2_000
    assert fitted.predict([pages]) == ["The first sentence stands here."]


def test_numbers_are_as_many_as_they_say():
    vectors = np.eye(3, 8)
    assert features_of(["One two.", "Two three.", "Four."], vectors).shape == (3, N_NUMBERS + 8)


def test_eight_bits_are_held_against_the_first_sentence():
    texts, references = read("dev", 4)
    check = _equivalence_check(_check(texts, references))

    class Answered:
        predicted = ("", *(one[0] for one in references[1:]))

    assert check.is_correct(Answered).tolist() == [
        rouge_l(references[0], split_pieces(texts[0], "sentence")[0]) == 0, True, True, True,
    ]  # fmt: skip


def test_settings_that_cannot_work_are_refused_together():
    with pytest.raises(SettingsError, match=r"(?s)unit is 'word'.*n_pieces is 0.*penalty is 0"):
        SentenceRanker(unit="word", n_pieces=0, penalty=0).fit(["a"], ["b"])
