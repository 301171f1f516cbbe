"""Paths in a settings file: relative ones are taken from the folder of the file."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

FOLDER = "folder"  # In the context of a validation: where the settings file lies.


def from_folder(path: Path, info: ValidationInfo) -> Path:
    """Give a path as seen from the settings file; raises `ValueError` if no file can have it."""
    folder = (info.context or {}).get(FOLDER)
    expanded = expanded_path(path)
    return expanded if folder is None else Path(folder) / expanded


def expanded_path(path: Path) -> Path:
    """Give a path with its `~` filled in; raises `ValueError` if there is no such user, or no file can have it."""
    if "\0" in str(path):
        raise ValueError("a path has no NUL character; expected the path of a file")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("there is no such user for the ~; expected the path of a file") from None


GivenPath = Annotated[Path, AfterValidator(from_folder)]
