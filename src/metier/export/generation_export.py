"""A trained model that writes as an ONNX bundle, if its graphs are proved equal, in the precision that passes the check.

A table of architectures can be wrong about a model that nobody tried. So every export is held against the model
itself: the logits of some real answers, token by token, several rows side by side, have to be the model's own to what
arithmetic in another order gives. Where they are not, nothing is written and the model goes on answering with torch.

8 bits are kept only if the likelihood of real answers, token by token, is shown not to suffer: the upper end of the
95 % interval of the paired difference has to stay below the margin, and they have to be faster here.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metier.bases.adaptation.initial_state import state_in
from metier.export.decoder_architectures import causal_fault
from metier.export.encoder_decoder_architectures import encoder_decoder_fault
from metier.export.onnx_decoder import write_decoder
from metier.export.onnx_encoder_decoder import write_encoder_decoder
from metier.export.sentencepiece_vocabulary import write_tokenizer
from metier.predictors.loading import write_settings
from metier.predictors.onnx.decoder_loop import STATE_FILE, write_state
from metier.predictors.onnx.graph_session import MODEL_FILE
from metier.predictors.onnx.onnx_generation import (
    ENCODER_FILE,
    Loop,
    OnnxEncoderDecoderPredictor,
    OnnxGenerationPredictor,
)
from metier.predictors.text.prompting import PromptSettings

CHECKED_ROWS, TIMED_ROWS = 24, 3
COMPARED_ROWS, COMPARED_TOKENS = 3, 12  # Of these the logits are compared with the model's own.
MOST_APART = 1e-3  # Of the largest logit: what sums in another order can give, and a wrong formula exceeds.
# Token ids of prompts and of their answers, one each a row.
Tokens = tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]]
MARGIN = 0.02  # Nats a token: two in a hundred of a token's probability.
ONE_SIDED_95 = 1.645


@dataclass(frozen=True)
class Exported:
    """What became of an export.

    Parameters
    ----------
    fault : str
        Why there are no graphs; "" where there are.
    report : dict
        `precision`, `why`, and what was measured.
    """

    fault: str
    report: dict[str, Any]


def export_fault(config: Any) -> str:
    """Say what keeps a model of this configuration from being answered without torch, "" for nothing."""
    return encoder_decoder_fault(config) if config.is_encoder_decoder else causal_fault(config)


def export_writer(
    model: Any,
    tokenizer: Path,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    precision: str,
    check: Tokens,
) -> Exported:
    """Write the graphs, `tokenizer.json` and `predictor.json`; nothing where the graphs are not the model.

    Parameters
    ----------
    model : PreTrainedModel
        Of a configuration without an `export_fault`.
    tokenizer : Path
        The `tokenizer.json` of the base; where there is none, the SentencePiece models beside it are written as one.
    settings : mapping
        `predictor.json`: name, prompt, decoding, end_ids; of an encoder-decoder token_rules.
    precision : {"auto", "fp32", "int8"}
    check : (prompts, answers)
        What the graphs, and 8 bits, have to prove themselves on.
    """
    predictor = OnnxEncoderDecoderPredictor if model.config.is_encoder_decoder else OnnxGenerationPredictor
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as beside:
        graphs = {kind: Path(beside, kind) for kind in ("fp32", "int8")}
        _write(model, graphs["fp32"], precision="fp32", settings=settings)
        apart = difference_from(model, predictor.open_loop(graphs["fp32"], settings, threads=1), check)
        if not apart <= MOST_APART:
            return Exported(
                f"the logits of its graph differ from the model's own by {apart:.1e} of the largest, above {MOST_APART}",
                {},
            )
        report: dict[str, Any] = {"precision": precision, "why": f"{precision} was asked for"}
        if precision != "fp32":
            _write(model, graphs["int8"], precision="int8", settings=settings)
        if precision == "auto":
            loops = {kind: predictor.open_loop(path, settings, threads=1) for kind, path in graphs.items()}
            report = _choose(loops, {kind: _size(path) for kind, path in graphs.items()}, check)
        for path in sorted(graphs[report["precision"]].iterdir()):
            path.replace(folder / path.name)
    report["logits_apart"] = apart
    read = write_tokenizer(tokenizer.parent, folder)
    kept = {"kind": predictor.kind, "precision": report["precision"], "export": report}
    write_settings(folder, {**settings, **read, **kept})
    return Exported("", report)


def _write(model: Any, folder: Path, *, precision: str, settings: Mapping[str, Any]) -> None:
    folder.mkdir()
    if model.config.is_encoder_decoder:
        write_encoder_decoder(model, folder / ENCODER_FILE, folder / MODEL_FILE, precision=precision)
        return
    longest = PromptSettings.of(settings["prompt"]).room + settings["decoding"]["max_new_tokens"]
    with torch.inference_mode():
        before = state_in(model) or []
    n_before = before[0][0].shape[2] if before else 0
    write_decoder(model, folder / MODEL_FILE, precision=precision, longest=longest + n_before)
    if before:
        pairs = [
            (keys[0].detach().float().numpy(), values[0].detach().float().numpy()) for keys, values in before
        ]
        write_state(folder / STATE_FILE, pairs)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def difference_from(model: Any, loop: Loop, check: Tokens) -> float:
    """Give how far the logits of a loop are from those of the model, as a share of the largest one.

    What a loop never lets come (its logit is minus infinity) is not compared.
    """
    prompts, answers = check[0][:COMPARED_ROWS], [row[:COMPARED_TOKENS] for row in check[1][:COMPARED_ROWS]]
    with as_reference(model):
        expected = [_own_logits(model, *row) for row in zip(prompts, answers, strict=True)]
    largest = max(1.0, *(float(np.abs(row).max()) for row in expected))
    logits, state = loop.start(prompts)
    apart = 0.0
    for at in range(max(map(len, answers))):
        for own, found in zip(expected, logits, strict=True):
            if at < len(own) and np.isfinite(found).sum() > 1:
                apart = max(apart, float(np.abs(own[at] - found)[~np.isneginf(found)].max()))
        # A row that has ended goes on with its last token, which is compared no more.
        logits, state = loop.advance([row[min(at, len(row) - 1)] for row in answers], state)
    return apart / largest


def _own_logits(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> np.ndarray:
    """What the model predicts before each token of an answer, of shape (n_answer_tokens, n_tokens)."""
    if not model.config.is_encoder_decoder:
        logits = model(input_ids=torch.tensor([[*prompt, *answer[:-1]]]), use_cache=False).logits[0]
        return np.asarray(logits[len(prompt) - 1 :])
    written = [model.generation_config.decoder_start_token_id, *answer[:-1]]
    logits = model(
        input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([written]), use_cache=False
    ).logits[0]
    return np.asarray(logits)


@contextmanager
def as_reference(model: Any) -> Iterator[None]:
    """Let a model compute in float32, with attention written out: some caps are left out by the faster forms."""
    dtype, attention = model.dtype, model.config._attn_implementation
    model.to(torch.float32)
    model.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            yield
    finally:
        model.to(dtype)
        model.set_attn_implementation(attention)


def _choose(loops: Mapping[str, Loop], sizes: Mapping[str, int], check: Tokens) -> dict[str, Any]:
    losses, seconds, began = {}, {}, time.perf_counter()
    for kind, loop in loops.items():
        losses[kind] = np.array(loop.losses(*check))
        start = time.process_time()
        for prompt, answer in list(zip(*check, strict=True))[:TIMED_ROWS]:  # As people ask: one row at a time.
            _, state = loop.start([prompt])
            for token in answer[:-1]:
                _, state = loop.advance([token], state)
        seconds[kind] = time.process_time() - start
    worse = losses["int8"] - losses["fp32"]
    error = float(worse.std(ddof=1) / np.sqrt(len(worse))) if len(worse) > 1 else float("inf")
    chosen, why = _decide(
        len(worse), float(worse.mean()) + ONE_SIDED_95 * error, seconds["fp32"] / seconds["int8"]
    )
    return {
        "precision": chosen,
        "why": why,
        "rows": len(worse),
        "loss": {kind: float(values.mean()) for kind, values in losses.items()},
        "cpu_seconds": {kind: round(value, 3) for kind, value in seconds.items()},
        "size_bytes": dict(sizes),
        "choosing_seconds": round(time.perf_counter() - began, 3),
    }


def _decide(n_rows: int, high: float, ratio: float) -> tuple[str, str]:
    if high > MARGIN:
        return "fp32", f"{n_rows} rows cannot rule out that 8 bits lose more than {MARGIN} nats a token"
    if ratio <= 1:
        return "fp32", f"8 bits are not faster here: {ratio:.2f} times the speed of fp32"
    return (
        "int8",
        f"8 bits passed the equivalence check: they lose at most {MARGIN} nats a token, {ratio:.1f} times as fast",
    )
