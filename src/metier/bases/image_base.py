"""Bases that see: where to find them. Nothing here imports torch; `image_network` loads them."""

from pathlib import Path

from metier.bases.base import WEIGHTS, Base
from metier.bases.known_base import available_bases, known_base
from metier.bases.known_bases import PROCESSOR, check_folder, find_folder, read_json
from metier.errors import UnknownNameError
from metier.image.preparation import Preparation, preparation_of

AUTO = "efficientnet-lite0"


def image_base(name: str | Base) -> Base:
    """Find a base that sees by a folder, a known short name, `auto`, or a name on the Hugging Face hub.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    NoNetworkError
        If only the hub could have it and the network is forbidden or out of reach.
    MissingExtraError
        If the package with its weights is not installed.
    WrongHashError
        If the weights are not the published ones.
    BaseModelError, UnsafeFileError
        If the folder holds no network of images, or only files that can run code when loaded.
    """
    if isinstance(name, Base):
        return name
    known = known_base(AUTO if name == "auto" else name)
    if known is not None and known.use == "image":
        return Base(known.name, known.folder(), normalise=False)
    if known is not None:
        seeing = [base.name for base in available_bases() if base.use == "image"]
        raise UnknownNameError("base for images", name, known=[*seeing, "auto"])
    folder = find_folder(name, use="image")
    check_folder(folder, "a base for images", f"{WEIGHTS}, {PROCESSOR}", tokenizers=(PROCESSOR,))
    return Base(name, folder, normalise=False)


def folder_preparation(folder: Path) -> Preparation:
    """Give how a folder in Hugging Face layout prepares images; raises `BaseModelError` if it does not say."""
    return preparation_of(read_json(folder / PROCESSOR), origin=str(folder / PROCESSOR))
