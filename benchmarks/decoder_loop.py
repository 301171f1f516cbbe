"""Our decoder loop and onnxruntime-genai's on the same graph: tokens a processor second, in turns.

The graph is SmolLM2's as it came, in 8 bits and in fp32. onnxruntime-genai takes it with an attention mask in place of
the two lengths, and logits of three dimensions; `adapted` makes that copy.

    pip install onnxruntime-genai
    python -m benchmarks.decoder_loop [--tokens 64] [--rounds 4]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime_genai as genai
import torch
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from metier.bases.generative_bases import load_language_model, resolve_generative_base
from metier.export.onnx_decoder import write_decoder
from metier.predictors.onnx.decoder_loop import DecoderLoop
from metier.predictors.onnx.graph_session import open_session
from metier.predictors.text.decoding import DecodingSettings, Search

ABSTRACTS = Path(__file__).parents[1] / "examples" / "scitldr" / "test.jsonl"
PROMPT_TOKENS = 240


def main() -> None:
    """Write both graphs, let both loops write the same tokens, print one line of JSON a precision."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    base = resolve_generative_base("smollm2")
    model = load_language_model(base, dtype=torch.float32)
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    abstract = json.loads(ABSTRACTS.read_text(encoding="utf-8").splitlines()[0])["document"]
    prompt = tokenizer.encode(abstract).ids[:PROMPT_TOKENS]
    for precision in ("int8", "fp32"):
        with tempfile.TemporaryDirectory() as folder:
            graph = Path(folder, "model.onnx")
            write_decoder(model, graph, precision=precision, longest=1024)
            compare(precision, graph, model.config, prompt, options)


def compare(
    precision: str, graph: Path, config: object, prompt: list[int], options: argparse.Namespace
) -> None:
    """Time both loops in turns."""
    decoding = DecodingSettings(max_new_tokens=options.tokens)
    ours = Search(DecoderLoop(open_session(graph, threads=1)), decoding, end_ids=())
    theirs = genai.Model(str(adapted(graph, config)))
    loops: dict[str, Callable[[], list[int]]] = {
        "ours": lambda: list(ours.tokens(prompt)),
        "genai": lambda: written_by_genai(theirs, prompt, options.tokens),
    }
    rates: dict[str, list[float]] = {name: [] for name in loops}
    same = [loop() for loop in loops.values()]  # Once each to warm up.
    for _ in range(options.rounds):
        for name, loop in loops.items():
            begun = time.process_time()
            rates[name].append(len(loop()) / (time.process_time() - begun))
    medians = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    ratios = [theirs / ours for ours, theirs in zip(rates["ours"], rates["genai"], strict=True)]
    facts = {"precision": precision, "same_tokens": same[0] == same[1], **medians}
    print(json.dumps(facts | {"genai_over_ours": [round(ratio, 3) for ratio in ratios]}), flush=True)


def written_by_genai(model: genai.Model, prompt: list[int], n_tokens: int) -> list[int]:
    """Write exactly so many tokens, the most likely each time."""
    params = genai.GeneratorParams(model)
    length = len(prompt) + n_tokens
    params.set_search_options(max_length=length, min_length=length, do_sample=False)
    generator = genai.Generator(model, params)
    generator.append_tokens(np.array([prompt], dtype=np.int32))
    tokens = []
    while not generator.is_done():
        generator.generate_next_token()
        tokens.append(int(generator.get_next_tokens()[0]))
    return tokens


def adapted(path: Path, config: object) -> Path:
    """Write the graph as onnxruntime-genai takes it, and the configuration that it wants beside it."""
    model = onnx.load(str(path))
    graph = model.graph
    inputs = [given for given in graph.input if given.name not in ("seqlens_k", "total_sequence_length")]
    inputs.append(helper.make_tensor_value_info("attention_mask", TensorProto.INT64, [1, "n_total"]))
    nodes = [
        helper.make_node("ReduceSum", ["attention_mask", "axis"], ["mask.sum"], keepdims=0),
        helper.make_node("Sub", ["mask.sum", "axis"], ["mask.last"]),
        helper.make_node("Cast", ["mask.last"], ["seqlens_k"], to=TensorProto.INT32),
        helper.make_node("Size", ["attention_mask"], ["mask.size"]),
        helper.make_node("Cast", ["mask.size"], ["total_sequence_length"], to=TensorProto.INT32),
        *graph.node,
        helper.make_node("Unsqueeze", ["flat_logits", "axis"], ["logits"]),
    ]
    for node in nodes[:-1]:
        node.output[:] = ["flat_logits" if name == "logits" else name for name in node.output]
    [logits, *outputs] = graph.output
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1, config.vocab_size])
    weights = [*graph.initializer, numpy_helper.from_array(np.array([1]), "axis")]
    graph = helper.make_graph(nodes, "decoder", inputs, [logits, *outputs], weights)
    folder = path.parent / "genai"
    folder.mkdir()
    opsets = list(model.opset_import)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(folder / "model.onnx"))
    (folder / "genai_config.json").write_text(json.dumps(configuration(config)), encoding="utf-8")
    return folder


def configuration(config: object) -> dict[str, object]:
    """Configuration of a graph for onnxruntime-genai."""
    decoder = {
        "filename": "model.onnx",
        "head_size": config.hidden_size // config.num_attention_heads,
        "hidden_size": config.hidden_size,
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "num_key_value_heads": config.num_key_value_heads,
        "session_options": {"intra_op_num_threads": 1, "provider_options": []},
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            "past_key_names": "past.%d.key",
            "past_value_names": "past.%d.value",
        },
        "outputs": {
            "logits": "logits",
            "present_key_names": "present.%d.key",
            "present_value_names": "present.%d.value",
        },
    }
    ids = {"bos_token_id": 1, "eos_token_id": [2], "pad_token_id": 2}
    model = {
        "type": "llama",
        "context_length": 1024,
        "vocab_size": config.vocab_size,
        **ids,
        "decoder": decoder,
    }
    return {"model": model, "search": {"max_length": 1024, "past_present_share_buffer": False}}


if __name__ == "__main__":
    main()
