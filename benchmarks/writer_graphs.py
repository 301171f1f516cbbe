"""Our loops over graphs and transformers' `generate`, greedy: tokens a processor second, in turns.

The models are as large as GPT-2, T5 small and BART base, with random weights: a step costs the same whatever they hold.
Both write exactly so many tokens, one row or several side by side, on one thread.

    python -m benchmarks.writer_graphs [--tokens 32] [--rounds 3] [--rows 1] [--models gpt2 t5-small]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from metier.export.onnx_decoder import write_decoder
from metier.export.onnx_encoder_decoder import write_encoder_decoder
from metier.predictors.onnx.decoder_loop import DecoderLoop
from metier.predictors.onnx.encoder_decoder_loop import EncoderDecoderLoop, TokenRules
from metier.predictors.onnx.graph_session import open_session
from metier.predictors.text.decoding import DecodingSettings, Search

PROMPT_TOKENS = 240
CONFIGURATIONS = {
    "gpt2": transformers.GPT2Config(),
    "t5-small": transformers.T5Config(num_decoder_layers=6, decoder_start_token_id=0),
    "bart-base": transformers.BartConfig(
        d_model=768,
        encoder_layers=6,
        decoder_layers=6,
        encoder_attention_heads=12,
        decoder_attention_heads=12,
        encoder_ffn_dim=3072,
        decoder_ffn_dim=3072,
    ),
}


def main() -> None:
    """Print one line of JSON a model and precision."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--models", nargs="*", default=list(CONFIGURATIONS), choices=list(CONFIGURATIONS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.models:
        config = CONFIGURATIONS[name]
        is_pair = config.is_encoder_decoder
        kind = transformers.AutoModelForSeq2SeqLM if is_pair else transformers.AutoModelForCausalLM
        torch.manual_seed(0)
        model = kind.from_config(config).eval()
        # What is None in a call is taken from here: no answer may end before its time.
        model.generation_config.update(eos_token_id=None, forced_eos_token_id=None)
        prompts = np.random.default_rng(0).integers(3, 30_000, (options.rows, PROMPT_TOKENS)).tolist()
        for precision in ("fp32", "int8"):
            with tempfile.TemporaryDirectory() as folder:
                loop = opened(model, Path(folder), precision)
                size = sum(path.stat().st_size for path in Path(folder).iterdir())
                facts = compare(model, loop, prompts, options)
            print(
                json.dumps({"model": name, "precision": precision, "megabytes": size >> 20, **facts}),
                flush=True,
            )


def opened(model: Any, folder: Path, precision: str) -> Any:
    """Write the graphs of a model and open them."""
    graph, encoder = folder / "model.onnx", folder / "encoder.onnx"
    if not model.config.is_encoder_decoder:
        write_decoder(model, graph, precision=precision, longest=1024)
        return DecoderLoop(open_session(graph, threads=1))
    write_encoder_decoder(model, encoder, graph, precision=precision)
    rules = TokenRules(model.config.decoder_start_token_id)
    return EncoderDecoderLoop(open_session(encoder, threads=1), open_session(graph, threads=1), rules)


def compare(model: Any, loop: Any, prompts: list[list[int]], options: argparse.Namespace) -> dict[str, Any]:
    """Let both write in turns, and give tokens a processor second of each."""
    search = Search(loop, DecodingSettings(max_new_tokens=options.tokens), end_ids=())
    ids = torch.tensor(prompts)
    asked = transformers.GenerationConfig(
        max_new_tokens=options.tokens,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        decoder_start_token_id=getattr(model.config, "decoder_start_token_id", None),
    )

    def theirs() -> list[list[int]]:
        with torch.inference_mode():
            given = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=asked)
        return [row[-options.tokens :] for row in given.tolist()]

    ways: dict[str, Callable[[], list[list[int]]]] = {
        "ours": lambda: search.answers(prompts),
        "generate": theirs,
    }
    written = {name: way() for name, way in ways.items()}  # Once each to warm up.
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            begun = time.process_time()
            way()
            rates[name].append(len(prompts) * options.tokens / (time.process_time() - begun))
    ratios = [ours / generate for ours, generate in zip(*rates.values(), strict=True)]
    same = written["ours"] == written["generate"]
    return {
        "same_tokens": same,
        **{name: [round(rate, 1) for rate in found] for name, found in rates.items()},
        "ours_over_generate": [round(ratio, 2) for ratio in ratios],
    }


if __name__ == "__main__":
    main()
