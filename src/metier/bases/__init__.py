"""Pretrained models: where they are found, how inputs are prepared, how their weights are adapted.

Light: `metier doctor` lists the bases where torch is not installed. `load_model` alone needs it, and is found when it is
first used.
"""

import pkgutil
from typing import TYPE_CHECKING, Any

from metier.bases.base import Base
from metier.bases.known_base import available_bases
from metier.bases.known_bases import load_tokenizer, resolve_base
from metier.errors import MissingExtraError

if TYPE_CHECKING:
    from metier.bases.huggingface_folder import load_model

__all__ = ["Base", "available_bases", "load_model", "load_tokenizer", "resolve_base"]


def __getattr__(name: str) -> Any:
    if name != "load_model":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has: {', '.join(__all__)}")
    try:
        return pkgutil.resolve_name(f"{__name__}.huggingface_folder:load_model")
    except ModuleNotFoundError as error:
        raise MissingExtraError("Loading a base", extra="train") from error
