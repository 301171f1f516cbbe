"""What the aliases of a registry point to, read by who serves it: often, quickly, and without ever changing anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.pool import NullPool

from metier.errors import RegistryError
from metier.registry.database import known_database
from metier.registry.registry import DATABASE
from metier.registry.tables import ALIASES, METADATA, VERSIONS

WAIT_SECONDS = 1.0  # For a database that is locked: whoever serves asks again soon.


@dataclass(frozen=True)
class Pointed:
    """A version that can be served.

    Parameters
    ----------
    number : int
    folder : Path
    fingerprint : str
        Of its files, as the registry knows it.
    """

    number: int
    folder: Path
    fingerprint: str


@dataclass(frozen=True)
class PointedModel:
    """The versions of a model by their numbers, and what its aliases point to."""

    versions: Mapping[int, Pointed]
    aliases: Mapping[str, Pointed]


class Pointers:
    """The aliases and versions of a registry.

    Parameters
    ----------
    folder : Path
        Never made where it is missing.
    url : str, optional
        Of the database; None: SQLite in the folder.
    """

    def __init__(self, folder: Path, *, url: str | None = None):
        self._folder = folder.resolve()
        self._file = None if url else self._folder / DATABASE
        # A connection of its own each time: one that is kept goes on reading a file that was removed.
        self._database = known_database(
            url or f"sqlite:///file:{quote(str(self._file))}?mode=ro&uri=true",
            METADATA,
            what="registry",
            wait_seconds=WAIT_SECONDS,
            poolclass=NullPool,
        )

    def read(self) -> dict[str, PointedModel]:
        """Give the versions and aliases of each model.

        Raises
        ------
        RegistryError
            If the registry is not there, or cannot be read.
        """
        if self._file is not None and not self._file.exists():
            raise RegistryError(
                f"There is no registry at {self._folder}. Name its folder with --registry, or begin one with metier "
                "registry add."
            )
        with self._database.reading() as connection:
            versions = connection.execute(
                select(VERSIONS.c.name, VERSIONS.c.version, VERSIONS.c.fingerprint).order_by(VERSIONS.c.name)
            ).all()
            aliases = connection.execute(select(ALIASES)).all()
        found: dict[str, dict[int, Pointed]] = {}
        for name, number, fingerprint in versions:
            folder = self._folder / name / str(number)
            found.setdefault(name, {})[number] = Pointed(number, folder, fingerprint)
        return {
            name: PointedModel(
                numbers,
                {
                    one.alias: numbers[one.version]
                    for one in aliases
                    if one.name == name and one.version in numbers
                },
            )
            for name, numbers in found.items()
        }
