"""Every adaptation of a writer: it learns, is sealed, answers without torch as with it, and is a base again."""

import json

import pytest

pytest.importorskip("torch", reason="needs metier[train]")
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from metier.bases.adaptation.naming import KINDS
from metier.bases.generative_bases import load_language_model, resolve_generative_base, save_language_model
from metier.bundles.safety import check_is_data, walk_files
from metier.errors import SettingsError
from metier.predictors import load_predictor
from metier.transformer.generation.generator import LEARNING_RATES, Generator

TEXTS = [
    "where is my card",
    "give me cash",
    "我的卡没有到",
    "hello there",
    "a question that is longer than the others are",
]
TARGETS = ["card", "cash", "no card", "other", "card"]
IDS = torch.tensor([[5, 6, 7, 8, 30]])


@pytest.fixture(scope="module")
def llama(tiny_writers, tmp_path_factory):
    return str(tiny_writers.make_llama(tmp_path_factory.mktemp("llama"), [*TEXTS, *TARGETS]))


@pytest.fixture(scope="module")
def gpt2(tiny_writers, tmp_path_factory):
    """Learned positions, biases everywhere, and weights that stand the other way round."""
    tokenizer = tiny_writers.make_tokenizer([*TEXTS, *TARGETS])
    torch.manual_seed(0)
    sizes = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256, "vocab_size": len(tokenizer)}
    config = GPT2Config(**sizes, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    folder = tmp_path_factory.mktemp("gpt2")
    save_language_model(GPT2LMHeadModel(config), tokenizer, folder)
    return str(folder)


def learn(base, adaptation, **settings):
    given = {"epochs": 30, "precision": "fp32", "max_new_tokens": 8, **settings}
    return Generator(base=base, adaptation=adaptation, **given).fit(TEXTS, TARGETS)


def test_every_adaptation_has_a_rate_or_a_reason_against_it():
    assert {*LEARNING_RATES, "head"} == set(KINDS)


@pytest.mark.parametrize("adaptation", [*LEARNING_RATES, "top:1", "prefix:5", "prompt:1"])
@pytest.mark.parametrize("base", ["llama", "gpt2"])
def test_every_adaptation_learns_and_answers_the_same_once_sealed(request, tmp_path, base, adaptation):
    if (base, adaptation) in {("llama", "bitfit"), ("gpt2", "ia3")}:
        pytest.skip("refused: see below")
    fitted = learn(request.getfixturevalue(base), adaptation)
    losses = [epoch["loss"] for epoch in fitted.facts_["epochs"]]
    assert min(losses[-3:]) < losses[0]
    fitted.export(tmp_path)
    for path in walk_files(tmp_path):
        check_is_data(path)
    predictor = load_predictor(tmp_path)
    assert type(predictor).__name__ == "OnnxGenerationPredictor", fitted.facts_["export"]
    assert predictor.predict(TEXTS).predicted == fitted.predict(TEXTS)
    assert "".join(predictor.stream(TEXTS[2])) == fitted.predict(TEXTS[2:3])[0]
    again = load_language_model(resolve_generative_base(str(tmp_path / "huggingface")), dtype=torch.float32)
    with torch.inference_mode():
        expected, found = (model(input_ids=IDS).logits for model in (fitted.predictor_.model, again))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("adaptation", ["prefix:5", "prompt:5", "adapter:8"])
@pytest.mark.parametrize("base", ["llama", "gpt2"])
def test_the_graph_gives_the_logits_of_the_model(request, tmp_path, base, adaptation):
    fitted = learn(request.getfixturevalue(base), adaptation, learning_rate=3e-2)
    plain = load_language_model(fitted.base_, dtype=torch.float32)
    fitted.export(tmp_path)
    predictor = load_predictor(tmp_path)
    ids = IDS[0].tolist()
    prompts, answers = [ids[:1], ids[:4]], [ids[1:], ids[4:]]
    losses = []
    for model in (fitted.predictor_.model, plain):
        with torch.inference_mode():
            scores = model(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits[0].log_softmax(dim=1)
        each = -scores[torch.arange(4), IDS[0, 1:]]
        losses.append([float(each.mean()), float(each[3])])
    assert predictor.losses(prompts, answers) == pytest.approx(losses[0], rel=1e-4)
    assert abs(losses[0][0] - losses[1][0]) > 0.01  # What was learned makes a difference.


@pytest.mark.parametrize("adaptation", ["prefix:5", "prompt:5"])
def test_beams_go_on_from_what_stands_before_the_text(llama, tmp_path, adaptation):
    fitted = learn(llama, adaptation, learning_rate=3e-2, beams=3)
    fitted.export(tmp_path)
    assert load_predictor(tmp_path).predict(TEXTS).predicted == fitted.predict(TEXTS)


def test_what_stands_before_the_text_leaves_less_of_the_context(gpt2):
    fitted = learn(gpt2, "prefix:100", epochs=1)
    assert fitted._encoding_.prompts.settings.room == 256 - 100 - 8


def test_what_a_base_has_no_place_for_is_refused_with_what_to_take(llama, tiny_writers, tmp_path):
    with pytest.raises(SettingsError, match=r"its layers have no biases\. Use 'ia3'"):
        learn(llama, "bitfit")
    with pytest.raises(SettingsError, match=r"no head of its own to train\. Use 'lora:16'"):
        learn(llama, "head")
    with pytest.raises(SettingsError, match=r"upper_layers is 1 and adaptation 'prefix:4'"):
        learn(llama, "prefix:4", upper_layers=1)
    with pytest.raises(SettingsError, match=r"3 layers, but the base .* has 2 layers"):
        learn(llama, "top:3")
    t5 = str(tiny_writers.make_t5(tmp_path, [*TEXTS, *TARGETS]))
    with pytest.raises(SettingsError, match=r"is an encoder-decoder\. Use 'lora:16' or 'adapter:48'"):
        learn(t5, "prompt:4")
    fitted = learn(llama, "prompt:4", epochs=1)
    fitted.export(tmp_path)
    with pytest.raises(SettingsError, match=r"already contains the adaptation prompt:4"):
        learn(str(tmp_path / "huggingface"), "prefix:4")
    assert json.loads((tmp_path / "predictor.json").read_text("utf-8"))["kind"] == "onnx_generation.v1"
