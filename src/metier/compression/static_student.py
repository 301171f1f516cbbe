"""Distillation into static embeddings: one vector a token, averaged, under a linear head."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from metier import catalogue
from metier.compression.materials import Materials
from metier.compression.part_files import base_of
from metier.compression.recovery import check_labels


@dataclass(frozen=True)
class StaticStudent:
    """`static.v1` distilled from the tuned encoder: as quick as TF-IDF, and blind to the order of words."""

    name: ClassVar[str] = "static"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is an encoder that gives one label a text."""
        return settings.get("kind") == "onnx_encoder.v1"

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files of the student."""
        method = catalogue.resolve("static.v1")()
        method.set_params(base=str(base_of(part).folder), random_state=materials.random_state)
        items, targets = materials.known
        if materials.unlabelled:
            items += materials.unlabelled
            targets += list(materials.taught(materials.unlabelled).predicted)
        method.fit(items, targets, validation=materials.held, listener=materials.listener)
        folder.mkdir(parents=True, exist_ok=True)
        method.export(folder)
        check_labels(part, folder)
        return {"rows": len(items), "unlabelled": len(materials.unlabelled)}
