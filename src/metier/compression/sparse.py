"""Sparse storage of a linear model: the smallest weights dropped, the rest one byte each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.compression.materials import Materials
from metier.compression.part_files import copy_part
from metier.errors import CompressionError
from metier.predictors.linear.linear_predictor import LINEAR_KINDS, WEIGHTS_FILE
from metier.predictors.linear.stored_weights import WEIGHTS, packed
from metier.predictors.loading import load_predictor
from metier.tasks.answers.kind import as_lists

# Shares of the weights that are dropped, the largest first that changes almost no answer.
DROPPED = (0.9, 0.8, 0.6, 0.4, 0.0)
MOST_CHANGED_FRACTION = 0.002


@dataclass(frozen=True)
class Sparse:
    """As many weights dropped as change at most two answers in a thousand of rows that were set aside for choosing."""

    name: ClassVar[str] = "sparse"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether features are weighed."""
        return settings.get("kind") in LINEAR_KINDS

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files with the weights in a few bytes."""
        arrays = load_file(part / WEIGHTS_FILE)
        if WEIGHTS not in arrays:
            raise CompressionError(f"The weights in {part} are stored in bytes already. Leave sparse out.")
        copy_part(part, folder, without=(WEIGHTS_FILE,))
        weights, items = arrays.pop(WEIGHTS), materials.choosing.items
        expected = _answers(part, items, materials)
        changed = 0.0
        for dropped in DROPPED:
            cut = np.quantile(np.abs(weights), dropped)
            save_file({**packed(weights, np.abs(weights) >= cut), **arrays}, folder / WEIGHTS_FILE)
            found = _answers(folder, items, materials)
            changed = float(np.mean([one != other for one, other in zip(found, expected, strict=True)]))
            if changed <= MOST_CHANGED_FRACTION:
                break
        return {"dropped_fraction": dropped, "changed_fraction": changed}


def _answers(folder: Path, items: Any, materials: Materials) -> list[Any]:
    """Give answers as they are compared; scores to three digits, for no two roundings give the same."""
    found = load_predictor(folder, threads=materials.threads).predict(items).predicted
    return [float(f"{one:.3g}") if isinstance(one, float) else as_lists(one) for one in found]
