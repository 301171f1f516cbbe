"""Encoders with a linear head as predictors that make answers of margins; see `predictors.onnx.headed_graph`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metier.bases.base import Base
from metier.bases.known_bases import cutter_of, load_tokenizer
from metier.export.encoder_export import MOST_GATE_ROWS, Exported, ExportReport, Gate, export_graph
from metier.export.onnx_graph import PooledEncoder
from metier.predictors.onnx.headed_graph import HeadedGraph
from metier.predictors.onnx.onnx_encoder import OnnxGraph, open_session
from metier.tasks.pairs import Pair

_READ = """# The trained encoder in plain transformers

```python
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

folder = Path("huggingface")
facts = json.loads((folder / "metier_head.json").read_text(encoding="utf-8"))
head = load_file(folder / "head.safetensors")
tokenizer = AutoTokenizer.from_pretrained(folder)
encoder = AutoModel.from_pretrained(folder).eval()

texts = ["my card never came", "where is my card?"]
prefixed = [facts["prefix"] + text for text in texts]
batch = tokenizer(
    prefixed, padding=True, truncation=True, max_length=facts["max_length"], return_tensors="pt"
)
with torch.inference_mode():
    hidden = encoder(**{name: batch[name] for name in ("input_ids", "attention_mask")}).last_hidden_state
mask = batch["attention_mask"].unsqueeze(-1)
vectors = (hidden * mask).sum(1) / mask.sum(1)
"""
_SAY = """margins = vectors @ head["weight"].T + head["bias"]
print(margins)
```

`predictor.json` beside this folder says how margins become answers.
"""
_OF_LENGTH_ONE = "vectors = torch.nn.functional.normalize(vectors, dim=1)\n"
# Run by a test, which compares their margins with the predictor's.
PLAIN_MARGINS = {
    "whole": _READ + 'if facts["normalise"]:\n    ' + _OF_LENGTH_ONE + _SAY,
    "vectors": _READ + _OF_LENGTH_ONE + _SAY,
    "compared": _READ
    + _OF_LENGTH_ONE
    + "product = vectors[0] * vectors[1]\n"
    + "vectors = torch.cat([(vectors[0] - vectors[1]).abs(), product, product.sum()[None]])\n"
    + _SAY,
}


@dataclass(frozen=True)
class Head:
    """What stands on top of the encoder.

    Parameters
    ----------
    weight, bias : ndarray of shape (n_margins, n_features) and (n_margins,)
    reading : {"whole", "vectors", "compared"}
        How it is fed; see `predictors.onnx.headed_graph`.
    settings : mapping
        For `predictor.json`: kind, name, labels and what makes answers of margins.
    answer_with : callable
        From a HeadedGraph to the predictor.
    """

    weight: np.ndarray
    bias: np.ndarray
    reading: str
    settings: Mapping[str, Any]
    answer_with: Callable[[HeadedGraph], Any]


def export_headed(
    encoder: Any,
    base: Base,
    folder: Path,
    head: Head,
    *,
    unseen: Gate | None = None,
    sample: Sequence[Any] = (),
    precision: str = "auto",
) -> ExportReport:
    """Write what a predictor of margins answers from.

    Parameters
    ----------
    unseen : Gate, optional
        Rows that INT8 has to prove itself on; without them `auto` keeps fp32.
    sample : sequence of str or Pair
        Typical inputs, to see how large activations become.
    """
    pad_id = int(encoder.config.pad_token_id or 0)
    settings = {
        **head.settings,
        "reading": head.reading,
        "prefix": base.prefix,
        "max_length": base.max_length,
        "pad_id": pad_id,
    }

    def build(graph: Path, precision: str, threads: int) -> Any:
        is_quantized = precision == "int8"
        session = open_session(graph, threads=1 if is_quantized else threads)
        own = OnnxGraph(session, pad_id=pad_id, is_quantized=is_quantized, threads=threads)
        headed = HeadedGraph(own, cutter_of(base), head.weight, head.bias, reading=head.reading)
        return head.answer_with(headed)

    module: torch.nn.Module = PooledEncoder(encoder, normalise=base.normalise or head.reading != "whole")
    sides = [side for item in sample for side in item] if head.reading == "compared" else sample
    return export_graph(
        module,
        Exported(
            base,
            load_tokenizer(base),
            {"weight": head.weight, "bias": head.bias},
            settings,
            PLAIN_MARGINS[head.reading],
        ),
        folder,
        build=build,
        gate=unseen,
        sample=cutter_of(base).first(sides),
        precision=precision,
    )


def gate_of(items: Sequence[Any], right: Callable[[Any, slice], np.ndarray]) -> Gate:
    """Make a gate of as many rows as it takes; `right` gets answers and which rows they are of."""
    some = slice(0, MOST_GATE_ROWS)
    asked = [item._asdict() if isinstance(item, Pair) else item for item in items[some]]
    return Gate(asked, lambda answers: right(answers, some))
