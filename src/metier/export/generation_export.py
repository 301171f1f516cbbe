"""A trained Llama-like model as an ONNX bundle, in the precision that passes the equivalence check.

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
from metier.predictors.onnx.graph_session import MODEL_FILE, TOKENIZER_FILE, open_session
from metier.predictors.onnx.onnx_generation import KIND, OnnxGenerationPredictor
from metier.predictors.text.prompting import FileCodec, PromptSettings

CHECKED_ROWS, TIMED_ROWS = 24, 3
# Token ids of prompts and of their answers, one each a row.
Tokens = tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]]
MARGIN = 0.02  # Nats a token: two in a hundred of a token's probability.
ONE_SIDED_95 = 1.645


def export_decoder(
    model: Any,
    tokenizer: Path,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    precision: str,
    check: Tokens,
) -> dict[str, Any]:
    """Write `model.onnx`, `tokenizer.json` and `predictor.json`.

    Parameters
    ----------
    tokenizer : Path
        The `tokenizer.json` of the base.
    settings : mapping
        `predictor.json`: name, prompt, decoding, end_ids.
    precision : {"auto", "fp32", "int8"}
    check : (prompts, answers)
        What 8 bits have to prove themselves on.

    Returns
    -------
    dict
        `precision`, `why`, and what was measured: for the report.
    """
    longest = PromptSettings.of(settings["prompt"]).room + settings["decoding"]["max_new_tokens"]
    kinds = ("fp32", "int8") if precision == "auto" else (precision,)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as beside:
        graphs = {kind: Path(beside, f"{kind}.onnx") for kind in kinds}
        for kind, path in graphs.items():
            write_decoder(model, path, precision=kind, longest=longest)
        report: dict[str, Any] = {"precision": precision, "why": f"{precision} was asked for"}
        if precision == "auto":
            report = _choose(graphs, FileCodec(tokenizer), settings, check)
        graphs[report["precision"]].replace(folder / MODEL_FILE)
    shutil.copy(tokenizer, folder / TOKENIZER_FILE)
    write_settings(folder, {**settings, "kind": KIND, "precision": report["precision"], "export": report})
    return report


def _choose(
    graphs: Mapping[str, Path], codec: FileCodec, settings: Mapping[str, Any], check: Tokens
) -> dict[str, Any]:
    losses, seconds, began = {}, {}, time.perf_counter()
    for kind, path in graphs.items():
        predictor = OnnxGenerationPredictor(open_session(path, threads=1), codec, settings)
        losses[kind] = np.array(predictor.losses(*check))
        start = time.process_time()
        for row in list(zip(*check, strict=True))[:TIMED_ROWS]:  # As people ask: one row at a time.
            predictor.loss(*row)
        seconds[kind] = time.process_time() - start
    worse = losses["int8"] - losses["fp32"]
    error = float(worse.std(ddof=1) / np.sqrt(len(worse))) if len(worse) > 1 else float("inf")
    high = float(worse.mean()) + ONE_SIDED_95 * error
    ratio = seconds["fp32"] / seconds["int8"]
    if high > MARGIN:
        chosen, why = (
            "fp32",
            f"{len(worse)} rows cannot rule out that 8 bits lose more than {MARGIN} nats a token",
        )
    elif ratio <= 1:
        chosen, why = "fp32", f"8 bits are not faster here: {ratio:.2f} times the speed of fp32"
    else:
        chosen, why = (
            "int8",
            f"8 bits passed the equivalence check: they lose at most {MARGIN} nats a token, {ratio:.1f} times as fast",
        )
    return {
        "precision": chosen,
        "why": why,
        "rows": len(worse),
        "loss": {kind: float(values.mean()) for kind, values in losses.items()},
        "cpu_seconds": {kind: round(value, 3) for kind, value in seconds.items()},
        "size_bytes": {kind: path.stat().st_size for kind, path in graphs.items()},
        "choosing_seconds": round(time.perf_counter() - began, 3),
    }
