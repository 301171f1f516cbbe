"""Spans as tags and back, and the likeliest sequence against trying all of them."""

import itertools

import numpy as np
import pytest

from metier.tasks.answers.bio import (
    as_offsets,
    best_tags,
    legal_starts,
    legal_steps,
    spans_of_tags,
    tag_names,
    tags_of_spans,
)
from metier.text.tokens import token_offsets

LABELS = ("LOC", "PER")


def offsets(text):
    return as_offsets(token_offsets(text))


def test_names_in_order():
    assert tag_names(LABELS) == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def test_spans_become_tags_and_come_back():
    text = "Ada Lovelace met Babbage in London."
    spans = [[0, 12, "PER"], [17, 24, "PER"], [28, 34, "LOC"]]
    tags, n_unaligned = tags_of_spans(spans, offsets(text), LABELS)
    assert [tag_names(LABELS)[tag] for tag in tags] == ["B-PER", "I-PER", "O", "B-PER", "O", "B-LOC", "O"]
    assert n_unaligned == 0
    assert spans_of_tags(tags, offsets(text), LABELS) == spans


def test_neighbours_of_one_label_stay_two():
    spans = [[0, 2, "LOC"], [2, 4, "LOC"]]
    tags, _ = tags_of_spans(spans, offsets("台北高雄"), LABELS)
    assert spans_of_tags(tags, offsets("台北高雄"), LABELS) == spans


def test_an_edge_inside_a_token_is_counted_and_the_token_taken():
    tags, n_unaligned = tags_of_spans([[0, 4, "LOC"]], offsets("Londoner"), LABELS)
    assert (tags.tolist(), n_unaligned) == ([1], 1)


def test_two_spans_in_one_token_cannot_both_have_it():
    tags, n_unaligned = tags_of_spans([[0, 3, "LOC"], [3, 6, "PER"]], offsets("LONDON"), LABELS)
    assert (tags.tolist(), n_unaligned) == ([1], 2)


def test_a_span_of_white_space_touches_no_token():
    tags, n_unaligned = tags_of_spans([[1, 2, "LOC"]], offsets("a b"), LABELS)
    assert (tags.tolist(), n_unaligned) == ([0, 0], 1)


@pytest.mark.parametrize("seed", range(20))
def test_the_best_sequence_is_the_best_of_all_legal_ones(seed):
    random = np.random.default_rng(seed)
    scores, steps = random.normal(size=(4, 5)), random.normal(size=(5, 5))
    starts, legal = legal_starts(2), legal_steps(2)

    def score(tags):
        pairs = list(itertools.pairwise(tags))
        if not starts[tags[0]] or not all(legal[pair] for pair in pairs):
            return -np.inf
        return sum(scores[i, tag] for i, tag in enumerate(tags)) + sum(steps[pair] for pair in pairs)

    expected = max(itertools.product(range(5), repeat=4), key=score)
    assert best_tags(scores, steps).tolist() == list(expected)


def test_no_illegal_sequence_comes_out_of_noise():
    random = np.random.default_rng(0)
    names = tag_names(LABELS)
    for _ in range(200):
        found = [names[tag] for tag in best_tags(random.normal(size=(12, 5)) * 5)]
        for before, after in itertools.pairwise(["O", *found]):
            if after.startswith("I-"):
                assert before in (f"B-{after[2:]}", after)


def test_no_tokens_no_tags():
    assert len(best_tags(np.zeros((0, 5)))) == 0
    assert tags_of_spans([], offsets(" "), LABELS)[0].tolist() == []
