"""The files of a predictor inside a bundle: what is copied, what is rewritten, where its encoder can be trained on."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metier.bases.base import Base
from metier.bases.known_bases import resolve_base
from metier.errors import CompressionError
from metier.export.graph_export import HUGGING_FACE_FOLDER
from metier.predictors.loading import read_settings, write_settings

# What describes a bundle as it was, and is written anew for what is made of it.
NOT_COPIED = ("README.md", "manifest.json", "scope.json", "scope.safetensors", "label_sets.safetensors")


def copy_part(part: Path, folder: Path, *, without: tuple[str, ...] = ()) -> None:
    """Copy the files of a predictor, all but those that are named and those that are written anew."""
    ignored = shutil.ignore_patterns(*without)

    def ignore(where: str, names: list[str]) -> set[str]:
        own = set(NOT_COPIED) & set(names) if Path(where) == part else set()
        return own | (set(ignored(where, names)) if Path(where) == part else set())

    shutil.copytree(part, folder, ignore=ignore, dirs_exist_ok=True)


def change_settings(folder: Path, changes: Mapping[str, Any]) -> None:
    """Write some fields of `predictor.json`."""
    write_settings(folder, {**read_settings(folder), **changes})


def has_weights(part: Path) -> bool:
    """Whether the encoder lies there as it can be trained on."""
    return (part / HUGGING_FACE_FOLDER / "model.safetensors").is_file()


def base_of(part: Path) -> Base:
    """Give the encoder of a predictor as a base.

    Raises
    ------
    CompressionError
        If the bundle holds its graph alone.
    """
    if not has_weights(part):
        raise CompressionError(
            f"{part} holds the graph of its encoder alone, without the weights that could be trained on (the folder "
            "huggingface). Give the run that it was trained in, or use int8 and vocabulary."
        )
    return resolve_base(str(part / HUGGING_FACE_FOLDER))
