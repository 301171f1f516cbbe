"""Processes train models whose layers they divide, and leave what came of it; started by test_tensor_parallel.py."""

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

import torch
from shared_out_training import SETTINGS, STOP_AT, build, rows, save, score, shape_of
from torch.distributed import barrier
from torch.distributed.tensor import DTensor
from transformers import AutoConfig, AutoModel

from metier.bases import precision
from metier.bases.adaptation.divided_layers import DIVIDED
from metier.training.checkpoint import CheckpointFolder
from metier.training.encoder_settings import TuningSettings
from metier.training.fine_tuning import fine_tune
from metier.training.objectives import compose
from metier.training.processes import accelerator_of, is_first
from metier.training.tensor_parallel import Divided

TRAININGS = {
    "full": {},
    "accumulated": {"accumulate": 2},
    "recomputed": {"gradient_checkpointing": True},
    "clipped": {"clip": 0.01},
    "lora": {"adaptation": "lora:2"},
    "top": {"adaptation": "top:1"},  # The layer below gives what was kept.
    "bitfit": {"adaptation": "bitfit"},
    "fgm": {"objective": "fgm:1"},
    "lion": {"optimizer": "lion"},
    "sgd": {"optimizer": "sgd"},
    "adagrad": {"optimizer": "adagrad"},
}
# Small ones of each architecture; some call these by names of their own.
SIZES = {
    "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
    "num_key_value_heads": 2, "head_dim": 4, "embedding_size": 16,
}  # fmt: skip
OF_DISTILBERT = {"vocab_size": 50, "dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 24}


def main(base: str, folder: Path) -> None:
    prepare()
    for name, changes in TRAININGS.items():
        learn(base, folder / name, **changes)
    interrupted(base, folder)
    dropped(base, folder)
    (folder / f"architectures.{os.environ['RANK']}.json").write_text(json.dumps(architectures()))


def prepare() -> None:
    torch.set_num_threads(1)
    precision.has_native_bfloat16 = lambda: False
    usual = TuningSettings.of_loop.fget
    TuningSettings.of_loop = property(
        lambda self: dataclasses.replace(usual(self), seconds_between_checkpoints=0.0)
    )


def learn(base, path, *, keep=None, watch=lambda model: None, dropout=0.0, **changes):
    """Train, and leave the weights and what each epoch lost."""
    model = build(base)
    model.set_dropout(dropout)
    before, own = shape_of(model), list(map(id, model.parameters()))[1:]
    objective = compose(changes.pop("objective", "cross_entropy"))

    def watched(given, batch):
        watch(model)
        return objective(given, batch)

    tuned = fine_tune(
        model,
        rows(0),
        objective=watched,
        settings=SETTINGS.model_copy(update=changes),
        validation=rows(1),
        score=score,
        checkpoints=None if keep is None else CheckpointFolder(keep, {}),
    )
    if not changes and "RANK" in os.environ:
        assert shape_of(model) == before
        assert (
            list(map(id, model.parameters()))[1:] == own
        )  # Word vectors are cut to those that occur, and put back.
    save(model, path)
    facts = [{name: epoch[name] for name in ("loss", "score")} for epoch in tuned.outcome.history]
    path.with_name(f"{path.name}.{os.environ.get('RANK', '0')}.json").write_text(json.dumps(facts))


def interrupted(base: str, folder: Path) -> None:
    """Stop a training in the middle, and go on."""
    steps, shares = 0, []

    def stop(model: torch.nn.Module) -> None:
        nonlocal steps
        steps += 1
        shares.append(share_of_layers(model))
        if steps > STOP_AT:
            raise KeyboardInterrupt

    try:
        learn(base, folder / "stopped", keep=folder / "kept", watch=stop)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("it was not stopped")
    (folder / f"share.{os.environ['RANK']}.json").write_text(json.dumps(max(shares)))
    barrier()
    if is_first():
        shutil.copytree(folder / "kept", folder / "kept-on")
    barrier()
    learn(base, folder / "resumed", keep=folder / "kept-on")
    barrier()


def share_of_layers(model: torch.nn.Module) -> float:
    """How much of the weights of its layers a process has while it trains."""
    weights = [
        weight
        for name, weight in model.named_parameters()
        if ".layer." in name and name.endswith("dense.weight")
    ]
    assert weights
    assert all(isinstance(weight, DTensor) for weight in weights)
    return sum(weight.to_local().numel() for weight in weights) / sum(weight.numel() for weight in weights)


def dropped(base: str, folder: Path) -> None:
    """With dropout, weights that every process has stay the same in all: chance is drawn alike."""
    learn(base, folder / "dropout", dropout=0.2)


def architectures() -> dict[str, list[float]]:
    """How far a divided model of each architecture is from the whole one: what it gives, and its gradients."""
    return {kind: compare(kind) for kind in DIVIDED}


def compare(kind: str) -> list[float]:
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **(OF_DISTILBERT if kind == "distilbert" else SIZES))
    model = AutoModel.from_config(config).eval()
    ids = torch.randint(5, 50, (3, 7))

    def run() -> torch.Tensor:
        states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        states.square().sum().backward()
        return states.detach()

    states = run()
    expected = {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
    }
    model.zero_grad()
    with Divided(accelerator_of("no"), model):
        again = run()
        n_divided = sum(isinstance(weight, DTensor) for weight in model.parameters())
        found = {
            name: weight.grad.full_tensor() if isinstance(weight.grad, DTensor) else weight.grad
            for name, weight in model.named_parameters()
            if weight.grad is not None
        }
    assert found.keys() == expected.keys()
    farthest = max(
        float((found[name] - grad).abs().max() / grad.abs().max().clamp(min=1e-6))
        for name, grad in expected.items()
        # The bias of keys has no part in a softmax: its gradient is rounding alone.
        if float(grad.abs().max()) > 1e-4
    )
    return [float((again - states).abs().max()), farthest, n_divided]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
