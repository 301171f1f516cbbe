"""Seal a folder with the SHA-256 of every file, and verify the seal.

The seal detects damage and mistakes: a truncated, edited or missing file. It is not a signature; anyone who can
write to the folder can write a new manifest. Safety against code does not depend on the seal:
`metier.bundles.safety` checks every file before any is loaded.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from metier.bundles.manifest import MANIFEST_FILE, FileFacts, Manifest, ManifestFacts, read_manifest
from metier.bundles.safety import check_is_data, walk_files
from metier.errors import BundleError, TamperedBundleError
from metier.file_locks import held_file
from metier.predictors.loading import SETTINGS_FILE, read_settings
from metier.regular_files import open_regular
from metier.storage import open_up, storage_errors, sweep, write_text

SHOWN_FILES = 5
SIGNATURE_FILE = (
    "signature.json"  # Of the manifest, which therefore cannot hold its hash: see `bundles.signing`.
)


def seal(folder: Path, facts: ManifestFacts) -> Manifest:
    """Hash every file of a folder and write its manifest atomically; an earlier manifest is replaced.

    Whoever may use the folder can read its files afterwards, as the umask allows. Partial files of killed processes are
    removed first. One process seals at a time, the others wait for it.

    Parameters
    ----------
    folder : Path
        Folder that a method's `export` wrote, with the model card.
    facts : ManifestFacts
        Facts that are not in the files.

    Raises
    ------
    UnsafeFileError
        If a file is not allowed in a bundle.
    BundleError
        If the facts do not fit the predictor in the folder.
    StorageError
        If the manifest cannot be written.
    """
    _check_facts(folder, facts)
    with held_file(folder / SETTINGS_FILE):
        with storage_errors(folder / MANIFEST_FILE):
            for inside in [folder, *filter(Path.is_dir, folder.rglob("*"))]:
                sweep(inside)  # What a kill left would be refused as a file that could run code.
            open_up(folder)
        manifest = Manifest(**dict(facts), files=_hash_files(folder))
        write_text(folder / MANIFEST_FILE, manifest.model_dump_json(indent=1) + "\n")
    return manifest


def verify(folder: Path) -> Manifest:
    """Verify that a bundle is unchanged and contains only data, without loading it.

    Raises
    ------
    UnsafeFileError
        If a file could run code, listed in the manifest or not.
    TamperedBundleError
        If a file was altered, removed or added.
    BundleError
        If the manifest is missing or broken.
    """
    found = _hash_files(folder)  # First, as it refuses files that could run code.
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
            "Get the bundle from its source again; if the change was intended, train or seal again."
        )
    return manifest


def record_gate(folder: Path, result: Mapping[str, Any]) -> Manifest:
    """Put what the release gate said into the manifest of a bundle; its files stay as they are sealed.

    Sealing again, as after a refit, leaves it out: it was said of other files.

    Raises
    ------
    BundleError
        As `verify` does: a changed bundle is not the one that was judged.
    StorageError
        If the manifest cannot be written.
    """
    manifest = verify(folder).model_copy(update={"gate": dict(result)})
    write_text(folder / MANIFEST_FILE, manifest.model_dump_json(indent=1) + "\n")
    return manifest


def record_mask(folder: Path, mask: Literal["input", "log", "off"] | None) -> Manifest:
    """Put the policy for personal data into the manifest of a bundle; raises what `record_gate` does.

    Parameters
    ----------
    mask : {"input", "log", "off"} or None
        Whether a service masks before the model, in its logs alone, or nowhere; None: whoever serves it decides.
    """
    manifest = verify(folder).model_copy(update={"mask": mask})
    write_text(folder / MANIFEST_FILE, manifest.model_dump_json(indent=1) + "\n")
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
        if name in (MANIFEST_FILE, SIGNATURE_FILE):
            continue
        with open_regular(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[name] = FileFacts(sha256=digest, size_bytes=path.stat().st_size)
    return files


def _name(fault: str, paths: set[str]) -> list[str]:
    if not paths:
        return []
    shown = ", ".join(sorted(paths)[:SHOWN_FILES])
    more = f" and {len(paths) - SHOWN_FILES} more" if len(paths) > SHOWN_FILES else ""
    return [f"{fault}: {shown}{more}"]
