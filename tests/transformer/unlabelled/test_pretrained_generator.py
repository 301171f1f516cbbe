"""A small model that writes goes on learning raw text, reads general text again, and is tuned from there."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from metier.bases.generative_bases import load_codec, resolve_generative_base
from metier.errors import BaseModelError, DataError, SettingsError
from metier.transformer.generation.generator import Generator
from metier.transformer.unlabelled import causal_pretraining
from metier.transformer.unlabelled.causal_pretraining import CausalSettings, perplexity, pieces, pretrain_writer
from metier.transformer.unlabelled.pretrained_generator import PretrainedGenerator

EXAMPLES = Path(__file__).parents[3] / "examples"
QUICK = {"piece": 48, "learning_rate": 5e-3, "upper_layers": 1, "token_budget": 256}


@pytest.fixture(scope="module")
def abstracts():
    with (EXAMPLES / "scitldr" / "train.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line)["document"][:400] for line in file][:24]


@pytest.fixture(scope="module")
def folder(abstracts, tiny_writers, tmp_path_factory):
    return str(tiny_writers.make_llama(tmp_path_factory.mktemp("base"), abstracts))


@pytest.fixture(scope="module")
def base(folder):
    return resolve_generative_base(folder)


@pytest.fixture(scope="module")
def learned(base, abstracts):
    return pretrain_writer(base, abstracts, CausalSettings(passes=3, **QUICK))


def test_texts_are_cut_into_pieces_and_each_ends(base, abstracts):
    codec = load_codec(base.folder)
    ids = [codec.encode(text) for text in abstracts[:2]]
    cut = pieces(ids, 48, 2)
    assert max(map(len, cut)) == 48
    assert [token for piece in cut for token in piece] == [*ids[0], 2, *ids[1], 2]


def test_the_domain_is_learned_and_the_change_has_an_interval(learned):
    _, facts = learned
    domain, general = facts["domain"], facts["general"]
    assert domain["after"] < 0.95 * domain["before"]
    assert domain["nats"]["high"] < 0
    assert domain["nats"]["value"] == pytest.approx(np.log(domain["after"] / domain["before"]))
    assert facts["replayed"] == "texts that the base wrote"
    assert facts["replayed_tokens"] > 0
    assert general["nats"]["low"] <= general["nats"]["value"] <= general["nats"]["high"]


def test_what_was_learned_is_a_base_and_is_found_again(base, learned, abstracts, monkeypatch):
    again, facts = learned
    assert (again.name, again.max_length) == (base.name, base.max_length)
    monkeypatch.setattr(causal_pretraining, "_learn", None)  # Whoever learns again fails.
    assert pretrain_writer(base, abstracts, CausalSettings(passes=3, **QUICK))[1] == facts


def test_general_texts_are_read_again_in_place_of_what_the_base_writes(base, abstracts):
    given = [f"A sentence about nothing in particular, number {n}." for n in range(40)]
    settings = CausalSettings(replay_fraction=0.5, **QUICK)
    _, facts = pretrain_writer(base, abstracts[:8], settings, general=given)
    assert facts["replayed"] == "given texts"
    assert facts["general"]["after"] < facts["general"]["before"]


def test_perplexity_is_of_all_tokens_and_its_interval_of_the_change():
    before = (np.array([-2.0, -4.0, -9.0]), np.array([2.0, 2.0, 3.0]))
    after = (np.array([-1.0, -3.0, -9.0]), np.array([2.0, 2.0, 3.0]))
    found = perplexity(before, after, np.array([True, True, False]))
    assert found["before"] == pytest.approx(np.exp(6 / 4))
    assert found["after"] == pytest.approx(np.exp(4 / 4))
    assert found["nats"] == pytest.approx({"value": -0.5, "low": -0.5, "high": -0.5})


def test_it_is_a_generator_on_the_base_that_learned(folder, abstracts):
    settings = {"base": folder, "epochs": 1, "max_new_tokens": 24, "precision": "fp32", "upper_layers": 1}
    targets = [text[:40] for text in abstracts]
    plain = Generator(**settings).fit(abstracts, targets)
    same = PretrainedGenerator(**settings).fit(abstracts, targets)
    assert same.predict(abstracts[:3]) == plain.predict(abstracts[:3])
    taught = PretrainedGenerator(**settings, unlabelled=abstracts, pretraining_rate=5e-3).fit(
        abstracts, targets
    )
    assert taught.facts_["pretraining"]["texts"] == len(abstracts)
    assert taught.chosen_params_["base"] == folder
    assert taught.measure(abstracts, targets).seconds_before > plain.measure(abstracts, targets).seconds_before
    parameters = inspect.signature(PretrainedGenerator).parameters
    assert clone(PretrainedGenerator(passes=3)).passes == 3
    assert {"unlabelled", "replay_fraction", "general", "base", "beams"} <= set(parameters)


def test_what_cannot_be_learned_is_said(base, abstracts, tiny_writers, tmp_path):
    with pytest.raises(DataError, match="pieces of text to learn from, and 8 are needed"):
        pretrain_writer(base, abstracts[:1], CausalSettings(**{**QUICK, "piece": 256}))
    t5 = resolve_generative_base(str(tiny_writers.make_t5(tmp_path, abstracts)))
    with pytest.raises(BaseModelError, match="raw texts are learned by causal models"):
        pretrain_writer(t5, abstracts, CausalSettings(**QUICK))
    with pytest.raises(SettingsError, match="replay_fraction is 2"):
        PretrainedGenerator(base=base.name, replay_fraction=2).fit(abstracts, abstracts)
