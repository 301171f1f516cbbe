"""A trained encoder and its head as a predictor: ONNX in fp32 or INT8, whichever is proved the better to ship.

INT8 is a quarter of the size and about twice as fast where the processor multiplies bytes (VNNI), but it moves
every logit a little. It is kept only if the paired test on the validation rows rules out that it loses half a point
of accuracy or more, if it flips at most one answer in a hundred, and if it is measured faster here. What was
measured goes into `predictor.json`.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer

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
from metier.predictors.tokenization import token_ids
from metier.transformer.bases import Base, load_tokenizer
from metier.transformer.huggingface_folder import save_encoder
from metier.transformer.onnx_graph import quantize, write_graph

PRECISIONS = ("auto", "fp32", "int8")
HUGGING_FACE_FOLDER = "huggingface"
MARGIN = 0.005  # Accuracy that INT8 may cost, as a fraction.
MOST_FLIPPED_FRACTION = 0.01  # Of the rows: right under one precision and wrong under the other.
MOST_GATE_ROWS = 4_000  # More rows than this prove nothing new and take minutes.
TIMED_ROWS = 40
SAMPLED_ROWS = 128  # To see how large activations become.
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
    size_bytes : dict
        Of each graph that was written.
    instruction_sets : tuple of str
        Of the processor that this was measured on; another one may say otherwise.
    rows : int
        Validation rows that both precisions answered.
    flips : int or None
        Rows that are right under one and wrong under the other.
    equivalence : dict or None
        Accuracy of INT8 minus that of fp32, its interval, the margin and the verdict.
    latency_ms : dict
        Median time of one row on one thread, of each precision that was measured.
    """

    chosen: str
    why: str
    size_bytes: dict[str, int]
    instruction_sets: tuple[str, ...]
    rows: int = 0
    flips: int | None = None
    equivalence: dict[str, Any] | None = None
    latency_ms: dict[str, float] = field(default_factory=dict)


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
    sample: Sequence[str] = (),
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
    sample : sequence of str
        Typical texts, to see how large activations become; those of `validation` if none are given.
    precision : {"auto", "fp32", "int8"}
        `fp32` and `int8` are written without a comparison.
    """
    check_precision(precision)
    folder.mkdir(parents=True, exist_ok=True)
    head = {"weight": np.ascontiguousarray(weight, np.float32), "bias": np.ascontiguousarray(bias, np.float32)}
    settings = {
        "kind": "onnx_encoder.v1",
        "name": name,
        "labels": list(labels),
        "prefix": base.prefix,
        "max_length": base.max_length,
        "pad_id": int(model.config.pad_token_id or 0),
        "temperature": float(temperature),
    }
    parts = _Parts(load_tokenizer(base), head, settings)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as beside:
        fp32, int8 = Path(beside, "fp32.onnx"), Path(beside, "int8.onnx")
        write_graph(model, fp32, normalise=base.normalise)
        if precision == "int8" or (precision == "auto" and validation is not None):
            typical = sample or (validation[0] if validation is not None else ())
            quantize(
                fp32, int8, rows=token_ids(parts.tokenizer, _evenly(typical, SAMPLED_ROWS), prefix=base.prefix)
            )
        report = _choose({"fp32": fp32, "int8": int8}, parts, precision, validation)
        Path(beside, f"{report.chosen}.onnx").replace(folder / MODEL_FILE)
    parts.tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)
    save_file(head, folder / HEAD_FILE)
    write_settings(folder, settings | {"precision": report.chosen, "export": asdict(report)})
    save_encoder(model, base, folder / HUGGING_FACE_FOLDER, head=head, labels=labels, temperature=temperature)
    return report


@dataclass(frozen=True)
class _Parts:
    """Everything of a predictor but its graph."""

    tokenizer: Tokenizer
    head: dict[str, np.ndarray]
    settings: dict[str, Any]

    def predictor(self, graph: Path, precision: str, *, threads: int) -> OnnxEncoderPredictor:
        return OnnxEncoderPredictor(
            open_session(graph, threads=threads if precision == "fp32" else 1),
            self.tokenizer,
            self.head["weight"],
            self.head["bias"],
            self.settings | {"precision": precision},
            threads=threads,
        )


def _choose(
    graphs: dict[str, Path],
    parts: _Parts,
    precision: str,
    validation: tuple[Sequence[str], np.ndarray] | None,
) -> ExportReport:
    sizes = {kind: path.stat().st_size for kind, path in graphs.items() if path.exists()}
    machine = describe_machine()
    if precision != "auto":
        return ExportReport(precision, f"{precision} was asked for", sizes, machine.instruction_sets)
    if validation is None:
        why = "without validation rows INT8 cannot be proved equal"
        return ExportReport("fp32", why, sizes, machine.instruction_sets)
    texts, truth = validation[0][:MOST_GATE_ROWS], np.asarray(validation[1][:MOST_GATE_ROWS])
    answers = {
        kind: parts.predictor(path, kind, threads=machine.cores).predict(texts).best
        for kind, path in graphs.items()
    }
    equality = equivalent(truth, answers["int8"], answers["fp32"], margin=MARGIN)
    latency = _measure(graphs, parts, _evenly(texts, TIMED_ROWS))
    ratio = latency["fp32"] / latency["int8"]
    if equality.low <= -MARGIN:
        chosen, why = "fp32", f"{len(texts)} rows do not rule out that INT8 loses over {MARGIN * 100:g} points"
    elif equality.flips > MOST_FLIPPED_FRACTION * len(texts):
        chosen, why = "fp32", f"INT8 flips {equality.flips} of {len(texts)} answers between right and wrong"
    elif ratio <= 1:
        chosen, why = "fp32", f"INT8 is not faster here: {ratio:.2f} times the speed of fp32"
    else:
        chosen, why = (
            "int8",
            f"INT8 is proved to lose at most {MARGIN * 100:g} points, {ratio:.1f} times as fast",
        )
    return ExportReport(
        chosen,
        why,
        sizes,
        machine.instruction_sets,
        rows=len(texts),
        flips=equality.flips,
        equivalence=asdict(equality),
        latency_ms=latency,
    )


def _measure(graphs: dict[str, Path], parts: _Parts, texts: Sequence[str]) -> dict[str, float]:
    predictors = {kind: parts.predictor(path, kind, threads=1) for kind, path in graphs.items()}
    medians: dict[str, list[float]] = {kind: [] for kind in graphs}
    for _ in range(ROUNDS):
        for kind, predictor in predictors.items():
            times = []
            for text in texts:
                start = time.perf_counter()
                predictor.predict([text])
                times.append(time.perf_counter() - start)
            medians[kind].append(float(np.median(times)))
    # The best round is the one that other programs disturbed least.
    return {kind: round(min(values) * 1000, 3) for kind, values in medians.items()}


def _evenly(texts: Sequence[str], most: int) -> list[str]:
    return [texts[position] for position in np.linspace(0, len(texts) - 1, min(most, len(texts))).astype(int)]
