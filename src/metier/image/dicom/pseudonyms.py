"""Names, identifiers and shifts of dates that stand for others: the same ones for the same key, and no way back.

Each is a keyed hash (HMAC-SHA256) of what it stands for. A plain hash would not do: the few million numbers that a
hospital can give to patients are hashed in a second, so whoever has a plain hash has the number.
"""

import hashlib
import hmac
import os
import secrets
import uuid
from pathlib import Path

from metier.errors import CallError
from metier.storage import REMEDY, storage_errors
from metier.user_cache import user_cache

KEY_BYTES = 32
CODE_DIGITS = 16  # Hexadecimal: two of a million patients share a code with a chance of 1 in 37 million.
UUID_ROOT = "2.25."  # Of identifiers that are made of a UUID: PS3.5, B.2.
MOST_DAYS = 3_650
LOCAL_KEY = "pseudonyms.key"


class Pseudonyms:
    """What stands for names, identifiers and dates under one key.

    Parameters
    ----------
    key : bytes
        At least `KEY_BYTES`; whoever has it can test a guess.
    """

    def __init__(self, key: bytes):
        self._key = key

    def code(self, value: str) -> str:
        """Give the hexadecimal digits that stand for a name or a number."""
        return self._digest("code", value).hex()[:CODE_DIGITS]

    def uid(self, value: str) -> str:
        """Give the DICOM identifier (UID) that stands for one."""
        return UUID_ROOT + str(uuid.UUID(bytes=self._digest("uid", value)[:16], version=4).int)

    def days(self, patient: str) -> int:
        """Give how many days the dates of a patient are moved back, 1 to `MOST_DAYS`."""
        return 1 + int.from_bytes(self._digest("days", patient)[:8], "big") % MOST_DAYS

    def _digest(self, use: str, value: str) -> bytes:
        return hmac.new(
            self._key, f"{use}\0{value.strip()}".encode("utf-8", "surrogatepass"), hashlib.sha256
        ).digest()


def new_key() -> bytes:
    """Give a key that nobody has."""
    return secrets.token_bytes(KEY_BYTES)


def kept_key(path: Path) -> bytes:
    """Give the key of a file; where there is no such file it is made, readable by its owner alone.

    Raises
    ------
    CallError
        If the file holds no key.
    StorageError
        If it cannot be written.
    """
    with storage_errors(path, remedy=REMEDY):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_key(path)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            key = new_key()
            file.write(key.hex() + "\n")
            return key


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        key = b""
    if len(key) < KEY_BYTES:
        raise CallError(
            f"{path} holds no key: expected {2 * KEY_BYTES} hexadecimal digits. Name the file of the key, or a new file."
        )
    return key


def local_key() -> bytes:
    """Give the key of this user on this machine, which lies in the cache."""
    return kept_key(user_cache() / LOCAL_KEY)
