"""Embeddings kept on disk by the content of their text, so that no text is embedded twice by the same weights.

One SQLite file a base in the user cache: a write is one transaction, so a killed process leaves the file whole, and
several processes may share it. It is only ever a saving: a file that cannot be read or written is done without.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import numpy as np

from metier.bases.base import Base
from metier.bases.known_bases import weights_hash
from metier.user_cache import user_cache

# A file holds this much at most, some 600,000 vectors of 384 numbers; the oldest are removed.
MOST_BYTES = 1_000_000_000
RECIPE = 2  # Part of the file's name; a change of how a text becomes a vector is a new number.
ASKED_AT_ONCE = 500  # SQLite allows 999 variables in a statement.
WAIT_SECONDS = 30.0


class EmbeddingCache:
    """The embeddings of one base.

    Parameters
    ----------
    path : Path
        The SQLite file; made when something is first put into it.
    most_bytes : int
        Size of all vectors together, beyond which the oldest are forgotten.
    """

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES):
        self.path = path
        self.most_bytes = most_bytes

    @classmethod
    def of(cls, base: Base, *, precision: str) -> Self:
        """Give the cache of a base: of its weights, tokenizer, prefix and length, whatever it is called."""
        tokenizer = (base.folder / "tokenizer.json").stat()
        fed = (base.prefix, base.max_length, base.normalise, precision)
        facts = (weights_hash(base), tokenizer.st_size, *fed, RECIPE)
        key = hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
        return cls(user_cache() / "embeddings" / f"{key}.sqlite")

    def get(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Give the vectors of those texts that are known."""
        if not self.path.exists():
            return {}
        by_key = {_key(text): text for text in texts}
        found: dict[str, np.ndarray] = {}
        with self._excused(), closing(self._connect()) as connection:
            for keys in _portions(list(by_key)):
                marks = ",".join("?" * len(keys))
                query = f"SELECT key, vector FROM embeddings WHERE key IN ({marks})"  # noqa: S608 (only question marks)
                for key, vector in connection.execute(query, keys):
                    found[by_key[key]] = np.frombuffer(vector, dtype=np.float32)
        return found

    def put(self, vectors: Mapping[str, np.ndarray]) -> None:
        """Keep the vectors of texts."""
        rows = [
            (_key(text), np.asarray(vector, dtype=np.float32).tobytes()) for text, vector in vectors.items()
        ]
        if not rows:
            return
        with self._excused(), closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO embeddings (key, vector) VALUES (?, ?)", rows)
            most_rows = self.most_bytes // len(rows[0][1])
            connection.execute(
                "DELETE FROM embeddings WHERE id <= (SELECT max(id) FROM embeddings) - ?", (most_rows,)
            )

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS embeddings "
            "(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE, vector BLOB)"
        )
        return connection

    @contextmanager
    def _excused(self) -> Iterator[None]:
        """Let a cache that fails cost time only."""
        try:
            yield
        except (sqlite3.OperationalError, OSError):
            return  # A full, locked or read-only disk.
        except sqlite3.DatabaseError:
            # Not a database, or a torn one: nothing in it is worth more than the seconds it takes to make again.
            self.path.unlink(missing_ok=True)


def _portions(keys: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), ASKED_AT_ONCE):
        yield keys[start : start + ASKED_AT_ONCE]


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
