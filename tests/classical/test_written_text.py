"""The floors of written text: lead, TextRank, nearest reply."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from metier.classical.extracted_sentences import Lead, TextRank
from metier.classical.nearest_reply import NearestReply
from metier.errors import DataError
from metier.evaluation.text_measures import rouge_l
from metier.features.sentence_ranks import rank_sentences, shorten, summarise
from metier.predictors.text.extracted_sentences import LeadPredictor, TextRankPredictor
from metier.predictors.text.nearest_reply import NearestReplyPredictor
from metier.text.segmentation import split_sentences

EXAMPLES = Path(__file__).parents[2] / "examples"
METHODS = [(Lead, LeadPredictor), (TextRank, TextRankPredictor), (NearestReply, NearestReplyPredictor)]


def read(name, source, target):
    with (EXAMPLES / name).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row[source] for row in rows], [row[target] for row in rows]


def rouge(truth, answers):
    return np.mean([rouge_l(true, answer) for true, answer in zip(truth, answers, strict=True)])


@pytest.fixture(scope="module")
def tldr():
    return {split: read(f"scitldr/{split}.jsonl", "document", "summary") for split in ("train", "dev", "test")}


@pytest.mark.parametrize(("method", "predictor"), METHODS, ids=[method.name for method, _ in METHODS])
def test_exported_then_loaded_answers_alike(method, predictor, tldr, tmp_path):
    fitted = clone(method()).fit(*tldr["train"], validation=tldr["dev"])
    texts = [*tldr["test"][0][:10], "", "   ", "我的卡还没有到。", "\ud83d half", "😀" * 50]
    expected = fitted.predict(texts)
    fitted.export(tmp_path)
    answers = predictor.load(tmp_path).predict(texts)
    assert answers.predicted == expected
    assert answers.answered_by == (method.name,) * len(texts)
    assert answers.record(0) == {"text": expected[0], "answered_by": method.name}
    again = method(**fitted.chosen_params_).fit(*tldr["train"])
    assert again.predict(texts) == expected


@pytest.mark.parametrize(("method", "_predictor"), METHODS, ids=[method.name for method, _ in METHODS])
def test_what_nobody_fitted_answers_nothing(method, _predictor):
    with pytest.raises(NotFittedError):
        method().predict(["a text"])


@pytest.mark.parametrize("method", [Lead, TextRank])
def test_a_sentence_of_the_text_beats_a_random_summary(method, tldr):
    fitted = method().fit(*tldr["train"], validation=tldr["dev"])
    texts, truth = tldr["test"]
    assert rouge(truth, fitted.predict(texts)) > rouge(truth, np.roll(truth, 1)) + 0.05
    assert fitted.facts_["rouge_l"][fitted.n_sentences_] == max(fitted.facts_["rouge_l"].values())


def test_the_sentence_that_the_others_are_like_is_the_summary():
    text = (
        "It rained in May. The old bridge over the river broke. Engineers say the bridge was old. Cats sleep."
    )
    assert "bridge" in summarise(text, 1)
    ranks = rank_sentences(split_sentences(text))
    assert ranks[[1, 2]].min() > ranks[[0, 3]].max()


def test_ranks_are_those_of_pagerank_solved_by_algebra(tldr):
    sentences = split_sentences(tldr["train"][0][0])
    from metier.features.sentence_ranks import DAMPING, _similarity
    from metier.text.segmentation import segment

    likeness = _similarity([segment(sentence) for sentence in sentences])
    np.fill_diagonal(likeness, 0)
    steps = likeness / likeness.sum(axis=1, keepdims=True)
    n = len(sentences)
    exact = np.linalg.solve(np.eye(n) - DAMPING * steps.T, np.full(n, (1 - DAMPING) / n))
    np.testing.assert_allclose(rank_sentences(sentences), exact * n, atol=1e-4)


def test_two_hundred_pages_are_shortened_to_the_room(tldr):
    pages = " ".join(tldr["train"][0]) * 4
    assert len(pages) > 400_000
    kept = shorten(pages, room=200, cost=lambda text: len(text.split()))
    assert 100 < len(kept.split()) <= 200
    chosen = summarise(pages, 2)
    assert 20 < len(chosen) < 5_000
    assert all(sentence.strip() in pages for sentence in split_sentences(chosen))


def test_chinese_sentences_stand_together_without_a_space():
    texts, _ = read("csl_title_zh/test.jsonl", "document", "summary")
    assert all(LeadPredictor(n_sentences=2).predict([text]).predicted[0] in text for text in texts[:20])


def test_the_nearest_reply_answers_small_talk():
    questions, answers = read("chatterbot_corpus/en.jsonl", "question", "answer")
    fitted = NearestReply().fit(questions, answers)
    assert fitted.predict(["my internet isn't working, help"])[0] in [
        answer for question, answer in zip(questions, answers, strict=True) if "internet" in question.lower()
    ]
    assert answers.count(fitted.predict(["zzz"])[0]) == max(map(answers.count, answers))


def test_the_number_of_turns_is_chosen_on_conversations():
    def conversations(split):
        with (EXAMPLES / "sgd_dialogues" / "messages" / f"{split}.jsonl").open(encoding="utf-8") as file:
            rows = [json.loads(line)["messages"] for line in file]
        return [{"messages": row[:-1]} for row in rows], [row[-1]["content"] for row in rows]

    fitted = NearestReply().fit(*conversations("train"), validation=conversations("dev"))
    assert set(fitted.facts_["rouge_l"]) == {1, 3}
    items, truth = conversations("test")
    assert rouge(truth, fitted.predict(items)) > rouge(truth, np.roll(truth, 1)) + 0.05


def test_two_user_turns_in_a_row_are_refused_at_the_door():
    said = [{"role": "user", "content": "hi"}, {"role": "user", "content": "there?"}]
    with pytest.raises(DataError, match=r"Row 1 .*two turns of the user in a row"):
        NearestReply().fit([{"messages": said}], ["hello"])
