"""Sealing a folder with the SHA-256 of every file, and proving that the seal is whole.

The seal tells damage and carelessness: a file that was cut short, edited or forgotten. It is no signature;
who can write to the folder can write a new manifest too. That nothing in a bundle can run code does not hang
on the seal: `metier.bundles.safety` looks at every file before any is loaded.
"""

import hashlib
from pathlib import Path

from metier.bundles.manifest import MANIFEST_FILE, FileFacts, Manifest, ManifestFacts, read_manifest
from metier.bundles.safety import check_is_data, walk_files
from metier.bundles.storage import storage_errors
from metier.errors import BundleError, TamperedBundleError
from metier.predictors.loading import read_settings

SHOWN_FILES = 5


def seal(folder: Path, facts: ManifestFacts) -> Manifest:
    """Hash every file of a folder and write its manifest, last and at once; an earlier manifest is replaced.

    Parameters
    ----------
    folder : Path
        Where a method's `export` left its predictor, model card included.
    facts : ManifestFacts
        What the files do not say themselves.

    Raises
    ------
    UnsafeFileError
        If a file is there that may not be in a bundle.
    BundleError
        If the facts are those of another predictor than the one in the folder.
    StorageError
        If the manifest cannot be written.
    """
    _check_facts(folder, facts)
    manifest = Manifest(**dict(facts), files=_hash_files(folder))
    path = folder / MANIFEST_FILE
    partial = folder / f".{MANIFEST_FILE}.partial"
    with storage_errors(path):
        try:
            partial.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return manifest


def verify(folder: Path) -> Manifest:
    """Prove that a bundle is as it was sealed and holds nothing but data, without loading any of it.

    Raises
    ------
    UnsafeFileError
        If a file could run code, whether the manifest lists it or not.
    TamperedBundleError
        If a file was altered, removed or added.
    BundleError
        If the manifest is missing or broken.
    """
    found = _hash_files(folder)  # First of all: it refuses what could run code.
    manifest = read_manifest(folder)
    faults = [
        *_name(
            "altered",
            {path for path in found if path in manifest.files and found[path] != manifest.files[path]},
        ),
        *_name("missing", manifest.files.keys() - found.keys()),
        *_name("added", found.keys() - manifest.files.keys()),
    ]
    if faults:
        raise TamperedBundleError(
            f"{folder} is not as it was sealed: {'; '.join(faults)}. "
            "Take the bundle from its source again; if the change is yours and meant, train or seal anew."
        )
    return manifest


def _check_facts(folder: Path, facts: ManifestFacts) -> None:
    settings = read_settings(folder)
    pairs = {
        "kind": (facts.predictor.kind, settings.get("kind")),
        "name": (facts.predictor.name, settings.get("name")),
        "labels": (list(facts.task.labels), settings.get("labels")),
    }
    differing = [what for what, (given, found) in pairs.items() if given != found]
    if differing:
        raise BundleError(
            f"The facts to seal {folder} with are those of another predictor: {', '.join(differing)} differ "
            "from its predictor.json. Seal each predictor with its own facts."
        )


def _hash_files(folder: Path) -> dict[str, FileFacts]:
    files = {}
    for path in walk_files(folder):
        name = path.relative_to(folder).as_posix()
        check_is_data(path)
        if name == MANIFEST_FILE:
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[name] = FileFacts(sha256=digest, size_bytes=path.stat().st_size)
    return files


def _name(fault: str, paths: set[str]) -> list[str]:
    if not paths:
        return []
    shown = ", ".join(sorted(paths)[:SHOWN_FILES])
    more = f" and {len(paths) - SHOWN_FILES} more" if len(paths) > SHOWN_FILES else ""
    return [f"{fault}: {shown}{more}"]
