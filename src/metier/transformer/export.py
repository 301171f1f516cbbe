"""A trained encoder and its head as a predictor: ONNX in fp32 or INT8, whichever is proved the better to ship.

INT8 is a quarter of the size and about twice as fast where the processor multiplies bytes (VNNI), but it moves every
logit a little. It is kept only if two one-sided tests show its accuracy within half a point of fp32's on the
validation rows, and if it is measured faster here. What was measured goes into `predictor.json`.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from metier.errors import SettingsError
from metier.evaluation.equivalence import equivalent
from metier.machine import describe_machine
from metier.predictors.loading import write_settings
from metier.predictors.onnx_encoder import (
    HEAD_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    OnnxEncoderPredictor,
    open_session,
)
from metier.transformer.bases import Base, load_tokenizer
from metier.transformer.huggingface_folder import save_encoder
from metier.transformer.onnx_graph import quantize, write_graph

PRECISIONS = ("auto", "fp32", "int8")
HUGGING_FACE_FOLDER = "huggingface"
MARGIN = 0.005  # Accuracy that INT8 may cost, as a fraction.
MOST_GATE_ROWS = 4_000  # More rows than this prove nothing new and take minutes.
TIMED_ROWS = 40
ROUNDS = 4  # Of each precision, in turn, so that a busy moment hits both.


@dataclass(frozen=True)
class ExportReport:
    """What was measured of the two precisions, and which one was kept.

    Parameters
    ----------
    chosen : {"fp32", "int8"}
        The precision of `model.onnx`.
    why : str
        In one sentence.
    rows : int
        Validation rows that both precisions answered.
    flips : int or None
        Rows that are right under one and wrong under the other.
    equivalence : dict or None
        Difference of accuracy (INT8 minus fp32), its interval, the margin and the verdict.
    latency_ms : dict
        Median time of one row on one thread, of each precision that was measured.
    size_bytes : dict
        Of each graph.
    instruction_sets : tuple of str
        Of the processor that this was measured on; another one may say otherwise.
    """

    chosen: str
    why: str
    rows: int
    flips: int | None
    equivalence: dict[str, Any] | None
    latency_ms: dict[str, float]
    size_bytes: dict[str, int]
    instruction_sets: tuple[str, ...]


def check_precision(precision: str) -> None:
    """Refuse a precision that does not exist."""
    if precision not in PRECISIONS:
        raise SettingsError([f"precision is {precision!r}, expected one of {', '.join(PRECISIONS)}"])


def export_encoder(
    model: torch.nn.Module,
    base: Base,
    folder: Path,
    *,
    weight: np.ndarray,
    bias: np.ndarray,
    labels: Sequence[str],
    name: str,
    temperature: float,
    validation: tuple[Sequence[str], np.ndarray] | None = None,
    precision: str = "auto",
) -> ExportReport:
    """Write the files of an `onnx_encoder.v1` predictor, and the encoder in Hugging Face layout beside.

    Parameters
    ----------
    model : Module
        The encoder, without its head; it is not changed.
    base : Base
        Where it came from: tokenizer, prefix, longest text.
    folder : Path
        Gets `model.onnx`, `tokenizer.json`, `head.safetensors`, `predictor.json` and `huggingface/`.
    weight, bias : ndarray of shape (n_classes, hidden_size) and (n_classes,)
        The head.
    temperature : float
        What logits are divided by before the softmax.
    validation : (texts, class numbers), optional
        Rows that INT8 has to prove itself on; without them `auto` keeps fp32.
    precision : {"auto", "fp32", "int8"}
        `fp32` and `int8` are written without a comparison.
    """
    check_precision(precision)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(base)
    tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)
    head = {"weight": np.ascontiguousarray(weight, np.float32), "bias": np.ascontiguousarray(bias, np.float32)}
    save_file(head, folder / HEAD_FILE)
    settings = {
        "kind": "onnx_encoder.v1",
        "name": name,
        "labels": list(labels),
        "prefix": base.prefix,
        "max_length": base.max_length,
        "pad_id": int(model.config.pad_token_id or 0),
        "temperature": float(temperature),
    }
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as beside:
        graphs = {"fp32": Path(beside, "fp32.onnx"), "int8": Path(beside, "int8.onnx")}
        write_graph(model, graphs["fp32"], normalise=base.normalise)
        if precision != "fp32" and not (precision == "auto" and validation is None):
            quantize(graphs["fp32"], graphs["int8"])
        report = _choose(graphs, precision, validation, tokenizer=tokenizer, head=head, settings=settings)
        graphs[report.chosen].replace(folder / MODEL_FILE)
    write_settings(folder, settings | {"export": asdict(report)})
    save_encoder(model, base, folder / HUGGING_FACE_FOLDER, head=head, labels=labels, temperature=temperature)
    return report


def _choose(
    graphs: dict[str, Path],
    precision: str,
    validation: tuple[Sequence[str], np.ndarray] | None,
    *,
    tokenizer: Any,
    head: dict[str, np.ndarray],
    settings: dict[str, Any],
) -> ExportReport:
    sizes = {kind: path.stat().st_size for kind, path in graphs.items() if path.exists()}
    machine = describe_machine()
    facts = {"size_bytes": sizes, "instruction_sets": machine.instruction_sets}
    if precision != "auto" or validation is None:
        chosen = "int8" if precision == "int8" else "fp32"
        why = (
            f"{chosen} was asked for"
            if precision != "auto"
            else "without validation rows INT8 cannot be proved equal"
        )
        return ExportReport(chosen, why, 0, None, None, {}, **facts)
    texts, truth = list(validation[0][:MOST_GATE_ROWS]), np.asarray(validation[1][:MOST_GATE_ROWS])
    predictors = {
        kind: OnnxEncoderPredictor(
            open_session(path, threads=machine.cores), tokenizer, head["weight"], head["bias"], settings
        )
        for kind, path in graphs.items()
    }
    answers = {kind: predictor.predict(texts).best for kind, predictor in predictors.items()}
    del predictors
    equality = equivalent(truth, answers["int8"], answers["fp32"], margin=MARGIN)
    latency = _measure(graphs, texts, tokenizer=tokenizer, head=head, settings=settings)
    ratio = latency["fp32"] / latency["int8"]
    if not equality.is_equivalent:
        chosen, why = "fp32", f"INT8 is not proved within {MARGIN * 100:g} points of fp32 on {len(texts)} rows"
    elif ratio <= 1:
        chosen, why = "fp32", f"INT8 is not faster here: {ratio:.2f} times the speed of fp32"
    else:
        chosen, why = (
            "int8",
            f"INT8 is proved within {MARGIN * 100:g} points of fp32 and {ratio:.1f} times as fast",
        )
    return ExportReport(chosen, why, len(texts), equality.flips, asdict(equality), latency, **facts)


def _measure(
    graphs: dict[str, Path],
    texts: Sequence[str],
    *,
    tokenizer: Any,
    head: dict[str, np.ndarray],
    settings: dict[str, Any],
) -> dict[str, float]:
    predictors = {
        kind: OnnxEncoderPredictor(
            open_session(path, threads=1), tokenizer, head["weight"], head["bias"], settings
        )
        for kind, path in graphs.items()
    }
    singles = [[text] for text in texts[:: max(1, len(texts) // TIMED_ROWS)]][:TIMED_ROWS]
    medians: dict[str, list[float]] = {kind: [] for kind in graphs}
    for _ in range(ROUNDS):
        for kind, predictor in predictors.items():
            times = []
            for single in singles:
                start = time.perf_counter()
                predictor.predict(single)
                times.append(time.perf_counter() - start)
            medians[kind].append(float(np.median(times)))
    # The best round is the one that other programs disturbed least.
    return {kind: round(min(values) * 1000, 3) for kind, values in medians.items()}
