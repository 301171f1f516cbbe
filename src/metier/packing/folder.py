"""The folder of a pack: the templates of this package filled, the bundle, the program and its pinned packages."""

import json
import platform
import shutil
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

import metier
from metier.bundles import verify, write_whole
from metier.bundles.manifest import MANIFEST_FILE, Manifest
from metier.bundles.sealing import SIGNATURE_FILE
from metier.packing.program import pinned_requirements, wheel_name, write_wheel
from metier.packing.settings import PACK_FILE, PackSettings, check_settings, check_target

TEMPLATES = "templates"
ENDING = ".j2"


def write_pack(
    bundle: Path, folder: Path, settings: PackSettings, *, overwrite: bool = False
) -> dict[str, Any]:
    """Write everything that deploys a bundle into a folder, wholly or not at all.

    Parameters
    ----------
    bundle : Path
        The folder of a sealed bundle; its seal is checked.
    overwrite : bool, default=False
        Whether a pack that is there may be replaced; no other folder ever is.

    Returns
    -------
    dict
        What is in `pack.json`: the bundle, the names, the memory, and every file.

    Raises
    ------
    CallError
        If a name cannot be used, or the folder must stay.
    BundleError
        If the bundle is not what was sealed.
    StorageError
        If a write fails; no partial folder is left.
    """
    check_settings(settings)
    check_target(folder, overwrite=overwrite)
    manifest = verify(bundle)
    with write_whole(folder) as partial:
        _copy_bundle(bundle, partial / "bundle", manifest)
        write_wheel(partial)
        _write(partial / "requirements.txt", "\n".join([*pinned_requirements(), ""]))
        for name, text in filled_templates(settings, manifest).items():
            _write(partial / name, text)
        facts = _facts(partial, settings, manifest)
        _write(partial / PACK_FILE, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    return facts


def filled_templates(settings: PackSettings, manifest: Manifest) -> dict[str, str]:
    """Give the text of every file that is made from a template, by its path in the pack."""
    environment = Environment(
        loader=PackageLoader("metier.packing", TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=select_autoescape(),
    )
    known = _known(settings, manifest)
    names = _names(files("metier.packing") / TEMPLATES)
    return {name.removesuffix(ENDING): environment.get_template(name).render(known) for name in sorted(names)}


def _known(settings: PackSettings, manifest: Manifest) -> Mapping[str, Any]:
    return {
        "pack": settings,
        "method": manifest.name,
        "task": manifest.task.name,
        "python": platform.python_version(),
        "version": metier.__version__,
        "wheel": wheel_name(),
    }


def _names(folder: Traversable, above: str = "") -> list[str]:
    found = []
    for entry in folder.iterdir():
        path = f"{above}{entry.name}"
        found += _names(entry, f"{path}/") if entry.is_dir() else [path]
    return [path for path in found if path.endswith(ENDING)]


def _copy_bundle(bundle: Path, target: Path, manifest: Manifest) -> None:
    """Copy what was sealed, and nothing else that lies there."""
    signature = [name for name in (SIGNATURE_FILE,) if (bundle / name).exists()]
    for name in (MANIFEST_FILE, *signature, *manifest.files):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / name, path)


def _facts(folder: Path, settings: PackSettings, manifest: Manifest) -> dict[str, Any]:
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {
        "metier": metier.__version__,
        "bundle": {"name": manifest.name, "task": manifest.task.name, "created": manifest.created.isoformat()},
        **settings.model_dump(),
        "memory_request_mib": settings.memory_request,
        "memory_limit_mib": settings.memory_limit,
        "files": written,
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
