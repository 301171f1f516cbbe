"""What is served of a registry: which models by which aliases, and which versions these point to now."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from metier.bundles.manifest import read_manifest
from metier.errors import RegistryError, TamperedBundleError, UnknownNameError
from metier.registry.fingerprint import fingerprint_of
from metier.registry.pointers import Pointed, Pointers
from metier.registry.registry import CHAMPION, Registry
from metier.serving.answer_threads import AnswerThreads
from metier.serving.answering import Answering
from metier.serving.hot_swap import HotSwap
from metier.serving.models import Models
from metier.serving.rolling_out.following import RollOutFollower
from metier.serving.settings import ServingSettings
from metier.serving.wanted import Wanted


@dataclass(frozen=True)
class ServedRegistry:
    """A registry whose models are served, each by its aliases.

    Parameters
    ----------
    folder : Path
    load_folder : callable
        Gives what answers from the folder of a version.
    url : str, optional
        Of the database; None: SQLite in the folder.
    wanted : tuple of Wanted
        Empty: the champion of every model, of those that come later, too.
    """

    folder: Path
    load_folder: Callable[[Path], Answering]
    url: str | None = None
    wanted: tuple[Wanted, ...] = ()

    def models(self, settings: ServingSettings, threads: AnswerThreads) -> Models:
        """Give the models as they are now; raises what `now` and `check` do."""
        return HotSwap(self, settings, threads).models

    def following(self, models: Models, settings: ServingSettings, threads: AnswerThreads) -> RollOutFollower:
        """Give what follows the roll-outs of the registry."""
        return RollOutFollower(self._opened, self._version, models, settings, threads)

    def _opened(self) -> Registry:
        return Registry(self.folder, url=self.url)

    def _version(self, name: str, number: int) -> Answering:
        found = self._pointers.read()[name].versions.get(number)
        if found is None:
            raise UnknownNameError(f"version of {name!r}", str(number), known=())
        return self.load(found)

    @functools.cached_property
    def _pointers(self) -> Pointers:  # Opened where it is used: a connection is not for another process.
        return Pointers(self.folder, url=self.url)

    def now(self) -> dict[Wanted, Pointed | None]:
        """Give the version of each model that is wanted; None: there is none.

        Raises
        ------
        RegistryError
            If the registry is not there, or cannot be read.
        """
        models = self._pointers.read()
        every = [Wanted(name) for name, model in models.items() if CHAMPION in model.aliases]
        return {one: one.found_in(models.get(one.name)) for one in self.wanted or every}

    def check(self, found: Mapping[Wanted, Pointed | None]) -> dict[Wanted, Pointed]:
        """Give what can be served from the start.

        Raises
        ------
        RegistryError
            If there is nothing.
        UnknownNameError
            If something that is wanted is not there.
        """
        if not found:
            raise RegistryError(
                f"No model of the registry {self.folder} has a version that answers as {CHAMPION}, so there is nothing to "
                "serve. Let one: metier registry promote NAME VERSION"
            )
        missing = next((one for one, version in found.items() if version is None), None)
        if missing is not None:
            raise UnknownNameError("model in the registry", str(missing), known=self._known())
        return {one: version for one, version in found.items() if version is not None}

    def _known(self) -> list[str]:
        models = self._pointers.read()
        return [f"{name}@{alias}" for name, model in models.items() for alias in model.aliases]

    def load(self, version: Pointed) -> Answering:
        """Load a version.

        Raises
        ------
        TamperedBundleError
            If it is another than was added to the registry.
        BundleError
            If it is not a bundle, or was altered.
        """
        found = fingerprint_of(read_manifest(version.folder))
        if found != version.fingerprint:
            raise TamperedBundleError(
                f"{version.folder} is not the version that was added to the registry: its files are others. Add it again "
                "as a new version from its source."
            )
        return self.load_folder(version.folder)
