"""A trained Llama-like model as an ONNX bundle, in the precision that is proved the better to ship.

8 bits are kept only if the likelihood of real answers, token by token, is shown not to suffer: the upper end of the
95 % interval of the paired difference has to stay below the margin, and they have to be faster here.
"""

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metier.export.onnx_decoder import write_decoder
from metier.predictors.loading import write_settings
from metier.predictors.onnx.onnx_encoder import MODEL_FILE, TOKENIZER_FILE, open_session
from metier.predictors.onnx.onnx_generation import KIND, OnnxGenerationPredictor
from metier.transformer.generation.generation_examples import Encoding

GATE_ROWS = 24
MARGIN = 0.02  # Nats a token: two in a hundred of a token's probability.
ONE_SIDED_95 = 1.645


def export_decoder(
    model: Any,
    encoding: Encoding,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    precision: str,
    gate: tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]],
) -> dict[str, Any]:
    """Write `model.onnx`, `tokenizer.json` and `predictor.json`.

    Parameters
    ----------
    precision : {"auto", "fp32", "int8"}
    gate : (prompts, answers)
        Token ids that 8 bits have to prove themselves on.

    Returns
    -------
    dict
        `precision`, `why`, and what was measured: for the report.
    """
    settings = {**settings, "kind": KIND, "end_ids": [encoding.end_id]}
    longest = encoding.prompts.settings.room + settings["decoding"]["max_new_tokens"]
    kinds = ("fp32", "int8") if precision == "auto" else (precision,)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as beside:
        graphs = {kind: Path(beside, f"{kind}.onnx") for kind in kinds}
        for kind, path in graphs.items():
            write_decoder(model, path, precision=kind, longest=longest)
        report: dict[str, Any] = {"precision": precision, "why": f"{precision} was asked for"}
        if precision == "auto":
            report = _choose(graphs, encoding, settings, gate)
        graphs[report["precision"]].replace(folder / MODEL_FILE)
    shutil.copy(encoding.base.folder / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    write_settings(folder, {**settings, "precision": report["precision"], "export": report})
    return report


def _choose(
    graphs: Mapping[str, Path],
    encoding: Encoding,
    settings: Mapping[str, Any],
    gate: tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]],
) -> dict[str, Any]:
    losses, seconds = {}, {}
    for kind, path in graphs.items():
        predictor = OnnxGenerationPredictor(open_session(path, threads=1), encoding.codec, settings)
        start = time.process_time()
        losses[kind] = np.array([predictor.loss(*row) for row in zip(*gate, strict=True)])
        seconds[kind] = time.process_time() - start
    worse = losses["int8"] - losses["fp32"]
    error = float(worse.std(ddof=1) / np.sqrt(len(worse))) if len(worse) > 1 else float("inf")
    high = float(worse.mean()) + ONE_SIDED_95 * error
    ratio = seconds["fp32"] / seconds["int8"]
    if high > MARGIN:
        chosen, why = "fp32", f"{len(worse)} rows do not rule out that 8 bits lose over {MARGIN} nats a token"
    elif ratio <= 1:
        chosen, why = "fp32", f"8 bits are not faster here: {ratio:.2f} times the speed of fp32"
    else:
        chosen, why = (
            "int8",
            f"8 bits are proved to lose at most {MARGIN} nats a token, {ratio:.1f} times as fast",
        )
    return {
        "precision": chosen,
        "why": why,
        "rows": len(worse),
        "loss": {kind: float(values.mean()) for kind, values in losses.items()},
        "cpu_seconds": {kind: round(value, 3) for kind, value in seconds.items()},
        "size_bytes": {kind: path.stat().st_size for kind, path in graphs.items()},
    }
