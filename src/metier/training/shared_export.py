"""Several heads on one encoder as one predictor: one graph that gives the states of every token, and a folder a head."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from metier.bases.known_bases import load_tokenizer
from metier.errors import CallError
from metier.export.graph_export import Exported
from metier.export.onnx_graph import PooledEncoder, write_module
from metier.predictors.composite.several import HEADS, KIND, POOLED
from metier.predictors.loading import write_settings
from metier.predictors.onnx.graph_session import HEAD_FILE, MODEL_FILE, TOKENIZER_FILE
from metier.training.heads.token_classifier import TokenStates
from metier.training.tuned_method import Fitted, TunedMethod


@dataclass(frozen=True)
class SharedPart:
    """One task of a shared encoder.

    Parameters
    ----------
    name : str
        The task.
    method : TunedMethod
    fitted : Fitted
    """

    name: str
    method: TunedMethod
    fitted: Fitted


def can_share(method: TunedMethod) -> bool:
    """Whether the head of a method takes the states of tokens, or their mean: what several tasks can share."""
    return method.input.keys == ("text",) and method.head.kind in HEADS


def export_shared(parts: Sequence[SharedPart], folder: Path, *, name: str) -> None:
    """Write the files that `predictors.composite.several` answers from.

    Raises
    ------
    CallError
        If a head takes something else than the states of tokens or their mean.
    """
    folder.mkdir(parents=True, exist_ok=True)
    encoder = parts[0].fitted.model.encoder.cpu().eval()
    write_module(TokenStates(encoder), encoder.config, folder / MODEL_FILE)
    entries = []
    for part in parts:
        found = part.method.head.exported(part.fitted.model, part.fitted.reader)
        exported = found.named(part.method.head.kind, name, part.fitted.base, part.fitted.decoder)
        _check_shared(part, exported)
        assert isinstance(exported, Exported)
        own = folder / part.name.replace(":", "-")
        own.mkdir(exist_ok=True)
        save_file(exported.arrays, own / HEAD_FILE)
        write_settings(own, {**exported.predictor_settings, "precision": "fp32"})
        is_pooled = isinstance(exported.module, PooledEncoder)
        entries.append(
            {
                "task": part.name,
                "folder": own.name,
                POOLED: is_pooled,
                "normalise": is_pooled and bool(exported.module.normalise),
            }
        )
    _save_tokenizer(parts, folder)
    write_settings(folder, {"kind": KIND, "name": name, "labels": [], "tasks": entries, "precision": "fp32"})


def _save_tokenizer(parts: Sequence[SharedPart], folder: Path) -> None:
    load_tokenizer(parts[0].fitted.base).save(str(folder / TOKENIZER_FILE), pretty=False)


def _check_shared(part: SharedPart, exported: Any) -> None:
    if not (can_share(part.method) and isinstance(exported, Exported) and exported.arrays):
        raise CallError(
            f"{part.name} reads its rows in a way that other tasks cannot share. Train it by itself, without the others."
        )
