"""Bundles by name and version, and aliases such as `champion` that say which of them answers.

A version is a copy of a sealed bundle in the folder of the registry, which nothing changes afterwards. What an alias
points to changes at once or not at all; who changed it, when, why and on what result of the release gate is kept for
ever. A version that has not passed its gate is promoted by force alone, and that is kept, too.
"""

import getpass
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from metier.bundles.loading import resolve_bundle
from metier.bundles.manifest import Manifest
from metier.bundles.sealing import verify
from metier.errors import RegistryError, UnknownNameError
from metier.registry.database import open_database
from metier.registry.fingerprint import fingerprint_of
from metier.registry.names import check_name
from metier.registry.tables import ALIASES, EVENTS, METADATA, VERSIONS
from metier.storage import old_of, partial_folder, replace_folder, storage_errors, sweep

CHAMPION, CHALLENGER = "champion", "challenger"
DATABASE = "registry.sqlite"


@dataclass(frozen=True)
class Version:
    """A version of a model.

    Parameters
    ----------
    name : str
    number : int
    folder : Path
        Of the bundle.
    fingerprint : str
        Of its files.
    aliases : tuple of str
    gate : str or None
        What the release gate said: `pass`, `fail` or `cannot tell`; None: it was not asked.
    may_go_live : bool
        Whether its policy lets it go live.
    """

    name: str
    number: int
    folder: Path
    fingerprint: str
    aliases: tuple[str, ...]
    gate: str | None
    may_go_live: bool


@dataclass(frozen=True)
class Change:
    """One line of the history."""

    at: datetime
    who: str
    action: str
    name: str
    alias: str | None
    version: int
    before: int | None
    gate: str | None
    is_forced: bool
    why: str


class Registry:
    """A folder of versions, with a database of what points to them.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    url : str, optional
        Of the database, as SQLAlchemy writes it; None: SQLite in the folder.

    Attributes
    ----------
    database : Database
    """

    def __init__(self, folder: Path, *, url: str | None = None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = open_database(
            url or f"sqlite:///{self.folder.resolve() / DATABASE}", METADATA, what="registry"
        )

    def add(self, bundle: Path, name: str, *, who: str = "", why: str = "") -> Version:
        """Copy a sealed bundle into the registry; the same files are the version that they are already.

        Raises
        ------
        BundleError
            If it is none, or was altered.
        WrongTypeError
            If the name is not one of letters, digits, `_` and `-`.
        """
        check_name(name, "name of a model")
        source = resolve_bundle(bundle)
        manifest = verify(source)
        with self._copied(source, name) as copy:
            number = self._take_in(copy, manifest, name, source, who=who, why=why)
        return self.version(name, number)

    @contextmanager
    def _copied(self, source: Path, name: str) -> Iterator[Path]:
        """Give a copy beside the versions, made before any other process has to wait; it is gone where it was not taken."""
        folder = self.folder / name
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            sweep(folder)
            with partial_folder(folder / "version") as partial:
                shutil.copytree(source, partial, dirs_exist_ok=True)
                yield partial

    def _take_in(self, copy: Path, manifest: Manifest, name: str, source: Path, *, who: str, why: str) -> int:
        """Make a version of a copy, unless its files are one already, and give its number."""
        fingerprint = fingerprint_of(manifest)
        with self.database.writing() as connection:
            found = connection.execute(
                select(VERSIONS.c.version).where(VERSIONS.c.name == name, VERSIONS.c.fingerprint == fingerprint)
            ).scalar()
            number = found or 1 + self._last(connection, name)
            if found is None:
                # The folder first: a version that the database knows is there. One that it does not know is replaced.
                target = self._folder_of(name, number)
                replace_folder(copy, target)
                shutil.rmtree(old_of(target), ignore_errors=True)
                connection.execute(
                    insert(VERSIONS).values(
                        name=name,
                        version=number,
                        fingerprint=fingerprint,
                        origin=str(source),
                        gate=manifest.gate,
                    )
                )
                note(connection, "add", name, number, who=who, why=why, gate=_outcome(manifest))
        return int(number)

    def promote(
        self,
        name: str,
        number: int,
        *,
        alias: str = CHAMPION,
        who: str = "",
        why: str = "",
        force: bool = False,
    ) -> Version:
        """Let an alias point to a version.

        Raises
        ------
        RegistryError
            If the version has not passed its release gate, unless it is forced.
        UnknownNameError
            If there is no such version.
        """
        check_name(alias, "alias")
        version = self.version(name, number)
        if not version.may_go_live and not force:
            said = "was not asked" if version.gate is None else f"says {version.gate!r}"
            raise RegistryError(
                f"Version {number} of {name!r} has not passed a release gate: it {said}. Run metier gate {version.folder} "
                "--policy FILE, or promote it with --force, which is kept in the history."
            )
        with self.database.writing() as connection:
            before = point(connection, name, alias, number)
            note(
                connection, "promote", name, number, alias=alias, before=before, who=who, why=why,
                gate=version.gate, is_forced=not version.may_go_live,
            )  # fmt: skip
        return self.version(name, number)

    def roll_back(self, name: str, *, alias: str = CHAMPION, who: str = "", why: str = "") -> Version:
        """Let an alias point to what it pointed to before; once more, to what was before that.

        Raises
        ------
        RegistryError
            If it never pointed to another version.
        """
        with self.database.writing() as connection:
            stack = _stack(connection, name, alias)
            if len(stack) < 2:
                raise RegistryError(
                    f"{alias!r} of {name!r} points to no earlier version, so there is none to go back to. "
                    f"See metier registry history {name}."
                )
            current, before = stack[-1], stack[-2]
            point(connection, name, alias, before)
            note(
                connection, "roll back", name, before, alias=alias, before=current, who=who, why=why,
                gate=self._gate(connection, name, before),
            )  # fmt: skip
        return self.version(name, before)

    def version(self, name: str, of: int | str = CHAMPION) -> Version:
        """Give a version by its number, or by an alias.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        self.check_known(name)
        versions = {one.number: one for one in self.versions(name)}
        if isinstance(of, int) and of in versions:
            return versions[of]
        found = [one for one in versions.values() if of in one.aliases]
        if not found:
            known = [*map(str, versions), *(alias for one in versions.values() for alias in one.aliases)]
            raise UnknownNameError(f"version of {name!r}", str(of), known=known)
        return found[0]

    def versions(self, name: str) -> list[Version]:
        """Give the versions of a model, the oldest first."""
        with self.database.reading() as connection:
            rows = connection.execute(
                select(VERSIONS).where(VERSIONS.c.name == name).order_by(VERSIONS.c.version)
            ).all()
            pointed = connection.execute(select(ALIASES).where(ALIASES.c.name == name)).all()
        return [
            Version(
                name,
                row.version,
                self._folder_of(name, row.version),
                row.fingerprint,
                tuple(sorted(one.alias for one in pointed if one.version == row.version)),
                (row.gate or {}).get("verdict"),
                bool((row.gate or {}).get("may_go_live")),
            )
            for row in rows
        ]

    def names(self) -> list[str]:
        """Give the names of all models."""
        with self.database.reading() as connection:
            return list(
                connection.execute(select(VERSIONS.c.name).distinct().order_by(VERSIONS.c.name)).scalars()
            )

    def history(self, name: str) -> list[Change]:
        """Give every change of a model, the oldest first."""
        with self.database.reading() as connection:
            rows = connection.execute(select(EVENTS).where(EVENTS.c.name == name).order_by(EVENTS.c.id)).all()
        return [Change(**{key: value for key, value in row._mapping.items() if key != "id"}) for row in rows]

    def remove(self, name: str, number: int) -> None:
        """Remove a version that no alias points to, with its files; its history stays, and its number is not given again.

        Raises
        ------
        RegistryError
            If an alias points to it.
        """
        version = self.version(name, number)
        if version.aliases:
            raise RegistryError(
                f"Version {number} of {name!r} answers as {', '.join(version.aliases)}. Promote another first."
            )
        with self.database.writing() as connection:
            connection.execute(delete(VERSIONS).where(VERSIONS.c.name == name, VERSIONS.c.version == number))
            note(connection, "remove", name, number, who="", why="")
        shutil.rmtree(version.folder, ignore_errors=True)

    def check_known(self, name: str) -> None:
        """Raise `UnknownNameError` where there is no model of that name."""
        if name not in self.names():
            raise UnknownNameError("model in the registry", name, known=self.names())

    def _folder_of(self, name: str, number: int) -> Path:
        return self.folder / name / str(number)

    def _last(self, connection: Connection, name: str) -> int:
        last = connection.execute(select(func.max(VERSIONS.c.version)).where(VERSIONS.c.name == name)).scalar()
        return int(last or 0)

    def _gate(self, connection: Connection, name: str, number: int) -> str | None:
        gate: Any = connection.execute(
            select(VERSIONS.c.gate).where(VERSIONS.c.name == name, VERSIONS.c.version == number)
        ).scalar()
        return (gate or {}).get("verdict")


def _outcome(manifest: Manifest) -> str | None:
    return (manifest.gate or {}).get("verdict")


def point(connection: Connection, name: str, alias: str, number: int) -> int | None:
    """Let an alias point to a version, and give the one before."""
    at = (ALIASES.c.name == name, ALIASES.c.alias == alias)
    before = connection.execute(select(ALIASES.c.version).where(*at)).scalar()
    if before is None:
        connection.execute(insert(ALIASES).values(name=name, alias=alias, version=number))
    else:
        connection.execute(update(ALIASES).where(*at).values(version=number))
    return before


def _stack(connection: Connection, name: str, alias: str) -> Sequence[int]:
    """Give the versions that an alias pointed to, each promotion on top of the one before, roll-backs taken off."""
    stack: list[int] = []
    for action, version in connection.execute(
        select(EVENTS.c.action, EVENTS.c.version)
        .where(EVENTS.c.name == name, EVENTS.c.alias == alias)
        .order_by(EVENTS.c.id)
    ):
        if action == "roll back":
            stack.pop()
        elif not stack or stack[-1] != version:
            stack.append(version)
    return stack


def note(connection: Connection, action: str, name: str, version: int, *, who: str, **facts: Any) -> None:
    """Add a line to the history."""
    connection.execute(
        insert(EVENTS).values(
            at=datetime.now(UTC),
            who=who or getpass.getuser(),
            action=action,
            name=name,
            version=version,
            **facts,
        )
    )
