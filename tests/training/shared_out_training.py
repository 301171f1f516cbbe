"""Two processes train models whole and shared out, and leave what came of it; started by test_sharding.py."""

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.distributed import barrier
from torch.distributed.tensor import DTensor

from metier.bases import precision
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.training.batching import TokenisedRows
from metier.training.checkpoint import CheckpointFolder
from metier.training.encoder_settings import TuningSettings
from metier.training.fine_tuning import fine_tune
from metier.training.heads.token_model import PooledClassifier
from metier.training.objectives import compose
from metier.training.processes import is_first

SETTINGS = TuningSettings(epochs=2, token_budget=128, learning_rate=1e-3)
TRAININGS = {
    "full": {},
    "accumulated": {"accumulate": 2},
    "lora": {"adaptation": "lora:2"},
    "top": {"adaptation": "top:1"},  # The layer below gives what was kept.
    "adapter": {"adaptation": "adapter:4"},
    "fgm": {"objective": "fgm:1"},
    "mixup": {"objective": "mixup"},
}
N_CLASSES = 3
ENVIRONMENT = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",  # As `accelerate launch` has it where nobody says otherwise.
}
STOP_AT = 6  # Of eight steps: in the second epoch, when there are best weights already.


def main(base: str, folder: Path) -> None:
    torch.set_num_threads(1)
    precision.has_native_bfloat16 = lambda: False
    usual = TuningSettings.of_loop.fget
    TuningSettings.of_loop = property(
        lambda self: dataclasses.replace(usual(self), seconds_between_checkpoints=0.0)
    )
    for name, changes in TRAININGS.items():
        for kind in ("whole", "shared"):
            save(train(build(base), kind, **changes), folder / f"{name}.{kind}")
    interrupted(base, folder)
    (folder / f"share.{os.environ['RANK']}.json").write_text(json.dumps(share_of_weights(base)))


def share_of_weights(base: str) -> float:
    """How much of all weights a process has while it trains; and that the model is itself afterwards."""
    shares: list[float] = []

    def look(model: torch.nn.Module) -> None:
        weights = list(model.parameters())
        assert all(isinstance(weight, DTensor) for weight in weights)
        kept = sum(weight.to_local().numel() for weight in weights)
        shares.append(kept / sum(weight.numel() for weight in weights))

    model = build(base)
    names, weights = shape_of(model), list(map(id, model.parameters()))
    train(model, "shared", watch=look)
    assert shape_of(model) == names
    # The word vectors were cut to the words that occur and put back: they are others in any case.
    assert list(map(id, model.parameters()))[1:] == weights[1:]
    train(model, "shared")  # And it can be shared out once more.
    return max(shares)


def interrupted(base: str, folder: Path) -> None:
    """Stop trainings in the middle, and go on whole where weights were shared out and the other way round."""
    for kind in ("whole", "shared"):
        steps = 0

        def stop(model: torch.nn.Module) -> None:
            nonlocal steps
            steps += 1
            if steps > STOP_AT:
                raise KeyboardInterrupt

        model = build(base)
        before = shape_of(model)
        try:
            train(model, kind, watch=stop, keep=folder / f"kept.{kind}")
        except KeyboardInterrupt:
            assert shape_of(model) == before
        else:
            raise AssertionError("it was not stopped")
    barrier()
    for kind, next_kind in (("shared", "shared"), ("shared", "whole"), ("whole", "shared")):
        place = folder / f"{kind}-{next_kind}"
        if is_first():
            shutil.copytree(folder / f"kept.{kind}", place)
        barrier()
        save(train(build(base), next_kind, keep=place), folder / f"{kind}-{next_kind}")
        barrier()


def build(base: str) -> PooledClassifier:
    start = np.random.default_rng(0).normal(size=(N_CLASSES, 384)) / 10
    model = PooledClassifier(load_model(resolve_base(base)), start, np.zeros(N_CLASSES), normalise=False)
    model.set_dropout(0.0)  # A checkpoint has the chance of the first process; the second would go on with it.
    return model


def rows(seed: int) -> TokenisedRows:
    random = np.random.default_rng(seed)
    ids = [[101, *random.integers(1_000, 1_300, random.integers(3, 12)).tolist(), 102] for _ in range(48)]
    return TokenisedRows(ids, np.array([row[1] % N_CLASSES for row in ids]), 0)


def score(model: PooledClassifier, unseen: TokenisedRows) -> dict[str, float]:
    batch = unseen.batch(np.arange(4))
    with torch.inference_mode():  # A part of a model can be run by itself too.
        states = model.encoder(input_ids=batch.input_ids, attention_mask=batch.mask).last_hidden_state
    assert torch.isfinite(states).all()
    logits = model.logits(unseen)
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return {"score": float(log_p[np.arange(len(log_p)), unseen.truth].mean())}


def train(model, kind, *, objective="cross_entropy", watch=lambda model: None, keep=None, **changes):
    for name, value in ENVIRONMENT.items():
        os.environ.pop(name, None)
        if kind == "shared":
            os.environ[name] = value
    told = compose(objective)

    def watched(given, batch):
        watch(model)
        return told(given, batch)

    fine_tune(
        model,
        rows(0),
        objective=watched,
        settings=SETTINGS.model_copy(update=changes),
        validation=rows(1),
        score=score,
        checkpoints=None if keep is None else CheckpointFolder(keep, {}),
    )
    return model


def shape_of(model: torch.nn.Module) -> list[object]:
    """What a model is made of: its modules, their hooks, its weights."""
    modules = [
        (
            type(module).__name__,
            sorted(vars(module)),
            len(module._forward_hooks),
            len(module._forward_pre_hooks),
        )
        for module in model.modules()
    ]
    return [modules, {name: (type(weight).__name__, weight.shape) for name, weight in model.named_parameters()}]


def save(model: torch.nn.Module, path: Path) -> None:
    weights = {name: weight.detach().contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, path.with_name(f"{path.name}.{os.environ.get('RANK', '0')}.safetensors"))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
