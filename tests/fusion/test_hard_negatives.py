"""Answers and near misses of real questions."""

import json
from pathlib import Path

import pytest

from metier.fusion.hard_negatives import mine_pairs
from metier.fusion.retrieve_rerank import RetrieveRerank

FAQ = Path(__file__).parents[2] / "examples" / "covid_faq" / "faq.jsonl"


@pytest.fixture(scope="module")
def faq():
    """Questions and their answers."""
    rows = [json.loads(line) for line in FAQ.read_text(encoding="utf-8").splitlines()]
    return [row["question"] for row in rows], [row["answer"] for row in rows]


@pytest.fixture(scope="module")
def search(faq):
    ids = [str(number) for number in range(len(faq[1]))]
    return RetrieveRerank().fit(faq[1], ids).predictor_


def test_every_answer_is_a_match_and_what_is_found_beside_it_a_miss(faq, search):
    questions, answers = faq
    pairs, labels = mine_pairs(search, questions[:10], [str(n) for n in range(10)], misses=3)
    assert len(pairs) == len(labels) == 40
    for number in range(10):
        block, own = pairs[4 * number : 4 * number + 4], labels[4 * number : 4 * number + 4]
        assert own == ["1", "0", "0", "0"]
        assert block[0] == {"text": questions[number], "text_pair": answers[number]}
        found, _ = search.candidates([questions[number]], most=4)[0]
        expected = [answers[position] for position in found.tolist() if position != number][:3]
        assert [pair["text_pair"] for pair in block[1:]] == expected


def test_the_first_found_may_be_left_out(faq, search):
    plain, _ = mine_pairs(search, faq[0][:1], [["0"]], misses=5)
    skipped, _ = mine_pairs(search, faq[0][:1], [["0"]], misses=2, skipped=3)
    assert skipped[1]["text_pair"] in [pair["text_pair"] for pair in plain[3:]]


def test_all_texts_of_an_id_are_matches(faq):
    search = RetrieveRerank().fit(faq[1][:20], ["same"] * 3 + [str(n) for n in range(17)]).predictor_
    pairs, labels = mine_pairs(search, faq[0][:1], ["same"], misses=2)
    assert labels == ["1", "1", "1", "0", "0"]
    assert [pair["text_pair"] for pair in pairs[:3]] == faq[1][:3]
