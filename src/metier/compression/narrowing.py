"""Structured pruning: the least important attention heads and feed-forward neurons are taken out, the rest is trained."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.bases.structural_pruning import keep_heads, keep_neurons
from metier.compression.importance import MOST_ROWS, Importance, importance_of
from metier.compression.layers import write_edited
from metier.compression.materials import Materials
from metier.compression.part_files import base_of
from metier.compression.recovery import can_recover, estimator_of, recover
from metier.compression.technique import is_encoder

MULTIPLE = 32  # Of neurons: matrix products work on blocks of so many columns.


@dataclass(frozen=True)
class Narrowed:
    """A share of the attention heads and of each feed-forward network's neurons, by importance, trained again.

    Heads are ranked over all layers, as each layer has a few that matter; one at least stays in each. Neurons are ranked
    layer by layer, because every layer of a folder in Hugging Face layout has as many.
    """

    kept_fraction: float

    @property
    def name(self) -> str:
        """`width:0.5`."""
        return f"width:{self.kept_fraction:g}"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is an encoder that can be trained again."""
        return is_encoder(settings) and can_recover(settings) and settings["kind"] != "onnx_bi_encoder.v1"

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files of the narrower encoder, in fp32."""
        known = materials.train.evenly(MOST_ROWS)
        method = estimator_of(part, base_of(part).folder, materials, C=1.0)
        found = importance_of(method, known.items, known.targets)
        heads, neurons = best_heads(found, self.kept_fraction), best_neurons(found, self.kept_fraction)

        def edit(encoder: Any) -> None:
            keep_heads(encoder, heads)
            keep_neurons(encoder, neurons)

        with tempfile.TemporaryDirectory(dir=materials.scratch) as scratch:
            write_edited(part, Path(scratch, "base"), edit)
            facts = recover(part, Path(scratch, "base"), folder, materials)
        return {**facts, "heads": [len(one) for one in heads], "neurons": len(neurons[0])}


def best_heads(found: Importance, kept_fraction: float) -> list[list[int]]:
    """Give the places of the heads of each layer that stay: the most important of all, one a layer at least."""
    first = [int(one.argmax()) for one in found.heads]
    scores = [
        (np.inf if place == first[layer] else float(score), layer, place)
        for layer, one in enumerate(found.heads)
        for place, score in enumerate(one / max(float(np.linalg.norm(one)), 1e-12))
    ]
    wanted = max(len(first), round(kept_fraction * len(scores)))
    kept = sorted(scores, key=lambda one: (-one[0], one[1], one[2]))[:wanted]
    return [sorted(place for _, layer, place in kept if layer == number) for number in range(len(first))]


def best_neurons(found: Importance, kept_fraction: float) -> list[Sequence[int]]:
    """Give the places of the neurons of each layer that stay, equally many in all."""
    n_neurons = len(found.neurons[0])
    wanted = max(round(kept_fraction * n_neurons / MULTIPLE) * MULTIPLE, min(MULTIPLE, n_neurons))
    return [np.sort(np.argsort(-one, kind="stable")[:wanted]).tolist() for one in found.neurons]
