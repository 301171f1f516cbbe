"""The file of keys: who may ask the service, what for, until when, and how much a minute.

A key is `mt_PREFIX_SECRET`. The file has its prefix, by which it is looked up, and a salted scrypt hash [1]_ of the
whole; the key itself is shown once and stored nowhere. The file is readable by its owner alone, replaced as a whole, and
changed by one process at a time.

References
----------
.. [1] Percival and Josefsson, "The scrypt Password-Based Key Derivation Function", RFC 7914, 2016.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from metier.errors import CallError, KeyFileError, UnknownNameError
from metier.file_locks import held
from metier.regular_files import read_regular
from metier.serving.guards.scopes import scopes_of
from metier.storage import partial_file, storage_errors, sweep

FORMAT_VERSION = 1
PREFIX_BYTES, SECRET_BYTES, SALT_BYTES = 6, 32, 16
# 16 MB and some 40 ms of one core for each key that is checked anew.
COST = {"n": 2**14, "r": 8, "p": 1}
MOST_MEMORY = 64 * 2**20
KEY = re.compile(r"mt_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class KeyRecord(BaseModel, frozen=True, extra="ignore"):
    """What is kept of one key."""

    name: str = Field(description="Who asks with it; a rotated key and the new one share it.")
    prefix: str = Field(description="The part of the key by which it is found; no secret.")
    salt: str = Field(description="In hexadecimal digits.")
    hash: str = Field(description="scrypt of the whole key, in hexadecimal digits.")
    cost: dict[str, int] = Field(default=COST, description="Of scrypt: n, r, p.")
    scopes: tuple[str, ...] = Field(description="What the key may do.")
    created: datetime
    expires: datetime | None = Field(default=None, description="None: never.")
    revoked: datetime | None = Field(default=None, description="None: it was not.")
    requests_per_minute: int | None = Field(default=None, ge=1, description="None: no limit.")
    rows_per_minute: int | None = Field(default=None, ge=1, description="None: no limit.")

    def fits(self, key: str) -> bool:
        """Whether a key is the one that was hashed, compared in constant time; takes a scrypt."""
        return secrets.compare_digest(
            hashed(key, bytes.fromhex(self.salt), self.cost), bytes.fromhex(self.hash)
        )

    def is_over(self, now: datetime) -> bool:
        """Whether the key has expired."""
        return self.expires is not None and now >= self.expires

    def state(self, now: datetime) -> str:
        """Say `active`, `expired` or `revoked`."""
        return "revoked" if self.revoked else "expired" if self.is_over(now) else "active"


class KeyFileContent(BaseModel, frozen=True, extra="ignore"):
    """The content of a file of keys."""

    format_version: int = FORMAT_VERSION
    keys: tuple[KeyRecord, ...] = ()


@dataclass(frozen=True)
class NewKey:
    """A key that was just made: this is the only time that it can be read.

    Parameters
    ----------
    key : str
    record : KeyRecord
    """

    key: str
    record: KeyRecord


def hashed(key: str, salt: bytes, cost: Mapping[str, int]) -> bytes:
    """Give the scrypt hash of a key."""
    of = key.encode()
    return hashlib.scrypt(of, salt=salt, n=cost["n"], r=cost["r"], p=cost["p"], maxmem=MOST_MEMORY)


def read_keys(path: Path) -> tuple[KeyRecord, ...]:
    """Read the keys of a file, those that expired or were revoked as well.

    Raises
    ------
    KeyFileError
        If it is missing or broken, or others than its owner may read it.
    """
    try:
        content = read_regular(path)
        is_shared = path.stat().st_mode & 0o077
    except OSError as error:
        fault = error.strerror or error
        raise KeyFileError(
            f"The keys {path} cannot be read ({fault}). Make the first one with: metier keys create NAME --keys {path}"
        ) from None
    if is_shared:
        raise KeyFileError(
            f"The keys {path} can be read or written by other users. Keep them to their owner: chmod 600 {path}"
        )
    return _parsed(path, content)


def create_key(
    path: Path,
    name: str,
    scopes: Sequence[str],
    *,
    lifetime: timedelta | None = None,
    requests_per_minute: int | None = None,
    rows_per_minute: int | None = None,
) -> NewKey:
    """Make a key, and the file where it is missing.

    Parameters
    ----------
    scopes : sequence of str
        Names of scopes and of roles.
    lifetime : timedelta, optional
        From now on; None: for ever.

    Raises
    ------
    CallError
        If the name cannot be one, or has a key that is active.
    UnknownNameError
        If there is no such scope or role.
    KeyFileError, StorageError
        If the file cannot be read or written.
    """
    if not NAME.fullmatch(name):
        raise CallError(
            f"{name!r} cannot be the name of a key. Take up to 64 letters, digits, '.', '-' and '_', "
            "a letter or digit first."
        )
    wanted, now = scopes_of(scopes), _now()
    with _changed(path) as (keys, write):
        if any(one.name == name and one.state(now) == "active" for one in keys):
            raise CallError(
                f"{name} has an active key already. Replace it with: metier keys rotate {name} --keys {path}"
            )
        made = _new_key(
            name=name,
            scopes=wanted,
            created=now,
            expires=now + lifetime if lifetime else None,
            requests_per_minute=requests_per_minute,
            rows_per_minute=rows_per_minute,
        )
        write((*keys, made.record))
    return made


def rotate_key(path: Path, name: str, *, overlap: timedelta) -> NewKey:
    """Make a new key that may do what the active one of a name may; that one works on for a while.

    The new one lives as long as the old one was made for.

    Raises
    ------
    UnknownNameError
        If no key of the name is active.
    """
    now = _now()
    with _changed(path) as (keys, write):
        old = [one for one in keys if one.name == name and one.state(now) == "active"]
        if not old:
            raise _unknown(name, keys)
        last = max(old, key=lambda one: one.created)
        lifetime = last.expires - last.created if last.expires else None
        facts = last.model_dump(include={"name", "scopes", "requests_per_minute", "rows_per_minute"})
        made = _new_key(**facts, created=now, expires=now + lifetime if lifetime else None)
        until = now + overlap
        ending = {one.prefix: min(until, one.expires or until) for one in old}
        kept = [
            one.model_copy(update={"expires": ending[one.prefix]}) if one.prefix in ending else one
            for one in keys
        ]
        write((*kept, made.record))
    return made


def revoke_keys(path: Path, name: str) -> tuple[KeyRecord, ...]:
    """Let every key of a name, or the one of a prefix, be refused from now on; give them.

    Raises
    ------
    UnknownNameError
        If there is none that is not revoked already.
    """
    now = _now()
    with _changed(path) as (keys, write):
        ended = {one.prefix for one in keys if name in (one.name, one.prefix) and not one.revoked}
        if not ended:
            raise _unknown(name, keys)
        changed = tuple(one.model_copy(update={"revoked": now}) if one.prefix in ended else one for one in keys)
        write(changed)
    return tuple(one for one in changed if one.prefix in ended)


def _new_key(**facts: Any) -> NewKey:
    prefix, salt = secrets.token_hex(PREFIX_BYTES), secrets.token_bytes(SALT_BYTES)
    key = f"mt_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    record = KeyRecord(prefix=prefix, salt=salt.hex(), hash=hashed(key, salt, COST).hex(), **facts)
    return NewKey(key, record)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _unknown(name: str, keys: Sequence[KeyRecord]) -> UnknownNameError:
    return UnknownNameError("active key", name, known={one.name for one in keys if not one.revoked})


def _parsed(path: Path, content: str) -> tuple[KeyRecord, ...]:
    try:
        found = KeyFileContent.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "line 1"
        raise KeyFileError(
            f"{path} is no file of keys ({where}: {fault['msg']}). Put a copy of it back, or make new keys in another file."
        ) from None
    if found.format_version > FORMAT_VERSION:
        raise KeyFileError(
            f"{path} has keys of format {found.format_version}; this release reads up to format {FORMAT_VERSION}. "
            "Install a newer metier."
        )
    return found.keys


Write = Callable[[Sequence[KeyRecord]], None]


@contextmanager
def _changed(path: Path) -> Iterator[tuple[tuple[KeyRecord, ...], Write]]:
    """Give the keys of a file and what writes them back, while no other process changes it."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(path.with_name(f".{path.name}.lock"), what=path, wait=True):
            yield read_keys(path) if path.exists() else (), lambda keys: _write(path, keys)


def _write(path: Path, keys: Sequence[KeyRecord]) -> None:
    content = KeyFileContent(keys=tuple(keys)).model_dump(mode="json")
    sweep(path.parent, of=path)
    with partial_file(path) as partial:
        partial.chmod(0o600)  # While it is empty.
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
