"""The contract of a technique: from the files of a predictor to the files of a smaller or faster one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from metier.compression.materials import Materials
from metier.predictors.onnx.graph_kinds import GRAPH_KINDS
from metier.predictors.onnx.graph_session import reads_tokens


class Technique(Protocol):
    """A way to make a predictor smaller or faster."""

    @property
    def name(self) -> str:
        """Its name with its setting, as a chain is written: `layers:4`."""
        ...

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it can work on a predictor, by its `predictor.json`."""
        ...

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files of the new predictor into an empty folder, and give what a manifest should say of it.

        Raises
        ------
        CompressionError
            If it does not fit this predictor after all.
        """
        ...


def is_encoder(settings: Mapping[str, Any]) -> bool:
    """Whether a predictor is a graph that reads tokens."""
    return settings.get("kind") in GRAPH_KINDS and reads_tokens(settings)
