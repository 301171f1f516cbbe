"""A tiny decoder with random weights, as transformers runs it and as a graph with a cache."""

import pytest

pytest.importorskip("torch", reason="needs metier[train]")
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from metier.export.onnx_decoder import write_decoder
from metier.predictors.onnx.decoder_loop import DecoderLoop
from metier.predictors.onnx.graph_session import open_session

N_TOKENS = 120


@pytest.fixture(scope="session")
def decoder():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=N_TOKENS,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.3,  # So that some tokens are much likelier than others.
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def loop(decoder, tmp_path_factory):
    path = tmp_path_factory.mktemp("decoder") / "model.onnx"
    write_decoder(decoder, path, precision="fp32", longest=128)
    return DecoderLoop(open_session(path, threads=1))
