"""What every served side answers with: the same ONNX file with the same tokenizer, or the same cascade.

Imported in the peers' environments, so nothing of Metier is imported for the ONNX file.
"""

import json
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Answer = Callable[[Sequence[str]], list[dict[str, Any]]]
WHAT, FOLDER = "SERVED_WHAT", "SERVED_FOLDER"


def served() -> Answer:
    """Give the function that answers texts, by what the environment names: `encoder` or `cascade`, and its folder."""
    folder = Path(os.environ[FOLDER])
    return encoder_of(folder) if os.environ[WHAT] == "encoder" else bundle_of(folder)


def encoder_of(folder: Path) -> Answer:
    """Answer with ONNX Runtime and tokenizers, as a tutorial would, on one thread."""
    import onnxruntime
    from tokenizers import Tokenizer

    settings = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(settings["max_length"])
    tokenizer.enable_padding(pad_id=settings["pad_id"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    weight, bias = read_head(folder / "head.safetensors")
    labels, temperature = settings["labels"], settings["temperature"]

    def answer(texts: Sequence[str]) -> list[dict[str, Any]]:
        encoded = tokenizer.encode_batch(list(texts))
        ids = np.array([one.ids for one in encoded], np.int64)
        mask = np.array([one.attention_mask for one in encoded], np.int64)
        (vectors,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
        return chosen((vectors @ weight.T + bias) / temperature, labels)

    return answer


def chosen(logits: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Give the label and the probability of each row."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    best = probabilities.argmax(axis=1)
    return [
        {"label": labels[place], "probability": float(row[place])}
        for place, row in zip(best, probabilities, strict=True)
    ]


def read_head(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the weight and the bias of the head, without a package."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])

    def array(name: str) -> np.ndarray:
        start, end = header[name]["data_offsets"]
        values = np.frombuffer(content[8 + size + start : 8 + size + end], np.float32)
        return values.reshape(header[name]["shape"])

    return array("weight"), array("bias")


def bundle_of(folder: Path) -> Answer:
    """Answer with a bundle of Metier, asked in the peer's own process."""
    from metier.bundles import load_bundle

    bundle = load_bundle(folder, threads=1)

    def answer(texts: Sequence[str]) -> list[dict[str, Any]]:
        answers = bundle.predict(list(texts))
        records = [answers.record(row, None) for row in range(len(answers))]
        return [{"label": one["label"], "probability": one["probability"]} for one in records]

    return answer
