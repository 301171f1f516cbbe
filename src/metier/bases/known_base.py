"""A base that an installed package brings: where its weights are, what they are, how inputs are prepared; the table."""

import functools
import hashlib
import importlib.util
import pkgutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from metier.errors import MissingExtraError, WrongHashError
from metier.plug_ins import load_plug_in, plug_ins
from metier.user_cache import build_once, user_cache


@dataclass(frozen=True)
class KnownBase:
    """One entry of the table of bases.

    Parameters
    ----------
    name : str
        The short name it is asked for by.
    package : str
        What is installed to get it, with its version.
    module, path : str
        The package's module, and the file of the weights in it; without `convert` the folder of that file is a base
        in Hugging Face layout.
    sha256 : str
        Of that file: another one is refused.
    summary : str
        For `metier doctor`.
    languages : tuple of str
        ISO 639-1 codes; `("*",)` for many.
    max_length : int
        Most tokens that it reads, special tokens included; 0 where it reads none.
    prefix : str
        Put before every text, as in pretraining.
    use : {"encoder", "writer", "image", "speech"}
        Which methods use it: encoder methods, generative ones, or those of images or of speech.
    convert : str, optional
        `module:function` that writes a Hugging Face folder, from (path of the weights, empty folder).
    recipe : int
        Part of the name of the converted folder; a change of what is written there is a new number.
    parts : str, optional
        What has to be installed where that is more than the extra, in words.
    extra : str
        The extra of Metier that installs it.
    """

    name: str
    package: str
    module: str
    path: str
    sha256: str
    summary: str
    languages: tuple[str, ...] = ("*",)
    max_length: int = 0
    prefix: str = ""
    use: Literal["encoder", "writer", "image", "speech"] = "encoder"
    convert: str | None = None
    recipe: int = 1
    parts: str | None = None
    extra: str = "models"

    @property
    def source(self) -> Path | None:
        """The file of the weights; None where the package is not installed.

        Found without importing: the packages pull in engines of their own that are not wanted here.
        """
        specification = importlib.util.find_spec(self.module)
        for location in (specification.submodule_search_locations or []) if specification else []:
            path = Path(location) / self.path
            if path.is_file():
                return path
        return None

    @property
    def converted_folder(self) -> Path:
        """Where it lies once it was converted."""
        return user_cache() / "bases" / f"{self.name}-{self.sha256[:8]}-{self.recipe}"

    @property
    def is_ready(self) -> bool:
        """Whether the first use has nothing to convert."""
        return self.source is not None and (self.convert is None or self.converted_folder.is_dir())

    def has_published_weights(self) -> bool:
        """Whether the weights that its package brought are the published ones, by their SHA-256."""
        source = self.source
        return source is not None and file_hash(source) == self.sha256

    def folder(self) -> Path:
        """Give the folder in Hugging Face layout, converted once if need be.

        Raises
        ------
        MissingExtraError
            If the package is not installed.
        WrongHashError
            If the weights are not the published ones.
        """
        source = self.source
        if source is None:
            what = f": {self.parts}; it" if self.parts else f" (package {self.package})"
            raise MissingExtraError(f"The base {self.name!r}{what}", extra=self.extra)
        if self.convert is None:
            self._check_hash(source)
            return source.parent
        return build_once(self.converted_folder, functools.partial(self._convert, source))

    def _convert(self, source: Path, folder: Path) -> None:
        self._check_hash(source)
        pkgutil.resolve_name(self.convert or "")(source, folder)

    def _check_hash(self, source: Path) -> None:
        found = file_hash(source)
        if found != self.sha256:
            raise WrongHashError(
                f"{source} has SHA-256 {found[:12]}…, expected {self.sha256[:12]}…: it is not the published file. "
                f"Install it again: pip install --force-reinstall --no-deps {self.package}"
            )


def file_hash(path: Path) -> str:
    """SHA-256 of a file; computed once a process for each state of the file."""
    state = path.stat()
    return _hash(str(path), state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _hash(path: str, size: int, modified_ns: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


PLUG_INS = "metier.bases"
# Short name of a base: where its entry, a `KnownBase`, stands; a plug-in's entry point says the same.
BASES = {
    "minilm": "metier.bases.known.minilm:MINILM",
    "e5-multilingual": "metier.bases.known.e5_multilingual:E5_MULTILINGUAL",
    "efficientnet-lite0": "metier.bases.known.efficientnet_lite0:EFFICIENTNET_LITE0",
    "smollm2": "metier.bases.known.smollm2:SMOLLM2",
    "whisper-tiny-en": "metier.bases.known.whisper_tiny_en:WHISPER_TINY_EN",
}


def base_names() -> list[str]:
    """Give every known short name, ours first."""
    return [*BASES, *(name for name in plug_ins(PLUG_INS) if name not in BASES)]


def known_base(name: str) -> KnownBase | None:
    """Give the entry of a short name; None where it is none; raises `PlugInError` if a plug-in's is broken."""
    entry: KnownBase | None = None
    if name in BASES:
        entry = pkgutil.resolve_name(BASES[name])
    # A path or a hub name is none, and plug-ins take a while to look up.
    elif "/" not in name and name in plug_ins(PLUG_INS):
        entry = load_plug_in(PLUG_INS, name, parts=(part.name for part in fields(KnownBase)))
    return entry


def available_bases() -> list[KnownBase]:
    """Give every entry, ours first, installed or not; nothing is loaded or converted."""
    return [base for name in base_names() if (base := known_base(name)) is not None]
