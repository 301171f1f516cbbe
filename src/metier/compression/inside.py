"""A technique on a whole bundle: on its predictor, or on the members of an ensemble or a cascade that it fits."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metier.compression.cascade import certify_again
from metier.compression.materials import Materials
from metier.compression.part_files import copy_part, has_weights
from metier.compression.technique import Technique, is_encoder
from metier.errors import CompressionError
from metier.export.graph_export import HUGGING_FACE_FOLDER
from metier.fusion.composition import fingerprint
from metier.predictors.loading import SETTINGS_FILE, read_settings, write_settings


def fits_inside(technique: Technique, folder: Path) -> bool:
    """Whether a technique fits the predictor in a folder or one of its members."""
    settings = read_settings(folder)
    return technique.fits(settings) or any(
        fits_inside(technique, folder / entry["folder"]) for entry in members_of(settings)
    )


def members_of(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the members of a composite predictor, or the stages of a cascade."""
    return [*settings.get("members", []), *settings.get("stages", [])]


def apply_inside(technique: Technique, source: Path, folder: Path, materials: Materials) -> dict[str, Any]:
    """Write the files of a predictor with the technique applied to it, or to each member that it fits.

    Raises
    ------
    CompressionError
        If it fits nothing of it, or nothing came of it.
    """
    settings = read_settings(source)
    if technique.fits(settings):
        return technique.apply(source, folder, materials)
    fitting = [one for one in members_of(settings) if fits_inside(technique, source / one["folder"])]
    if not fitting:
        raise CompressionError(
            f"{technique.name} does not fit a predictor of kind {settings['kind']}. Leave it out."
        )
    copy_part(source, folder)
    facts = {}
    for entry in fitting:
        if not _is_within(entry, fitting):
            shutil.rmtree(folder / entry["folder"])
            facts[entry["name"]] = apply_inside(
                technique, source / entry["folder"], folder / entry["folder"], materials
            )
    _name_again(folder, materials)
    return facts


def _is_within(entry: Mapping[str, Any], others: list[dict[str, Any]]) -> bool:
    """Whether a member lies inside another one, which has been worked on whole."""
    return any(entry["folder"].startswith(f"{other['folder']}/") for other in others)


def _name_again(folder: Path, materials: Materials) -> None:
    """Write the members' names and fingerprints anew, and a cascade's threshold."""
    settings = read_settings(folder)
    for key in ("members", "stages"):
        if key in settings:
            settings[key] = [
                {
                    **entry,
                    "name": read_settings(folder / entry["folder"])["name"],
                    "fingerprint": fingerprint(folder / entry["folder"]),
                }
                for entry in settings[key]
            ]
    write_settings(folder, settings)
    if "stages" in settings and materials.settled is None:
        certify_again(folder, materials)


def with_weights(bundle: Path, folder: Path) -> None:
    """Copy the files of a bundle, each encoder in it beside its weights where the run has them.

    A member of an ensemble leaves its weights in the folder of the candidate that it is, which is known by its files.
    """
    copy_part(bundle, folder)
    candidates = {fingerprint(one.parent): one.parent for one in bundle.parent.glob(f"*/{SETTINGS_FILE}")}
    for settings_file in sorted(folder.rglob(SETTINGS_FILE)):
        part = settings_file.parent
        if not is_encoder(read_settings(part)) or has_weights(part):
            continue
        twin = candidates.get(fingerprint(part))
        if twin is not None and has_weights(twin):
            shutil.copytree(twin / HUGGING_FACE_FOLDER, part / HUGGING_FACE_FOLDER)


def without_weights(folder: Path) -> None:
    """Remove the weights beside encoders inside an ensemble: what ships is what answers."""
    for inner in sorted(folder.rglob(HUGGING_FACE_FOLDER)):
        if inner.is_dir() and inner.parent != folder:
            shutil.rmtree(inner)
