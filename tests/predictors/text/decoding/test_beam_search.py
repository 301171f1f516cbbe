import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from metier.predictors.text.decoding import DecodingSettings, Search

PROMPTS = [[5, 7, 11], [13, 8, 9, 40, 41, 6], [100]]
ENDS = list(range(2, 14))


def of_transformers(model, prompt, *, ends, **settings):
    config = GenerationConfig(do_sample=False, pad_token_id=0, eos_token_id=ends, **settings)
    ids = torch.tensor([prompt])
    given = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
    new = given[0, len(prompt) :].tolist()
    last = next((at for at, token in enumerate(new) if token in ends), len(new))
    return new[:last]


@pytest.mark.parametrize("beams", [2, 4])
@pytest.mark.parametrize(("penalty", "early"), [(1.0, True), (0.0, False), (2.0, False), (-1.0, True)])
@pytest.mark.parametrize("ends", [ENDS, ENDS[:1]])
def test_beams_are_those_of_transformers(decoder, loop, beams, penalty, early, ends):
    settings = DecodingSettings(12, beams=beams, length_penalty=penalty, early_stopping=early)
    found = Search(loop, settings, end_ids=ends).answers(PROMPTS)
    shared = {"num_beams": beams, "length_penalty": penalty, "early_stopping": early, "max_new_tokens": 12}
    assert found == [of_transformers(decoder, prompt, ends=ends, **shared) for prompt in PROMPTS]


def test_beams_find_likelier_answers_than_greedy_search(loop):
    """The sum of log-probabilities of the best of eight beams is that of the greedy answer or more, mostly more."""
    greedy = Search(loop, DecodingSettings(8), end_ids=()).answers(PROMPTS)
    beams = Search(loop, DecodingSettings(8, beams=8), end_ids=()).answers(PROMPTS)
    gains = np.array(loop.losses(PROMPTS, greedy)) - np.array(loop.losses(PROMPTS, beams))
    assert gains.min() > -1e-5
    assert gains.max() > 0.05


def test_rows_of_unlike_length_do_not_disturb_one_another(loop):
    search = Search(loop, DecodingSettings(10, beams=3), end_ids=ENDS)
    assert search.answers(PROMPTS) == [list(search.tokens(prompt)) for prompt in PROMPTS]
