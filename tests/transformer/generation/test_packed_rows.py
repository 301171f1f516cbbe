import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")
import torch
import transformers

from metier.bases.adaptation import parse_adaptation
from metier.bases.generative_bases import load_language_model, resolve_generative_base
from metier.errors import SettingsError
from metier.predictors import load_predictor
from metier.tasks.generation import check_texts
from metier.training.frozen_layer_cache import LIMIT
from metier.training.objectives.next_token import answer_cross_entropy
from metier.training.packed_attention import PACKED
from metier.transformer.generation.generation_rows import GenerationRows, Writer
from metier.transformer.generation.generator import Generator
from metier.transformer.generation.kept_states import PackedLayerCache, kept_states
from metier.transformer.generation.packed_rows import PackedRows, can_pack
from metier.transformer.generation.prepared_writer import prepare_writer

EXAMPLES = Path(__file__).parents[3] / "examples"
BF16 = 2e-2  # Eight bits of a state are kept.


@pytest.fixture(scope="module")
def talk():
    with (EXAMPLES / "chatterbot_corpus" / "en.jsonl").open(encoding="utf-8") as file:
        read = [json.loads(line) for line in file][:8]
    return [row["question"] for row in read], [row["answer"] for row in read]


@pytest.fixture(scope="module")
def llama(talk, tiny_writers, tmp_path_factory):
    return resolve_generative_base(
        str(tiny_writers.make_llama(tmp_path_factory.mktemp("llama"), [*talk[0], *talk[1]]))
    )


@pytest.fixture
def cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    return tmp_path


def some_rows(lengths=(9, 4, 17, 6, 12, 5)):
    random = np.random.default_rng(0)
    ids = [random.integers(5, 200, length).tolist() for length in lengths]
    return GenerationRows(ids, None, 0, answers=[row[-3:] for row in ids])


def gradients(writer, batch):
    writer.zero_grad(set_to_none=True)
    loss = answer_cross_entropy(writer, batch)
    loss.backward()
    return float(loss.detach()), {name: weight.grad.clone() for name, weight in writer.trained().items()}


def check_close(some, others, *, share):
    """By the norm of the difference, of all weights and of each."""
    assert some.keys() == others.keys()
    for name, gradient in some.items():
        assert float((gradient - others[name]).norm()) <= share * float(gradient.norm()) + 1e-7, name


def test_packed_rows_have_the_loss_and_the_gradients_of_padded_ones(llama):
    rows, every = some_rows(), np.arange(6)
    padded = Writer(load_language_model(llama, dtype=torch.float32), is_encoder_decoder=False).train()
    packed = Writer(load_language_model(llama, dtype=torch.float32), is_encoder_decoder=False).train()
    assert can_pack(packed.language_model, 17)
    loss, wanted = gradients(padded, rows.batch(every))
    found, own = gradients(packed, PackedRows.of(rows).batch(every))
    assert found == pytest.approx(loss, rel=1e-5)
    check_close(wanted, own, share=1e-4)
    losses = [
        writer.losses(part, token_budget=24) for writer, part in ((padded, rows), (packed, PackedRows.of(rows)))
    ]
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_a_row_does_not_see_the_one_before_it(llama):
    model = load_language_model(llama, dtype=torch.float32)
    assert can_pack(model, 17)
    writer, rows = Writer(model, is_encoder_decoder=False).eval(), PackedRows.of(some_rows())
    with torch.inference_mode():
        behind_others = writer(rows.batch(np.array([0, 2])))[0][-3:]
        alone = writer(rows.batch(np.array([2])))[0]
    torch.testing.assert_close(behind_others, alone, rtol=1e-4, atol=1e-5)


def prepared(base, **settings):
    given = {"upper_layers": 1, "n_steps": 1, "random_state": 0, **settings}
    return prepare_writer(base, parse_adaptation("lora:4"), [some_rows()], **given)


def test_kept_states_give_the_gradients_of_computed_ones_but_for_bf16(llama, cache_folder):
    ready = prepared(llama)
    # Matrices that start at zero give no gradient to those before them.
    with torch.no_grad():
        for name, weight in ready.writer.trained().items():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
    ready.writer.train()
    [rows] = ready.parts
    batch = rows.batch(np.array([5, 0, 2]))
    loss, wanted = gradients(ready.writer, batch)
    lowest = ready.writer.language_model.base_model.layers[0]
    with kept_states(ready.writer, ready.n_frozen, ready.parts) as are_kept:
        assert are_kept
        read = []
        handle = lowest.mlp.register_forward_hook(lambda *_: read.append(1))
        found, own = gradients(ready.writer, batch)
        handle.remove()
    assert not read  # The lowest layer did nothing.
    assert found == pytest.approx(loss, rel=BF16)
    check_close(wanted, own, share=BF16)
    assert list(cache_folder.rglob("*.states"))
    # A row that was not kept is read by all layers.
    other = PackedRows.of(some_rows((8, 15))).batch(np.arange(2))
    plain = gradients(ready.writer, other)[1]
    with kept_states(ready.writer, ready.n_frozen, ready.parts):
        check_close(plain, gradients(ready.writer, other)[1], share=1e-5)


def test_a_second_training_finds_the_states(llama, cache_folder):
    texts = []
    for _ in range(2):
        ready = prepared(llama)
        with kept_states(
            ready.writer, ready.n_frozen, ready.parts, listener=lambda step: texts.append(step.what)
        ):
            pass
    asked = [text for text in texts if "to compute" in text]
    assert len(asked) == 2
    assert ": 0 MB to compute" in asked[1]
    assert sum(path.suffix == ".states" for path in cache_folder.rglob("*")) == 1


def test_nothing_is_kept_where_the_limit_is_zero(llama, cache_folder, monkeypatch):
    monkeypatch.setenv(LIMIT, "0")
    ready = prepared(llama)
    with kept_states(ready.writer, ready.n_frozen, ready.parts) as are_kept:
        assert not are_kept
    assert not list(cache_folder.rglob("*.states"))


def test_states_that_changed_are_not_learned_from(llama, cache_folder):
    ready = prepared(llama)
    cache = PackedLayerCache(ready.writer.language_model.base_model, 1)
    assert cache.fill(ready.writer, ready.parts)
    assert cache.agrees(ready.writer, ready.parts[0])
    with torch.no_grad():
        ready.writer.language_model.base_model.layers[0].mlp.down_proj.weight.mul_(-3)
    assert not cache.agrees(ready.writer, ready.parts[0])


SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 48, "vocab_size": 210}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (transformers.Qwen2Config(**SMALL, **HEADS), transformers.Qwen2ForCausalLM),
        (transformers.GPT2Config(n_layer=2, n_embd=32, n_head=4, vocab_size=210), transformers.GPT2LMHeadModel),
        (transformers.GPTNeoXConfig(**SMALL, num_attention_heads=4), transformers.GPTNeoXForCausalLM),
    ],
)
def test_other_architectures_pack_too(config, kind):
    torch.manual_seed(0)
    model, rows = kind(config).eval(), some_rows()
    padded = Writer(model, is_encoder_decoder=False).losses(rows, token_budget=200)
    assert can_pack(model, 17)
    packed = Writer(model, is_encoder_decoder=False).losses(PackedRows.of(rows), token_budget=200)
    np.testing.assert_allclose(packed, padded, rtol=1e-4)


def test_what_cannot_be_packed_keeps_its_own_attention():
    torch.manual_seed(0)
    heads = {**SMALL, **HEADS, "head_dim": 8}
    capped = transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**heads)).eval()
    before = capped.config._attn_implementation
    assert not can_pack(capped, 17)
    assert capped.config._attn_implementation == before
    sliding = transformers.MistralForCausalLM(transformers.MistralConfig(**SMALL, **HEADS, sliding_window=8))
    assert not can_pack(sliding.eval(), 17)
    assert can_pack(sliding.eval(), 8)
    assert sliding.config._attn_implementation == PACKED


def test_only_upper_layers_learn(llama, talk, cache_folder):
    fitted = Generator(base=str(llama.folder), adaptation="lora:4", epochs=1).fit(*talk)
    assert fitted.facts_["layers_trained"] == 1
    assert fitted.facts_["frozen_states_kept"]
    before = load_language_model(llama, dtype=torch.float32).state_dict()
    after = fitted.predictor_.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("model.layers.1.") for name in changed)
    whole = Generator(base=str(llama.folder), adaptation="full", upper_layers=1, epochs=1).fit(*talk)
    after = whole.predictor_.model.state_dict()
    assert torch.equal(after["model.embed_tokens.weight"], before["model.embed_tokens.weight"])
    assert not torch.equal(
        after["model.layers.1.mlp.up_proj.weight"], before["model.layers.1.mlp.up_proj.weight"]
    )


def test_more_layers_than_there_are_is_said_before_any_work(llama, talk):
    with pytest.raises(SettingsError, match=r"has 2 layers. Use at most 2"):
        Generator(base=str(llama.folder), upper_layers=3).fit(*talk)


def test_answers_written_side_by_side_are_those_written_alone(llama, talk, tmp_path):
    """Rows of unequal length that end at unequal times, against transformers."""
    fitted = Generator(
        base=str(llama.folder), adaptation="full", learning_rate=5e-3, epochs=40, token_budget=128,
        precision="fp32",
    ).fit(*talk)  # fmt: skip
    fitted.export(tmp_path)
    predictor = load_predictor(tmp_path)
    texts = [*talk[0], "", "Where? " * 40, talk[0][0]]
    together = predictor.predict(texts).predicted
    assert together == [predictor.predict([text]).predicted[0] for text in texts]
    assert together == fitted.predict(texts)
    assert len({len(text) for text in together}) > 3
    assert together == ["".join(predictor.stream(text)) for text in texts]
    rows, _ = fitted._encoding_.rows(check_texts(*talk))
    prompts, answers = rows.parted(len(rows))
    alone = [predictor.loss(*row) for row in zip(prompts, answers, strict=True)]
    assert predictor.losses(prompts, answers) == pytest.approx(alone, rel=1e-4, abs=1e-6)
    assert len(set(map(len, answers))) > 3
