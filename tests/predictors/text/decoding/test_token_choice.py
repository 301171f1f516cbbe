from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from metier.errors import SettingsError
from metier.predictors.text.decoding import DecodingSettings, Search
from metier.predictors.text.decoding.token_choice import NextToken, TokenScores

PROMPT = [5, 7, 11]


def drawn(n=4_000, **settings):
    """Shares of the draws of each of five tokens."""
    logits = np.log(np.array([0.4, 0.3, 0.15, 0.1, 0.05]))
    choice = NextToken(TokenScores(DecodingSettings(1, temperature=1.0, **settings)))
    return np.bincount([choice.choose(logits, []) for _ in range(n)], minlength=5) / n


def test_draws_have_the_probabilities_of_the_model_within_what_is_kept():
    assert drawn() == pytest.approx([0.4, 0.3, 0.15, 0.1, 0.05], abs=0.03)
    assert drawn(top_k=2) == pytest.approx([4 / 7, 3 / 7, 0, 0, 0], abs=0.03)
    assert drawn(top_p=0.8) == pytest.approx([8 / 17, 6 / 17, 3 / 17, 0, 0], abs=0.03)
    assert drawn(min_p=0.3) == pytest.approx([8 / 17, 6 / 17, 3 / 17, 0, 0], abs=0.03)


def greedy(loop, n=24, **settings):
    return list(Search(loop, DecodingSettings(n, **settings), end_ids=[2]).tokens(PROMPT))


def test_greedy_search_is_that_of_transformers(decoder, loop):
    config = GenerationConfig(do_sample=False, pad_token_id=0, eos_token_id=2, max_new_tokens=24)
    ids = torch.tensor([PROMPT])
    given = decoder.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
    assert greedy(loop) == [token for token in given[0, 3:].tolist() if token != 2]


def test_what_was_written_becomes_less_likely(loop):
    plain, penalised = greedy(loop), greedy(loop, repetition_penalty=5.0)
    assert len(set(penalised)) / len(penalised) > len(set(plain)) / len(plain)
    scores = TokenScores(DecodingSettings(5, repetition_penalty=2.0))
    assert scores.of(np.array([2.0, -2.0, 1.0]), [0, 1, 1]).tolist() == [1.0, -4.0, 1.0]


def test_no_run_is_written_twice(loop):
    answer = greedy(loop, no_repeat_ngram=2)
    pairs = list(pairwise(answer))
    assert len(pairs) == len(set(pairs))


def test_an_answer_does_not_end_too_early(loop):
    first = greedy(loop, n=1)[0]
    settings = DecodingSettings(6, min_new_tokens=3)
    answer = list(Search(loop, settings, end_ids=[first]).tokens(PROMPT))
    assert len(answer) >= 3
    assert list(Search(loop, DecodingSettings(6), end_ids=[first]).tokens(PROMPT)) == []


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"beams": 2, "temperature": 1.0}, "use beam search or sampling, not both"),
        ({"top_k": 5}, "top_k is 5 and temperature 0: nothing is drawn"),
        ({"min_p": 0.1}, "min_p is 0.1 and temperature 0: nothing is drawn"),
        ({"length_penalty": 0.5}, "of beam search, and beams is 1"),
        ({"min_new_tokens": 9}, "min_new_tokens is 9 and max_new_tokens 8"),
        ({"min_new_tokens": 2, "constraint": {"kind": "choices"}}, "min_new_tokens is 2 and choices is set"),
    ],
)
def test_what_contradicts_itself_is_refused(settings, fault):
    with pytest.raises(SettingsError, match=fault):
        DecodingSettings(8, **settings).check("here")
