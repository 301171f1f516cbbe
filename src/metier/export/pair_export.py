"""Encoders of pairs as predictors: texts read apart, or both at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metier.bases.base import Base
from metier.bases.known_bases import load_tokenizer
from metier.export.encoder_export import MOST_GATE_ROWS, Exported, ExportReport, Gate, export_graph
from metier.export.onnx_graph import PooledEncoder
from metier.features.averaged_windows import Cutter
from metier.predictors.onnx.onnx_bi_encoder import KIND as BI_ENCODER
from metier.predictors.onnx.onnx_bi_encoder import OnnxBiEncoderPredictor
from metier.predictors.onnx.onnx_encoder import OnnxGraph, open_session
from metier.predictors.onnx.onnx_pair_encoder import KIND as PAIR_ENCODER
from metier.predictors.onnx.onnx_pair_encoder import OnnxPairEncoderPredictor
from metier.tasks.pairs import PairExamples, as_items
from metier.training.heads.linear_probe import Probe

READ_APART = """# The trained encoder in plain transformers

```python
import json
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

folder = Path("huggingface")
facts = json.loads((folder / "metier_head.json").read_text(encoding="utf-8"))
tokenizer = AutoTokenizer.from_pretrained(folder)
encoder = AutoModel.from_pretrained(folder).eval()

texts = ["my card never came", "where is my card?"]
batch = tokenizer(
    [facts["prefix"] + text for text in texts],
    padding=True,
    truncation=True,
    max_length=facts["max_length"],
    return_tensors="pt",
)
with torch.inference_mode():
    hidden = encoder(**batch).last_hidden_state
mask = batch["attention_mask"].unsqueeze(-1)
vectors = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)
print(float(vectors[0] @ vectors[1]))
```
"""
READ_TOGETHER = """# The trained encoder in plain transformers

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

pairs = [("my card never came", "where is my card?")]
one, other = ([facts["prefix"] + text for text in side] for side in zip(*pairs))
batch = tokenizer(
    one, other, padding=True, truncation=True, max_length=facts["max_length"], return_tensors="pt"
)
with torch.inference_mode():
    hidden = encoder(**{name: batch[name] for name in ("input_ids", "attention_mask")}).last_hidden_state
mask = batch["attention_mask"].unsqueeze(-1)
vectors = (hidden * mask).sum(1) / mask.sum(1)
if facts["normalise"]:
    vectors = torch.nn.functional.normalize(vectors, dim=1)
probabilities = ((vectors @ head["weight"].T + head["bias"]) / facts["temperature"]).softmax(1)
print([facts["labels"][best] for best in probabilities.argmax(1)])
```
"""


@dataclass(frozen=True)
class PairHead:
    """What stands on top of the encoder.

    Parameters
    ----------
    name : str
        Of the method.
    labels : sequence of str
        Empty where only vectors were learned.
    probe : Probe or None
        The linear head.
    comparison : str
        What it is given of two vectors; see `features.pair_vectors`.
    """

    name: str
    labels: Sequence[str]
    probe: Probe | None
    comparison: str = "cosine"


def export_bi_encoder(
    encoder: torch.nn.Module,
    base: Base,
    folder: Path,
    head: PairHead,
    *,
    unseen: PairExamples | None = None,
    sample: Sequence[str] = (),
    precision: str = "auto",
) -> ExportReport:
    """Write what `predictors.onnx.onnx_bi_encoder` answers from.

    Parameters
    ----------
    unseen : PairExamples, optional
        Pairs that INT8 has to prove itself on; without them `auto` keeps fp32.
    sample : sequence of str
        Typical texts, to see how large activations become.
    """
    arrays = {} if head.probe is None else {"weight": head.probe.weight, "bias": head.probe.bias}
    settings = _settings(encoder, base, head, kind=BI_ENCODER) | {"comparison": head.comparison}

    def build(graph: Path, precision: str, threads: int) -> OnnxBiEncoderPredictor:
        own = settings | {"precision": precision}
        return OnnxBiEncoderPredictor(*_open(graph, base, own, threads), arrays, own)

    return export_graph(
        PooledEncoder(encoder, normalise=True),
        Exported(base, load_tokenizer(base), arrays, settings, READ_APART),
        folder,
        build=build,
        gate=_gate(unseen) if head.labels else None,
        sample=_cutter(base).first(sample),
        precision=precision,
    )


def export_cross_encoder(
    encoder: torch.nn.Module,
    base: Base,
    folder: Path,
    head: PairHead,
    *,
    unseen: PairExamples | None = None,
    sample: Sequence[Any] = (),
    precision: str = "auto",
) -> ExportReport:
    """Write what `predictors.onnx.onnx_pair_encoder` answers from.

    Parameters
    ----------
    unseen : PairExamples, optional
        Pairs that INT8 has to prove itself on; without them `auto` keeps fp32.
    sample : sequence of Pair
        Typical pairs, to see how large activations become.
    """
    assert head.probe is not None
    weight, bias = head.probe.weight, head.probe.bias
    settings = _settings(encoder, base, head, kind=PAIR_ENCODER)

    def build(graph: Path, precision: str, threads: int) -> OnnxPairEncoderPredictor:
        own = settings | {"precision": precision}
        return OnnxPairEncoderPredictor(*_open(graph, base, own, threads), weight, bias, own)

    return export_graph(
        PooledEncoder(encoder, normalise=base.normalise),
        Exported(base, load_tokenizer(base), {"weight": weight, "bias": bias}, settings, READ_TOGETHER),
        folder,
        build=build,
        gate=_gate(unseen),
        sample=_cutter(base).first(sample),
        precision=precision,
    )


def _settings(encoder: Any, base: Base, head: PairHead, *, kind: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": head.name,
        "labels": list(head.labels),
        "prefix": base.prefix,
        "max_length": base.max_length,
        "pad_id": int(encoder.config.pad_token_id or 0),
        "temperature": 1.0 if head.probe is None else float(head.probe.temperature),
    }


def _cutter(base: Base) -> Cutter:
    return Cutter(load_tokenizer(base), max_length=base.max_length, prefix=base.prefix)


def _open(graph: Path, base: Base, settings: dict[str, Any], threads: int) -> tuple[OnnxGraph, Cutter]:
    is_quantized = settings["precision"] == "int8"
    session = open_session(graph, threads=1 if is_quantized else threads)
    own = OnnxGraph(session, pad_id=settings["pad_id"], is_quantized=is_quantized, threads=threads)
    return own, _cutter(base)


def _gate(unseen: PairExamples | None) -> Gate | None:
    if unseen is None:
        return None
    truth = np.asarray(unseen.truth[:MOST_GATE_ROWS])
    return Gate(as_items(unseen.pairs[:MOST_GATE_ROWS]), lambda answers: answers.best == truth)
