import numpy as np
import pytest
import torch

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer, resolve_base
from metier.predictors.span_reading import FORBIDDEN
from metier.training.batching import TokenisedRows
from metier.training.heads.span_scorer import SpanScorer
from metier.training.vocabulary_compaction import CompactVocabulary

QUESTION, PASSAGE = "Who won?", "The Panthers won in Denver."


@pytest.fixture
def scorer(tiny_base):
    return SpanScorer(load_model(resolve_base(str(tiny_base))), has_types=True).eval()


@pytest.fixture
def encoded(tiny_base):
    return load_tokenizer(resolve_base(str(tiny_base))).encode(QUESTION, PASSAGE)


def test_only_tokens_of_the_passage_and_the_first_may_be_taken(scorer, encoded):
    ids = [[*encoded.ids, 0, 0, 0]]
    mask = [[1] * len(encoded.ids) + [0] * 3]
    scores = scorer.scores(np.array(ids), np.array(mask))[0]
    allowed = (scores > FORBIDDEN).all(axis=1)
    wanted = [side == 1 for side in encoded.sequence_ids] + [False] * 3
    wanted[0] = True
    assert allowed.tolist() == wanted


def test_padding_and_neighbours_change_no_score(scorer, encoded):
    n = len(encoded.ids)
    alone = scorer.scores(np.array([encoded.ids]), np.ones((1, n), dtype=np.int64))
    both = np.zeros((2, n + 9), dtype=np.int64)
    both[0, :n], both[1] = encoded.ids, np.resize(encoded.ids, n + 9)
    mask = np.ones_like(both)
    mask[0, n:] = 0
    np.testing.assert_allclose(scorer.scores(both, mask)[0, :n], alone[0], atol=1e-4)


def test_it_sees_the_types_that_the_tokenizer_gives_a_pair(scorer, encoded):
    seen = {}

    def watch(module, args, kwargs):
        seen.update(kwargs)

    scorer.encoder.register_forward_pre_hook(watch, with_kwargs=True)
    scorer.scores(np.array([encoded.ids]), np.ones((1, len(encoded.ids)), dtype=np.int64))
    assert seen["token_type_ids"][0].tolist() == encoded.type_ids
    assert {0, 1} == set(encoded.type_ids)


def test_in_another_vocabulary_the_passage_is_found_all_the_same(scorer, encoded):
    ids = np.array([encoded.ids])
    mask = np.ones_like(ids)
    before = scorer.scores(ids, mask)
    vocabulary = CompactVocabulary(scorer.encoder, [encoded.ids], always=[0])
    np.testing.assert_allclose(scorer.scores(np.stack(vocabulary.translate(ids)), mask), before, atol=1e-5)


def test_spans_are_judged_by_their_overlap(scorer, encoded, monkeypatch):
    first = encoded.sequence_ids.index(1)
    scores = np.full((1, len(encoded.ids), 2), FORBIDDEN, dtype=np.float32)
    scores[0, [0, *range(first, len(encoded.ids) - 1)]] = 0
    scores[0, first, 0] = scores[0, first + 2, 1] = 5.0  # Three tokens: first, and two more.
    monkeypatch.setattr(scorer, "scores", lambda *_: scores)

    def judged(truth):
        losses, overlaps = scorer.judge(TokenisedRows([encoded.ids], np.array([truth]), 0), longest=9)
        assert losses[0] > 0
        return overlaps[0]

    assert judged([first, first + 2]) == 1
    assert judged([first + 1, first + 1]) == pytest.approx(0.5)
    assert judged([first + 3, first + 4]) == 0
    assert judged([0, 0]) == 0
    scores[0, 0] = 9.0
    assert judged([0, 0]) == 1
    assert judged([first, first]) == 0


def test_the_head_starts_the_same_for_the_same_seed(tiny_base):
    encoder = load_model(resolve_base(str(tiny_base)))
    one, same, other = (SpanScorer(encoder, has_types=True, random_state=seed) for seed in (1, 1, 2))
    assert torch.equal(one.head.weight, same.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)
