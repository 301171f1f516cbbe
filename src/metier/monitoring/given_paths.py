"""Paths in a settings file: relative ones are taken from the folder of the file."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

FOLDER = "folder"  # In the context of a validation: where the settings file lies.


def from_folder(path: Path, info: ValidationInfo) -> Path:
    """Give a path as seen from the settings file."""
    folder = (info.context or {}).get(FOLDER)
    expanded = path.expanduser()
    return expanded if folder is None else Path(folder) / expanded


GivenPath = Annotated[Path, AfterValidator(from_folder)]
