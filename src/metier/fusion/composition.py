"""Exported members combined in the folder of an ensemble.

Each member keeps its own folder, so it answers inside the whole exactly as it does alone. What only describes
a member (its model card, its manifest, the Hugging Face folder for further training) stays behind. A large
file is linked, not copied: the candidates of one run share its bytes until they are moved elsewhere.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metier.predictors.loading import read_settings, write_settings

LEFT_BEHIND = frozenset({"huggingface", "README.md", "manifest.json", "scope.json", "scope.safetensors"})
# A small file is copied, so that editing it in one place cannot reach the other.
LINKED_FROM_BYTES = 100_000


def place_member(source: Path, folder: Path, subfolder: str) -> dict[str, str]:
    """Put the files a predictor needs into a subfolder of the whole; gives its entry there."""
    for file in _predictor_files(source):
        target = folder / subfolder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        _link_or_copy(source / file, target)
    return {"folder": subfolder, "name": read_settings(source)["name"], "fingerprint": fingerprint(source)}


def export_members(
    member_folders: Sequence[Path],
    folder: Path,
    settings: Mapping[str, Any],
    *,
    parts: Sequence[Mapping[str, Any]] = ({},),
) -> None:
    """Put exported members together into a folder that a predictor answers from.

    Parameters
    ----------
    member_folders : sequence of Path
        Folders that methods were exported to, in the order of `parts`.
    folder : Path
        Made if need be.
    settings : mapping
        What the predictor needs besides its members: `kind`, `name`, `labels` and what is its own.
    parts : sequence of mappings
        What the fit says of each member, such as its weight.

    Raises
    ------
    ValueError
        If there is another number of folders than of parts, or a member answers with other labels.
    """
    if len(member_folders) != len(parts):
        raise ValueError(
            f"Expected one folder for each of {len(parts)} members, found {len(member_folders)}. "
            "Give the folders in the order of the fit."
        )
    shared_labels(member_folders, order=settings["labels"])
    folder.mkdir(parents=True, exist_ok=True)
    members = [
        {**place_member(source, folder, f"members/{number}"), **parts[number]}
        for number, source in enumerate(member_folders)
    ]
    write_settings(folder, {**settings, "members": members})


@contextmanager
def exported(methods: Sequence[Any], *, beside: Path) -> Iterator[list[Path]]:
    """Export fitted methods to folders that vanish afterwards, on the disk of the whole, for links to work."""
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside, prefix=".members-") as temporary:
        folders = [Path(temporary) / str(number) for number in range(len(methods))]
        for method, folder in zip(methods, folders, strict=True):
            folder.mkdir()
            method.export(folder)
        yield folders


def fingerprint(folder: Path) -> str:
    """SHA-256 over names and bytes of the files a predictor needs: the same member, wherever it lies."""
    digest = hashlib.sha256()
    for file in _predictor_files(folder):
        with (folder / file).open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        digest.update(f"{file.as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def find_inside(folder: Path, wanted: str) -> str | None:
    """Give the subfolder of a composite's member with this fingerprint, at any depth; None: there is none."""
    settings = read_settings(folder)
    for entry in _entries(settings):
        if entry["fingerprint"] == wanted:
            return str(entry["folder"])
        deeper = find_inside(folder / entry["folder"], wanted)
        if deeper is not None:
            return f"{entry['folder']}/{deeper}"
    return None


def shared_labels(folders: Sequence[Path], *, order: Sequence[str] = ()) -> list[str]:
    """Give the labels that all the exported members answer with, in the order of the first, or in the one given.

    Raises
    ------
    ValueError
        If there are none, or they differ.
    """
    settings = [read_settings(folder) for folder in folders]
    for folder, other in zip(folders, settings, strict=True):
        if sorted(other["labels"]) != sorted(order or settings[0]["labels"]):
            raise ValueError(
                f"{folder} answers with {len(other['labels'])} labels that are not the "
                f"{len(settings[0]['labels'])} of {folders[0]}. Combine methods trained on the same labels."
            )
    return list(order or settings[0]["labels"])


def _entries(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*settings.get("members", []), *settings.get("stages", [])]


def _predictor_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not LEFT_BEHIND.intersection(relative.parts):
            yield relative


def _link_or_copy(source: Path, target: Path) -> None:
    if source.stat().st_size >= LINKED_FROM_BYTES:
        try:
            os.link(source.resolve(), target)
            return
        except OSError:
            pass  # Another disk, or a file system without links: a copy does the same.
    shutil.copyfile(source, target)
