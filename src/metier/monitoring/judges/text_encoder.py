"""Vectors of texts by the encoders of bundles: those of a frozen encoder, or of the last layer of a tuned one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from metier.bundles import load_bundle
from metier.predictors.evidence import embedder_among


def text_encoders(
    bundles: Mapping[str, Path], *, threads: int = 1
) -> dict[str, Callable[[Sequence[str]], np.ndarray]]:
    """Load those bundles that have an encoder of texts, and give what encodes, by their names."""
    found = {
        name: embedder_among([load_bundle(path, threads=threads).predictor]) for name, path in bundles.items()
    }
    return {name: one.embed for name, one in found.items() if one is not None}
