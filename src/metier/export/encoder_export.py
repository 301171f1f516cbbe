"""A trained encoder and its head as a predictor: ONNX in fp32 or INT8, whichever is proved the better to ship.

INT8 is a quarter of the size and about twice as fast where the processor multiplies bytes (VNNI), but it moves
every logit a little. It is kept only if the paired test on the validation rows rules out that it loses half a point
of accuracy or more, if it flips at most one answer in a hundred, and if it is measured faster here. What was
measured goes into `predictor.json`.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from metier.bases.base import Base
from metier.bases.huggingface_folder import PLAIN_TRANSFORMERS, save_encoder
from metier.bases.known_bases import load_tokenizer
from metier.errors import SettingsError
from metier.evaluation.equivalence import equivalent
from metier.export.onnx_graph import PooledEncoder, quantize, write_module
from metier.features.tokenization import token_ids
from metier.machine import describe_machine
from metier.predictors.loading import write_settings
from metier.predictors.onnx.onnx_encoder import (
    HEAD_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    OnnxEncoderPredictor,
    open_session,
)

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


def typical_rows(rows: Sequence[Any]) -> Sequence[Any]:
    """Give some hundred of the rows to look at, evenly: files are often sorted by label."""
    return rows[:: max(1, len(rows) // SAMPLED_ROWS)]


def keep_report(method: Any, report: ExportReport) -> None:
    """Keep in a fitted method what its export measured, and the precision it chose.

    What validation decided holds for a refit on all rows too, which has no rows left to decide on.
    """
    method.chosen_params_["precision"] = report.chosen
    method.facts_["export"] = asdict(report)


@dataclass(frozen=True)
class Gate:
    """Rows that INT8 has to prove itself on.

    Parameters
    ----------
    items : sequence
        Validation rows, as the predictor takes them.
    right : callable
        From the predictor's answers to all of them to a bool array of shape (n_rows,): which are right.
    """

    items: Sequence[Any]
    right: Callable[[Any], np.ndarray]


@dataclass(frozen=True)
class Exported:
    """What a predictor is made of besides its graph.

    Parameters
    ----------
    base : Base
        Where the encoder came from: prefix, longest text.
    tokenizer : Tokenizer
        Cuts texts, pads none.
    head : mapping of str to ndarray
        Arrays that the predictor applies to what the graph gives; `head.safetensors`.
    settings : mapping
        `predictor.json`: kind, name, labels and whatever the kind needs; the precision is added.
    readme : str
        The lines that rebuild the whole in plain transformers.
    """

    base: Base
    tokenizer: Tokenizer
    head: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    readme: str = PLAIN_TRANSFORMERS


# Makes the predictor that answers from a graph: (graph, precision, threads) -> predictor.
Build = Callable[[Path, str, int], Any]


def export_graph(
    module: torch.nn.Module,
    parts: Exported,
    folder: Path,
    *,
    build: Build,
    gate: Gate | None = None,
    sample: Sequence[Sequence[int]] = (),
    precision: str = "auto",
) -> ExportReport:
    """Write the files that an encoder of any task answers from, in the precision that is proved the better.

    Parameters
    ----------
    module : Module
        Takes `input_ids` and `attention_mask` alone, gives one Tensor, and holds the encoder as `encoder`.
    parts : Exported
    folder : Path
        Gets `model.onnx`, `tokenizer.json`, `head.safetensors`, `predictor.json` and `huggingface/`.
    build : callable
        From the path of a graph, its precision and a number of threads to a predictor.
    gate : Gate, optional
        Without it `auto` keeps fp32.
    sample : sequence of sequence of int
        Token ids of typical rows, to see how large activations become.
    precision : {"auto", "fp32", "int8"}
        `fp32` and `int8` are written without a comparison.
    """
    check_precision(precision)
    folder.mkdir(parents=True, exist_ok=True)
    encoder: Any = module.encoder
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as beside:
        fp32, int8 = Path(beside, "fp32.onnx"), Path(beside, "int8.onnx")
        write_module(module, encoder.config, fp32)
        if precision == "int8" or (precision == "auto" and gate is not None):
            quantize(fp32, int8, rows=_evenly(sample, SAMPLED_ROWS))
        report = _choose({"fp32": fp32, "int8": int8}, build, precision, gate)
        Path(beside, f"{report.chosen}.onnx").replace(folder / MODEL_FILE)
    parts.tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)
    head = {name: np.ascontiguousarray(array, np.float32) for name, array in parts.head.items()}
    if head:
        save_file(head, folder / HEAD_FILE)
    write_settings(folder, {**parts.settings, "precision": report.chosen, "export": asdict(report)})
    save_encoder(
        encoder,
        parts.base,
        folder / HUGGING_FACE_FOLDER,
        tokenizer=parts.tokenizer,
        head=head,
        labels=parts.settings["labels"],
        temperature=parts.settings.get("temperature", 1.0),
        readme=parts.readme,
    )
    return report


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
    """Write the files of an `onnx_encoder.v1` predictor: a mean-pooled encoder and a linear head.

    Parameters
    ----------
    model : Module
        The encoder, without its head; it is not changed.
    base : Base
        Where it came from: tokenizer, prefix, longest text.
    folder : Path
        Gets what `export_graph` writes.
    weight, bias : ndarray of shape (n_classes, hidden_size) and (n_classes,)
        The head.
    temperature : float
        What logits are divided by before the softmax.
    validation : (texts, class numbers), optional
        Rows that INT8 has to prove itself on; without them `auto` keeps fp32.
    sample : sequence of str
        Typical texts, to see how large activations become; those of `validation` if none are given.
    precision : {"auto", "fp32", "int8"}
    """
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
    tokenizer = load_tokenizer(base)
    typical = sample or (validation[0] if validation is not None else ())

    def build(graph: Path, precision: str, threads: int) -> OnnxEncoderPredictor:
        session = open_session(graph, threads=threads if precision == "fp32" else 1)
        own = settings | {"precision": precision}
        return OnnxEncoderPredictor(session, tokenizer, head["weight"], head["bias"], own, threads=threads)

    return export_graph(
        PooledEncoder(model, normalise=base.normalise),
        Exported(base, tokenizer, head, settings),
        folder,
        build=build,
        gate=None if validation is None else _gate_of_labels(*validation),
        sample=token_ids(tokenizer, _evenly(typical, SAMPLED_ROWS), prefix=base.prefix),
        precision=precision,
    )


def _gate_of_labels(texts: Sequence[str], truth: np.ndarray) -> Gate:
    truth = np.asarray(truth[:MOST_GATE_ROWS])
    return Gate(texts[:MOST_GATE_ROWS], lambda answers: answers.best == truth)


def _choose(graphs: dict[str, Path], build: Build, precision: str, gate: Gate | None) -> ExportReport:
    sizes = {kind: path.stat().st_size for kind, path in graphs.items() if path.exists()}
    machine = describe_machine()
    if precision != "auto":
        return ExportReport(precision, f"{precision} was asked for", sizes, machine.instruction_sets)
    if gate is None:
        why = "without validation rows INT8 cannot be proved equal"
        return ExportReport("fp32", why, sizes, machine.instruction_sets)
    n_rows = len(gate.items)
    right = {
        kind: gate.right(build(path, kind, machine.cores).predict(gate.items)).astype(np.int64)
        for kind, path in graphs.items()
    }
    equality = equivalent(np.ones(n_rows, np.int64), right["int8"], right["fp32"], margin=MARGIN)
    predictors = {kind: build(path, kind, 1) for kind, path in graphs.items()}
    latency = _measure(predictors, _evenly(gate.items, TIMED_ROWS))
    ratio = latency["fp32"] / latency["int8"]
    if equality.low <= -MARGIN:
        chosen, why = "fp32", f"{n_rows} rows do not rule out that INT8 loses over {MARGIN * 100:g} points"
    elif equality.flips > MOST_FLIPPED_FRACTION * n_rows:
        chosen, why = "fp32", f"INT8 flips {equality.flips} of {n_rows} answers between right and wrong"
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
        rows=n_rows,
        flips=equality.flips,
        equivalence=asdict(equality),
        latency_ms=latency,
    )


def _measure(predictors: Mapping[str, Any], items: Sequence[Any]) -> dict[str, float]:
    medians: dict[str, list[float]] = {kind: [] for kind in predictors}
    for _ in range(ROUNDS):
        for kind, predictor in predictors.items():
            times = []
            for item in items:
                start = time.perf_counter()
                predictor.predict([item])
                times.append(time.perf_counter() - start)
            medians[kind].append(float(np.median(times)))
    # The best round is the one that other programs disturbed least.
    return {kind: round(min(values) * 1000, 3) for kind, values in medians.items()}


def _evenly(rows: Sequence[Any], most: int) -> list[Any]:
    return [rows[position] for position in np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
