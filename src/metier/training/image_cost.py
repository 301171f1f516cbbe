"""What tuning a network of images will cost on this machine, measured on a few real batches."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import psutil
import torch

from metier.bases.adaptation import parse_adaptation
from metier.bases.adaptation.adaptation import load_adaptation
from metier.bases.base import Base
from metier.bases.image_network import load_image_network
from metier.image.picture import Picture
from metier.tasks.method_contract import measuring_is_over
from metier.training.heads.image_model import ImageModel
from metier.training.image_rows import ImageRows
from metier.training.map_cache import n_kept_blocks, with_maps
from metier.training.objectives import cross_entropy
from metier.training.training_cost import BYTES_OF_FLOAT32, COPIES_OF_A_WEIGHT, Cost

TIMED_IMAGES = 4  # A batch of so many takes as long an image as a larger one, within a tenth.


def measure_image_training(base: Base, items: Sequence[Picture], settings: Any, *, n_batches: int) -> Cost:
    """Time some batches of real images, forward, backward and step, as an adaptation makes them.

    Where the maps of frozen blocks are kept, they count once for every view of a row, and the epochs without them.
    """
    network = load_image_network(base)
    model = ImageModel(network, np.zeros((2, network.dimensions)), np.zeros(2))
    adaptation = load_adaptation(parse_adaptation(settings.adaptation))
    n_frozen = adaptation.n_frozen_layers(model.encoder)
    adaptation.apply(model.encoder, random_state=0, n_steps=1)
    some = [items[at] for at in np.linspace(0, len(items) - 1, TIMED_IMAGES).astype(int)]
    rows = ImageRows(some, np.arange(TIMED_IMAGES) % 2, network.preparation)
    n_kept = n_kept_blocks(network, n_frozen)
    seconds_answer = _seconds(lambda: _answered(model, rows), 1)
    steps, activations = _steps(model, with_maps(model, rows, n_kept) if n_kept else rows, n_batches)
    per_row = steps / TIMED_IMAGES
    views = min(settings.views, settings.epochs) if settings.augments else 1
    # The vectors that the head starts from, and the maps of every view.
    before = seconds_answer / TIMED_IMAGES * len(items) * (1 + (views if n_kept else 0))
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    held = activations * settings.batch_size / TIMED_IMAGES
    memory = psutil.Process().memory_info().rss + held + trained * COPIES_OF_A_WEIGHT * BYTES_OF_FLOAT32
    return Cost(
        per_row,
        per_row * len(items),
        int(memory),
        seconds_before=before,
        seconds_per_answer=seconds_answer / TIMED_IMAGES,
    )


def _answered(model: ImageModel, rows: ImageRows) -> None:
    model.logits(rows)


def _seconds(work: Any, times: int) -> float:
    work()  # The first is slower.
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def _steps(model: ImageModel, rows: Any, n_batches: int) -> tuple[float, int]:
    """Give the median seconds of a step, and the bytes that wait for the backward pass."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer, objective = torch.optim.AdamW(trained, lr=0.0, fused=True), cross_entropy()
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    seconds: list[float] = []
    for _ in range(1 + n_batches):
        began = time.perf_counter()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = objective(model, rows.batch(np.arange(TIMED_IMAGES)))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - began)
        if measuring_is_over():
            break
    return float(np.median(seconds[1:] or seconds)), sum(saved.values())
