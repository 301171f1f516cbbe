"""The graphs of every architecture in the tables, held against transformers on small models with random weights."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")
import torch
import transformers

from metier.export import generation_export
from metier.export.decoder_architectures import ARCHITECTURES, causal_fault
from metier.export.encoder_decoder_architectures import PAIR_ARCHITECTURES, encoder_decoder_fault
from metier.export.onnx_decoder import write_decoder
from metier.export.onnx_encoder_decoder import write_encoder_decoder
from metier.predictors.onnx.decoder_loop import DecoderLoop
from metier.predictors.onnx.encoder_decoder_loop import EncoderDecoderLoop, TokenRules
from metier.predictors.onnx.graph_session import open_session
from metier.predictors.text.decoding import DecodingSettings, Search

N_TOKENS, END, START = 64, 2, 2
CLOSE = 1e-4
SMALL = {
    "vocab_size": N_TOKENS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": END,
    "pad_token_id": 0,
}
GROUPED = {**SMALL, "num_key_value_heads": 1}
LONGER = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
PARTLY = {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}
GPT2 = {"vocab_size": N_TOKENS, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "eos_token_id": END}
CAPPED = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 9}
OPT = {**SMALL, "ffn_dim": 48, "word_embed_proj_dim": 32}
CAUSAL = {
    "llama": {**GROUPED, "tie_word_embeddings": True},
    "llama with biases and longer positions": {
        **GROUPED,
        "attention_bias": True,
        "mlp_bias": True,
        "rope_parameters": LONGER,
    },
    "mistral": {**GROUPED, "sliding_window": 4},
    "qwen2": {**GROUPED, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1},
    "qwen3": {**GROUPED, "head_dim": 32},
    "gemma": {**GROUPED, "head_dim": 32},
    "gemma2": {**GROUPED, "head_dim": 32, "sliding_window": 4, **CAPPED},
    "gemma3_text": {
        **GROUPED,
        "head_dim": 32,
        "sliding_window": 4,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "gpt2": GPT2,
    "gpt2 with other scales": {**GPT2, "scale_attn_by_inverse_layer_idx": True, "activation_function": "relu"},
    "gpt_neox": {**SMALL, "hidden_size": 64, "rope_parameters": PARTLY},
    "gpt_neox one behind the other": {
        **SMALL,
        "hidden_size": 128,  # Of each head a quarter is turned.
        "use_parallel_residual": False,
    },
    "opt": OPT,
    "opt with norms behind": {**OPT, "do_layer_norm_before": False},
}
T5 = {
    "vocab_size": N_TOKENS,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 4,
    # So near that the texts below are longer.
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "decoder_start_token_id": START,
    "eos_token_id": END,
}
BART = {
    "vocab_size": N_TOKENS,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 40,
    "max_position_embeddings": 64,
    "decoder_start_token_id": START,
    "pad_token_id": 1,
    "eos_token_id": END,
    "bos_token_id": 0,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
}
PAIRS = {
    "t5": T5,
    "t5 gated": {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "mt5": {**T5, "feed_forward_proj": "gated-gelu"},
    "bart": BART,
    "mbart": {**BART, "scale_embedding": True},
    "marian": {**BART, "scale_embedding": True, "activation_function": "swish"},
    "marian with two vocabularies": {
        **BART,
        "decoder_vocab_size": 60,
        "share_encoder_decoder_embeddings": False,
        "tie_word_embeddings": False,
    },
    "m2m_100": {**BART, "scale_embedding": True},
    "pegasus": BART,
}


def make(name, settings):
    """A model whose every weight is random: those that begin at one or zero would hide what is left out."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(name.split()[0], **settings)
    kind = transformers.AutoModelForSeq2SeqLM if name in PAIRS else transformers.AutoModelForCausalLM
    model = kind.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.1)
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.copy_(torch.randn_like(model.final_logits_bias))
    return model


def opened(model, folder, **rules):
    if not model.config.is_encoder_decoder:
        write_decoder(model, folder / "model.onnx", precision="fp32", longest=64)
        return DecoderLoop(open_session(folder / "model.onnx", threads=1))
    paths = folder / "encoder.onnx", folder / "model.onnx"
    write_encoder_decoder(model, *paths, precision="fp32")
    return EncoderDecoderLoop(*(open_session(path, threads=1) for path in paths), TokenRules(START, **rules))


def own_logits(model, prompt, answer):
    with torch.inference_mode():
        if not model.config.is_encoder_decoder:
            return model(torch.tensor([prompt + answer])).logits[0, -1].numpy()
        written = torch.tensor([[START, *answer]])
        return model(input_ids=torch.tensor([prompt]), decoder_input_ids=written).logits[0, -1].numpy()


def drawn(*lengths):
    random = np.random.default_rng(0)
    return [random.integers(3, 58, length).tolist() for length in lengths]


@pytest.mark.parametrize("name", [*CAUSAL, *PAIRS])
def test_logits_are_the_models_own_in_prefill_and_step_by_step(name, tmp_path):
    model = make(name, (CAUSAL | PAIRS)[name])
    fault = encoder_decoder_fault if name in PAIRS else causal_fault
    assert fault(model.config) == ""
    loop = opened(model, tmp_path)
    prompts, answers = drawn(9, 5, 25), drawn(18, 18, 18)
    rows = [0, 1, 2]
    logits, state = loop.start(prompts)
    for at in range(18):
        for row, found in zip(rows, logits, strict=True):
            np.testing.assert_allclose(found, own_logits(model, prompts[row], answers[row][:at]), atol=CLOSE)
        if at == 5:  # One is left out, and one stands twice.
            rows, state = [1, 1, 0], loop.select(state, [1, 1, 0])
        if at == 8:  # Rows of one text change places.
            rows, state = [1, 1, 0], loop.select(state, [1, 0, 2])
        logits, state = loop.advance([answers[row][at] for row in rows], state)


@pytest.mark.parametrize("name", [*CAUSAL, *PAIRS])
def test_answers_are_those_of_generate_token_by_token(name, tmp_path):
    settings = (CAUSAL | PAIRS)[name]
    if (
        "num_layers" in settings
    ):  # `generate` of transformers fails where a T5 has more layers that write than read.
        settings = settings | {"num_layers": settings["num_decoder_layers"]}
    model = make(name, settings)
    search = Search(opened(model, tmp_path), DecodingSettings(max_new_tokens=12), end_ids=[END])
    prompts = drawn(9, 5, 25)
    asked = transformers.GenerationConfig(
        max_new_tokens=12, do_sample=False, eos_token_id=END, pad_token_id=1, decoder_start_token_id=START
    )
    expected = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        given = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=asked)[0]
        new = given[1 if model.config.is_encoder_decoder else len(prompt) :].tolist()
        expected.append(new[: new.index(END)] if END in new else new)
    assert search.answers(prompts) == expected
    assert [list(search.tokens(prompt)) for prompt in prompts] == expected


def test_every_row_of_the_tables_is_tried():
    assert {name.split()[0] for name in CAUSAL} == set(ARCHITECTURES)
    assert {name.split()[0] for name in PAIRS} == set(PAIR_ARCHITECTURES)


@pytest.mark.parametrize(
    ("name", "settings", "fault"),
    [
        ("bloom", {}, "'bloom' are not in the table"),
        ("llama", {**SMALL, "hidden_size": 48}, "heads of 24 numbers"),
        ("llama", {**GROUPED, "hidden_act": "mish"}, "the activation 'mish'"),
        ("llama", {**GROUPED, "rope_parameters": {**LONGER, "rope_type": "dynamic"}}, "'dynamic'"),
        ("gpt_neox", {**SMALL, "rope_parameters": PARTLY}, "heads of 8 numbers"),
        ("gpt2", {**GPT2, "add_cross_attention": True}, "cross-attention"),
        ("opt", {**OPT, "word_embed_proj_dim": 16}, "another width"),
    ],
)
def test_what_is_not_written_is_said_by_the_configuration_alone(name, settings, fault):
    assert fault in causal_fault(transformers.AutoConfig.for_model(name, **settings))


def test_an_encoder_decoder_that_is_not_in_the_table_is_named():
    assert "'led'" in encoder_decoder_fault(transformers.LEDConfig())


@pytest.mark.parametrize("name", ["gemma2", "bart"])
def test_a_wrong_formula_is_seen(name, tmp_path):
    """A model that differs from the one that was written is told apart, in prefill, steps and padding alike."""
    model = make(name, (CAUSAL | PAIRS)[name])
    loop = opened(model, tmp_path)
    rows = drawn(9, 5, 25), drawn(6, 3, 6)
    model.generation_config.decoder_start_token_id = START
    assert generation_export.difference_from(model, loop, rows) < 1e-5
    with torch.no_grad():
        list(model.parameters())[-1].add_(0.1)
    assert generation_export.difference_from(model, loop, rows) > generation_export.MOST_APART


def test_losses_of_an_encoder_decoder_are_the_models_own(tmp_path):
    model = make("bart", BART)
    loop = opened(model, tmp_path)
    prompts, answers = drawn(9, 5, 25), drawn(6, 3, 8)
    expected = []
    for prompt, answer in zip(prompts, answers, strict=True):
        with torch.inference_mode():
            found = model(input_ids=torch.tensor([prompt]), labels=torch.tensor([answer]))
        expected.append(float(found.loss))
    assert loop.losses(prompts, answers) == pytest.approx(expected, rel=1e-4)
    assert loop.loss(prompts[0], answers[0]) == pytest.approx(expected[0], rel=1e-4)


def test_rules_force_the_first_token_and_forbid_others(tmp_path):
    model = make("bart", BART)
    free = opened(model, tmp_path)
    prompts = drawn(9, 5)
    logits, state = free.start(prompts)
    first = logits.argmax(axis=1)
    second = free.advance(first, state)[0].argmax(axis=1)
    (tmp_path / "ruled").mkdir()
    ruled = opened(model, tmp_path / "ruled", first_id=int(first[0]), never=(int(second[0]),))
    logits, state = ruled.start(prompts)
    assert (logits.argmax(axis=1) == first[0]).all()
    assert second[0] not in ruled.advance([int(first[0])] * 2, state)[0].argmax(axis=1)
    (tmp_path / "barred").mkdir()
    barred = opened(model, tmp_path / "barred", never_first=(int(first[0]),))
    assert barred.start(prompts)[0].argmax(axis=1)[0] != first[0]
    # What is forced comes before a given answer, and does not count.
    answer, begun = drawn(4)[0], int(first[0])
    whole, alone = free.loss(prompts[0], [begun, *answer]), free.loss(prompts[0], [begun])
    assert ruled.loss(prompts[0], answer) == pytest.approx((5 * whole - alone) / 4, rel=1e-4)
